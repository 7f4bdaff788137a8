"""The options of `model-check`, each written once and shared by the commands that take it."""

import functools
import inspect
import math
import os
from collections.abc import Callable
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from quorate_check.core.system import NetworkKind, UnusableSystemError
from quorate_check.raft.bounds import BUDGETS, OF_BOUNDED_NETWORKS, UNLIMITED, RaftBounds

P = ParamSpec("P")
GIB = 1 << 30
DEFAULT_WORKERS = 2
# The default bounds of searches and of random walks. A walk is one run, with a definite set of messages in flight.
# Models of a bounded network (the rungs of the ladder, rows of known bugs, TLC's models) have bounds of their own.
SEARCH_BOUNDS = RaftBounds(network=NetworkKind.ANY)
WALK_BOUNDS = RaftBounds(network=NetworkKind.UNORDERED)


class Engine(Enum):
    """The engine of a search: compiled, or the reference in plain Python."""

    COMPILED = "compiled"
    REFERENCE = "reference"


class RaftNetwork(Enum):
    """The kinds of networks for Raft, which has no rounds."""

    ANY = NetworkKind.ANY.value
    UNORDERED = NetworkKind.UNORDERED.value
    ORDERED = NetworkKind.ORDERED.value


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


PreVoteOption = Annotated[
    bool, typer.Option("--pre-vote/--no-pre-vote", help="Before an election a server asks whether it could win.")
]
NoOpOption = Annotated[
    bool, typer.Option("--leader-no-op/--no-leader-no-op", help="A new leader appends an empty entry.")
]
CheckQuorumOption = Annotated[
    bool, typer.Option("--check-quorum/--no-check-quorum", help="A leader steps down if no quorum answers it.")
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="The search: compiled, or in plain Python (slow, without symmetry).")
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", help="Threads or processes of the search.", show_default="2 if there are 2 cores"),
]
WitnessOption = Annotated[
    str | None,
    typer.Option("--witness", metavar="NAME", help="Instead, find a shortest path to this witness."),
]
DepthOption = Annotated[int | None, typer.Option("--depth", help="The maximum number of steps of a path.")]
MemoryOption = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", help="Memory for states.", show_default="70 % of the machine's"),
]
FullOption = Annotated[
    bool,
    typer.Option("--full", help="Search also the states that differ only by useless messages or used budgets."),
]
CoverageOption = Annotated[
    bool,
    typer.Option("--coverage", help="Report also which events were enabled, and which lines of code never ran."),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="DIR", help="Store the search here; the same command resumes it."),
]
DiskOption = Annotated[
    Path | None,
    typer.Option("--disk", metavar="DIR", help="Keep states in this folder; --memory bounds the part in memory."),
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS|local", help="Search with --workers actors in this Ray cluster."),
]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write a report as JSON; '-' is standard output, with nothing else."),
]
SaveOption = Annotated[
    str | None, typer.Option("--save", metavar="FILE", help="Write the path of a violation, for `model-check replay`.")
]

_FLAGS: dict[str, tuple[str, str]] = {
    "servers": ("--servers", "Servers in the cluster."),
    "max_term": ("--max-term", "No election starts a term beyond this one."),
    "max_log": ("--max-log", "A request that makes a log longer is refused."),
    "in_flight": ("--in-flight", "On a bounded network: messages in flight at once."),
    "proposals": ("--proposals", "Client requests on a path."),
    "restarts": ("--restarts", "Crashes and restarts on a path."),
    "step_downs": ("--step-downs", "Leaders that step down on a path."),
    "transfers": ("--transfers", "Transfers of leadership that begin on a path."),
    "drops": ("--drops", "On a bounded network: messages lost on a path."),
    "duplicates": ("--duplicates", "On a bounded network: messages delivered twice on a path."),
    "snapshots": ("--snapshots", "Snapshots taken on a path."),
    "reads": ("--reads", "Rounds of client reads on a path."),
    "members": ("--members", "The servers that found the cluster, learners after a plus, as in 123+4."),
    "changes": ("--changes", "A leader changes the members to each of these, as in 123+4,124."),
    "pre_vote": ("--pre-vote/--no-pre-vote", "Before an election a server asks whether it could win."),
    "no_op": ("--leader-no-op/--no-leader-no-op", "A new leader appends an empty entry."),
    "check_quorum": (
        "--check-quorum/--no-check-quorum",
        "A leader steps down if no quorum answers it; who has a leader ignores requests for votes.",
    ),
    "network": ("--network", "How messages travel."),
    "storage": ("--storage", "Writes are durable before any message leaves, or later."),
    "symmetry": ("--symmetry/--no-symmetry", "Explore one of all states that differ only in the servers' names."),
}


