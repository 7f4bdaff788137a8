"""The flags of `quorate serve`: one for each key of the configuration."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from quorate.cli.errors import CommandFailedError
from quorate.node.config import KEYS, PEERS, ConfigError, Configuration, Key, read_configuration

_CONFIG = "config"
_HELP_OF_CONFIG = "A TOML file with any of these keys, and a table [peers] of ids and addresses."
_HELP_OF_PEER = "A node's id and address for other nodes; repeat for every node, including this one."


def configured(command: Callable[[Configuration], int]) -> Callable[..., int]:
    """Replace the parameter of `command` by a flag for each key; the command gets the configuration from the flags."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> int:  # noqa: ANN401 - whatever typer parsed
        file = arguments.pop(_CONFIG)
        peers = arguments.pop(PEERS)
        flags = {name.replace("_", "-"): value for name, value in arguments.items() if value is not None}
        if peers:
            flags[PEERS] = _split(peers)
        try:
            return command(read_configuration(file, flags))
        except ConfigError as error:
            raise CommandFailedError(str(error)) from error

    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _parameter(_CONFIG, Path, typer.Option("--config", metavar="FILE", help=_HELP_OF_CONFIG)),
            _parameter(PEERS, list[str], typer.Option("--peer", metavar="ID=HOST:PORT", help=_HELP_OF_PEER)),
            *(_of_key(name, key) for name, key in KEYS.items()),
        ]
    )
    with_options.__annotations__ = {}
    return with_options


def _of_key(name: str, key: Key) -> inspect.Parameter:
    option = typer.Option(f"--{name}", metavar=key.metavar, help=key.help, show_default=False)
    return _parameter(name.replace("-", "_"), key.kind, option)


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:  # noqa: ANN401 - typer's own, made at run time
    annotation: Any = Annotated
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation[kind | None, option]
    )


def _split(peers: list[str]) -> dict[str, str]:
    addresses: dict[str, str] = {}
    for text in peers:
        name, equals, address = text.partition("=")
        if not equals:
            raise CommandFailedError(f"--peer {text}: ID=HOST:PORT is needed, as in 1=127.0.0.1:7101")
        if name in addresses:
            raise CommandFailedError(f"--peer {text}: this id is given twice")
        addresses[name] = address
    return addresses
