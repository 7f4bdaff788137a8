"""The comparison of two sets of states: those that plain Python reaches, and those that a checker dumped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.pretty import pretty_repr

from quorate_check.core import behaviour
from quorate_check.core.path import GlobalState, Move, Path, Step
from quorate_check.core.system import System
from quorate_check.core.values import memoize
from quorate_check.engine.trace import renamings
from quorate_check.tell import phrases
from quorate_check.tell.path_text import name_of, path_lines

WIDTH = 76

Origins = dict[GlobalState, tuple[GlobalState, Move] | None]


@dataclass(frozen=True, slots=True)
class Stray:
    """A state that only one side reaches.

    If that is our side, `path` leads to it, and both sides reach the state before its last step. If it is the checker's
    side, `nearest` is the state of our side that differs the least from it.
    """

    state: GlobalState
    path: Path | None = None
    nearest: GlobalState | None = None


def reachable(system: System) -> Origins:
    """Return every reachable state with the state and move that first led to it, in the order of depths.

    It is found in plain Python.
    """
    quick = replace(system, step=memoize(system.step))
    first = behaviour.start(quick)
    origins: Origins = {first: None}
    frontier = [first]
    for state in frontier:  # which grows in this loop
        for move, _, after in behaviour.moves(quick, state):
            if after is not None and after not in origins:
                origins[after] = (state, move)
                frontier.append(after)
    return origins


def unreduced_dump(system: System, dump: dict[GlobalState, int]) -> dict[GlobalState, int]:
    """Return all renamings of the states of `dump` if `system` is symmetric, each with the number of its state."""
    return {image: number for state, number in dump.items() for image in renamings(system, state)}


def first_stray(origins: Origins, dump: dict[GlobalState, int]) -> Stray | None:
    """Return the first state that only one side reaches, ours by least depth first; None if the sets are equal."""
    for state in origins:
        if state not in dump:
            return Stray(state, path=path_to(origins, state))
    strays = [state for state in dump if state not in origins]
    if not strays:
        return None
    state = min(strays, key=dump.__getitem__)
    return Stray(state, nearest=min(origins, key=lambda candidate: _distance(candidate, state)))


def path_to(origins: Origins, state: GlobalState) -> Path:
    """Return the path by which `state` was first reached."""
    steps: list[Step] = []
    while (origin := origins[state]) is not None:
        steps.insert(0, Step(origin[1], state))
        state = origin[0]
    return Path(state, tuple(steps), "")


def stray_lines(system: System, stray: Stray, width: int = WIDTH) -> Iterator[str]:
    """Yield the side that has the state, the state, and the path to it or the nearest state of both sides."""
    side = "the Python text" if stray.path is not None else "the TLA+ text"
    yield f"Only {side} reaches this state:"
    for node, local in enumerate(stray.state.nodes):
        first, *rest = pretty_repr(local, max_width=width - 6).splitlines()
        yield f"  {name_of(system, node)}: {first}"
        yield from (f"      {line}" for line in rest)
    yield from (f"  in flight: {message!r}" for message in stray.state.flight)
    if stray.path is not None:
        yield ""
        yield "The path there; the TLA+ text allows all its steps but the last:"
        yield from path_lines(system, stray.path, width)
    if stray.nearest is not None:
        yield ""
        yield "The nearest state that both reach differs from it in this (that one's, then this one's):"
        yield from (f"  {line}" for line in _differing(system, stray.nearest, stray.state))


def _differing(system: System, nearest: GlobalState, state: GlobalState) -> Iterator[str]:
    for node, (before, after) in enumerate(zip(nearest.nodes, state.nodes, strict=True)):
        yield from phrases.changes(before, after, name_of(system, node))
    yield from (f"in flight there, not here: {m!r}" for m in sorted(set(nearest.flight) - set(state.flight), key=repr))
    yield from (f"in flight here, not there: {m!r}" for m in sorted(set(state.flight) - set(nearest.flight), key=repr))


def _distance(candidate: GlobalState, state: GlobalState) -> tuple[int, int]:
    """Return the number of fields and messages that differ, then the number of nodes that do."""
    pairs = list(zip(candidate.nodes, state.nodes, strict=True))
    nodes = sum(1 for before, after in pairs if before != after)
    fields = sum(len(phrases.changes(before, after)) for before, after in pairs if before != after)
    return fields + len(set(candidate.flight) ^ set(state.flight)), nodes