def raft_bounds(defaults: RaftBounds) -> Callable[[Callable[Concatenate[RaftBounds, P], int]], Callable[..., int]]:
    """Give a command one option per field of RaftBounds instead of its first parameter, which receives them all.

    `defaults` are the bounds if no option is given. An option of bounded networks alone makes the network unordered.
    """

    def decorate(command: Callable[Concatenate[RaftBounds, P], int]) -> Callable[..., int]:
        @functools.wraps(command)
        def with_options(**arguments: Any) -> int:  # noqa: ANN401 - whatever typer parsed
            values = {name: arguments.pop(name) for name in _FLAGS}
            return command(_bounds(defaults, values), **arguments)  # type: ignore[call-arg]

        _, *parameters = inspect.signature(command).parameters.values()
        other_parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        own_parameters = [_option(f.name, getattr(defaults, f.name)) for f in fields(RaftBounds)]
        with_options.__signature__ = inspect.Signature([*own_parameters, *other_parameters])  # type: ignore[attr-defined]
        with_options.__annotations__ = {}
        return with_options

    return decorate


def _bounds(defaults: RaftBounds, values: dict[str, Any]) -> RaftBounds:
    """Return `defaults` with the values of the options that were given; refuse a contradiction about the network."""
    options = {name: value for name, value in values.items() if value is not None}
    bounding_flags = [_FLAGS[name][0] for name in OF_BOUNDED_NETWORKS if name in options]
    if bounding_flags and options.get("network") is RaftNetwork.ANY:
        raise UnusableSystemError(
            f"--network any holds any number of messages, lost and repeated as well: leave {bounding_flags[0]} out"
        )
    network = NetworkKind.UNORDERED if bounding_flags else defaults.network
    options["network"] = NetworkKind(options["network"].value) if "network" in options else network
    options |= {name: None for name in BUDGETS if options.get(name) == UNLIMITED}
    return replace(defaults, **options)


def _option(name: str, default: object) -> inspect.Parameter:
    flag, text = _FLAGS[name]
    annotation: Any = Annotated
    kind: Any = type(default)
    if name in OF_BOUNDED_NETWORKS:
        kind, option, default = int | None, typer.Option(flag, help=text, show_default=str(default)), None
    elif isinstance(default, NetworkKind):
        flags = ", ".join(_FLAGS[field][0] for field in OF_BOUNDED_NETWORKS)
        default_text = "any; unordered with any of " + flags if default is NetworkKind.ANY else default.value
        kind, option, default = RaftNetwork | None, typer.Option(flag, help=text, show_default=default_text), None
    elif name in BUDGETS:
        kind, default = int, UNLIMITED if default is None else default
        option = typer.Option(flag, help=text, parser=parse_limit, metavar=f"N|{UNLIMITED}")
    else:
        option = typer.Option(flag, help=text)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation[kind, option])


def parse_limit(text: str | int) -> str | int:
    """Return a bound of BUDGETS from the command line: a number, or UNLIMITED, since None is an option not given."""
    if text == UNLIMITED:
        return UNLIMITED
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor {UNLIMITED!r}") from None


def memory_bytes(gib: float | None) -> int | None:
    """Return --memory in bytes; raise UnusableSystemError if it isn't positive, or more than this machine has."""
    if gib is None:
        return None
    if not math.isfinite(gib) or gib <= 0:
        raise UnusableSystemError(f"--memory {gib:g}: give a positive number of GiB")
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if gib * GIB > installed:
        raise UnusableSystemError(f"--memory {gib:g}: this machine has {installed / GIB:.1f} GiB")
    return int(gib * GIB)
