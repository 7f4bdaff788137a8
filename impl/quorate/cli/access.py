"""The options by which commands connect to nodes as clients: addresses, password and TLS."""

import asyncio
import functools
import inspect
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from quorate.cli.errors import CommandFailedError
from quorate.client.client import Client, connect_tcp
from quorate.client.retries import CommandError
from quorate.node.config_values import Protocol
from quorate.node.info import parse_info
from quorate.runtime.addresses import Address, parse_address
from quorate.runtime.network_errors import describe
from quorate.runtime.trust import client_context, show

DEFAULT_ADDRESS = "127.0.0.1:6379"
DEMO_HOST, DEMO_PORT = "127.0.0.1", 7001
DEMO_NODES, DEMO_NODES_OF_BFT = (1, 2, 3), (1, 2, 3, 4)
PATIENCE_S = 2.0

ProtocolOption = Annotated[
    Protocol,
    typer.Option(
        "--protocol", help="bft: ask every --server, which must be all nodes, and believe f + 1 equal answers."
    ),
]


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that a client needs to connect."""

    addresses: Sequence[Address]
    password: str | None = None
    tls: ssl.SSLContext | None = None
    byzantine: bool = False

    def client(self, timeout_s: float) -> Client:
        """Return a client of all these nodes."""
        return Client(
            self.addresses, password=self.password, tls=self.tls, timeout_s=timeout_s, byzantine=self.byzantine
        )

    async def info(self, address: Address) -> dict[str, str] | str:
        """Return the INFO of one node, or the reason why there is none."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                connection = await connect_tcp(address, self.password, self.tls)
                try:
                    reply = await connection.request(b"INFO")
                finally:
                    connection.close()
        except TimeoutError:
            return "no answer"
        except (OSError, CommandError) as error:
            return describe(error)
        return parse_info(reply.decode(errors="replace")) if isinstance(reply, bytes) else "the reply is no INFO"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The options by which a client and the nodes authenticate each other."""

    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="A file with only the password.")
    ] = None
    authority: Annotated[
        Path | None,
        typer.Option("--authority", metavar="FILE", help="Connect by TLS; the authority of the nodes' certificates."),
    ] = None
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="This client's certificate, if nodes ask for one."),
    ] = None
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key of --certificate.")] = None

    def access(self, servers: Sequence[str] | None, protocol: Protocol = Protocol.RAFT) -> Access:
        """Return access to `servers` with these credentials; CommandFailedError names an unusable option."""
        try:
            addresses = [parse_address(server) for server in servers] if servers else _default_addresses()
        except ValueError as error:
            raise CommandFailedError(str(error)) from error
        password, tls = (
            read_password(self.password_file, "--password-file"),
            _tls(self.authority, self.certificate, self.key),
        )
        return Access(addresses, password, tls, protocol is Protocol.BFT)


def with_fields(kind: type[Any], parameter: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command an option for each field of the dataclass `kind` in place of `parameter`, made from them."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def with_options(**arguments: Any) -> int:  # noqa: ANN401 - whatever typer parsed
            own = {field.name: arguments.pop(field.name) for field in fields(kind)}
            return command(**arguments, **{parameter: kind(**own)})

        signature = inspect.signature(command)
        others = [each for each in signature.parameters.values() if each.name != parameter]
        own = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in fields(kind)
        ]
        with_options.__signature__ = signature.replace(parameters=[*others, *own])  # type: ignore[attr-defined]
        with_options.__annotations__ = {}
        return with_options

    return decorate


with_credentials = with_fields(Credentials, "credentials")


def _default_addresses() -> list[Address]:
    """Return the default address of a node, or, if no node listens there, those of `quorate demo`, if it runs."""
    default = parse_address(DEFAULT_ADDRESS)
    if not _answers(default):
        demo = [(DEMO_HOST, DEMO_PORT + offset) for offset in range(len(DEMO_NODES_OF_BFT))]
        numbers = [number for number, address in zip(DEMO_NODES_OF_BFT, demo, strict=True) if _answers(address)]
        if numbers:
            return demo[: max(len(DEMO_NODES), *numbers)]
    return [default]


def _answers(address: Address) -> bool:
    try:
        with socket.create_connection(address, PATIENCE_S):
            return True
    except OSError:
        return False


def read_password(file: Path | None, option: str) -> str | None:
    """Return the password in a file that was given by this option; CommandFailedError if it can't be read."""
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is not UTF-8 text"
        raise CommandFailedError(f"{option} {file}: {reason}") from error


def _tls(authority: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if authority is None:
        if certificate is not None or key is not None:
            raise CommandFailedError("--certificate and --key need --authority, too")
        return None
    if (certificate is None) != (key is None):
        raise CommandFailedError("--certificate and --key need each other")
    try:
        context = client_context(authority)
    except OSError as error:  # ssl.SSLError is one
        raise CommandFailedError(f"--authority {authority}: {describe(error)}") from error
    if certificate is not None:
        try:
            show(context, certificate, key)
        except OSError as error:
            raise CommandFailedError(f"--certificate {certificate}, --key {key}: {describe(error)}") from error
    return context
