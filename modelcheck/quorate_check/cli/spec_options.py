"""The options that bound the specification: each has the name of a field of SpecBounds."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.spec import ANY_HAS_NO_BOUNDS, OF_BOUNDED_NETWORKS, SpecBounds

P = ParamSpec("P")

LimitOption = Annotated[
    float | None,
    typer.Option("--time-limit", metavar="S", min=0.0, help="Seconds for each search, ours and the other checker's."),
]

_HELP = {
    "servers": "Servers in the cluster.",
    "max_term": "No server stands for a later term.",
    "max_log": "No leader appends to a log that is this long.",
    "in_flight": "Messages in the network at once.",
    "max_entries": "Entries in a message, at most.",
    "restarts": "Servers crash and restart, any number of times.",
    "stalls": "Disks stall: what is written later is lost in the next crash.",
    "step_downs": "Leaders step down, any number of times.",
    "drops": "Messages are lost, any number of them.",
    "duplicates": "Messages are delivered again, any number of times.",
    "pre_vote": "A pre-vote comes before every election.",
    "ignored_requests": "Servers that may have a leader ignore requests for votes, any number of times.",
    "snapshots": "Logs are compacted.",
    "max_rounds": "Rounds of reads that a leader begins in a term, at most.",
    "transfers": "Leaders transfer their leadership, any number of times.",
    "members": "The servers that found the cluster, learners after a plus, as in 123+4: all vote if it is empty.",
    "changes": "Leaders change the members to these voters and learners, as in 12,123+4.",
    "symmetry": "Explore one of all states that differ only in the servers' names.",
    "any_network": "What was sent stays in flight: any number of messages, lost and repeated.",
}


def spec_bounds(command: Callable[Concatenate[SpecBounds | None, P], int]) -> Callable[..., int]:
    """Give `command` one option per field of SpecBounds instead of its first parameter: None if none was given."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> int:  # noqa: ANN401 - whatever typer parsed
        values = {name: value for name in _HELP if (value := arguments.pop(name)) is not None}
        if values.get("any_network") and any(values.get(name) for name in OF_BOUNDED_NETWORKS):
            raise UnusableSystemError(ANY_HAS_NO_BOUNDS)
        return command(SpecBounds(**values) if values else None, **arguments)  # type: ignore[call-arg]

    _, *parameters = inspect.signature(command).parameters.values()
    other_parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    own_parameters = [_option(f.name, f.default) for f in fields(SpecBounds)]
    with_options.__signature__ = inspect.Signature([*own_parameters, *other_parameters])  # type: ignore[attr-defined]
    with_options.__annotations__ = {}
    return with_options


def _option(name: str, default: object) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    flags = f"{flag}/--no-{flag[2:]}" if isinstance(default, bool) else flag
    default_text = {True: "on", False: "off"}.get(default, default) if isinstance(default, bool) else default
    optional: Any = Annotated
    kind = optional[type(default) | None, typer.Option(flags, help=f"{_HELP[name]} [default: {default_text}]")]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
