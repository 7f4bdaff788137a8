"""Promises of liveness along a path: what is left of them at its end, and the promise that it breaks by going on.

They are judged of whole behaviours, the path so far and what follows. What follows may be that the last state repeats
for ever, or the steps since an equal state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from quorate_check.core import behaviour, fair_cycles
from quorate_check.core.behaviour import StepRaisedError
from quorate_check.core.fair_cycles import is_fulfilled, waits_from
from quorate_check.core.liveness import Eventually, LeadsTo, Liveness
from quorate_check.core.path import GlobalState, Path
from quorate_check.core.system import System
from quorate_check.core.values import Key, key


def awaited_since(promise: Liveness, states: Sequence[GlobalState]) -> int | None:
    """Return the first of `states` since which the promise is awaited at their end; None if it isn't."""
    begin = max((n + 1 for n, state in enumerate(states) if is_fulfilled(promise, state)), default=0)
    waits = (n for n in range(begin, len(states)) if waits_from(promise, states[n], is_first=n == 0))
    return next(waits, None)


def remaining(promises: Sequence[Liveness], states: Sequence[GlobalState]) -> Iterator[Liveness]:
    """Yield what behaviours from the last of `states` on must keep, to keep `promises` with `states` before them.

    What must be so again and again, or in the end, doesn't depend on what was before.
    """
    for promise in promises:
        is_awaited = awaited_since(promise, states) is not None
        if is_awaited and isinstance(promise, LeadsTo):
            yield Eventually(awaited_name(promise.name), promise.sentence, promise.condition)
        if is_awaited or not isinstance(promise, Eventually):
            yield promise


def awaited_name(name: str) -> str:
    """Return the name of what is left of a promise whose cause was on the path before."""
    return f"{name}, which is awaited"


def endless(system: System, path: Path) -> Path:
    """Return `path`; if it breaks a promise of liveness by going on for ever, then as the path that does."""
    states = [path.initial, *(step.after for step in path.steps if step.after is not None)]
    if path.broken or not system.liveness or len(states) <= len(path.steps):
        return path
    try:
        for promise in system.liveness:
            for loop in _loops(system, path, states):
                candidate = replace(path, broken=promise.name, loop=loop)
                if fair_cycles.breach(system, promise, candidate) is None:
                    return candidate
    except StepRaisedError:  # a step that raises breaks a promise of safety before
        pass
    return path


def _loops(system: System, path: Path, states: Sequence[GlobalState]) -> Iterator[int]:
    """Yield the numbers of steps after which the last state was reached; the last first.

    Those are left out that repeat only states and moves of a later one: they break no promise that it doesn't break.
    """
    identities = [behaviour.identity(system, state) for state in states]
    yield len(path.steps)
    repeated, count = set[Key](), 0
    for number in range(len(path.steps) - 1, -1, -1):
        move = path.steps[number].move
        repeated.add((identities[number], move.kind, move.node, key(move.event)))
        if identities[number] == identities[-1] and len(repeated) > count:
            count = len(repeated)
            yield number
