"""A shorter run with the same outcome: what was found on any network, looked for again where messages are used up.

The run says how many messages it needs in flight, how much of each budget, and whether any arrives twice. Within that
a breadth-first search finds the fewest steps. A shorter run might need more of all that, so a second search has all the
budgets and so many messages in flight that none is left out. If it ends, the path is known to be a shortest one; if it
takes too many states, or leaves a message out all the same, that isn't known, and the path says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quorate_check.core import behaviour
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.core.values import Key, key
from quorate_check.core.verdict import Exploration
from quorate_check.engine.limits import Ceiling, Limits

MOST_STATES = 2_000_000  # that the search for a shorter run looks at: the same on every machine
MEMORY = 1 << 30
MOST_IN_FLIGHT = 32
LEAST = "This path is a shortest one, however many messages are in flight."
NOT_KNOWN = "This path is not known to be the shortest: no shorter one was found with as many messages in flight."


def shorten(system: System, path: Path, stop: Callable[[], str | None]) -> Path:
    """Return `path`, or a shorter one that breaks a promise as well, with a note on what is known of its length."""
    if not path.steps:
        return path
    exploration = _shorter(as_bounded(system, path), path, stop)
    if exploration is not None and exploration.path is not None:
        path = replay(system, exploration.path)
    exploration = _shorter(with_room(system, path), path, stop)
    if exploration is not None and exploration.path is not None:
        path = replay(system, exploration.path)
    is_known = exploration is not None and exploration.stopped is None and not exploration.over_capacity
    return replace(path, note=LEAST if is_known else NOT_KNOWN)


def _shorter(system: System, path: Path, stop: Callable[[], str | None]) -> Exploration | None:
    """Search for fewer steps than those of `path`; return None if the messages in flight can't be packed."""
    from quorate_check.engine import search  # noqa: PLC0415 - its kernels take time to load

    ceiling, limits = Ceiling(MOST_STATES, stop), Limits(len(path.steps) - 1, 1, MEMORY)
    try:
        return search.explore(system, limits, stop=ceiling.stop, report=ceiling.report)
    except UnusableSystemError:
        return None


def with_room(system: System, path: Path) -> System:
    """Return the system on an unordered network with room for all that fewer steps than those of `path` may send."""
    capacity = min(MOST_IN_FLIGHT, len(system.initial) * len(path.steps))
    return replace(system, network=Network(NetworkKind.UNORDERED, capacity, duplicates=None), witnesses=())


def as_bounded(system: System, path: Path) -> System:
    """Return the system on an unordered network that holds what `path` needs at the same time, and no more."""
    waiting, most, repetition = set[Key](), 1, False
    last = {key(step.move.event): n for n, step in enumerate(path.steps) if is_delivery(step.move)}
    before = path.initial
    for number, step in enumerate(path.steps):
        if is_delivery(step.move):
            arriving = key(step.move.event)
            repetition |= last[arriving] != number
            if last[arriving] == number:
                waiting.discard(arriving)
        if step.after is not None:
            waiting |= set(map(key, step.after.flight)) - set(map(key, before.flight))
            before = step.after
        most = max(most, len(waiting))
    used = dict(zip(system.limits(), max((s.after.used for s in path.steps if s.after), default=()), strict=False))
    budgets = {name: min(limit, used.get(name, 0)) for name, limit in system.budgets.items()}
    network = Network(NetworkKind.UNORDERED, most, duplicates=None if repetition else 0)
    return replace(system, network=network, budgets=budgets, witnesses=())


def is_delivery(move: Move) -> bool:
    """Whether a message arrives."""
    return move.kind in {MoveKind.DELIVER, MoveKind.DUPLICATE}


def replay(system: System, path: Path) -> Path:
    """Return a path on a network on which nothing is used up, from one on which what arrives is."""
    state: GlobalState | None = behaviour.start(system)
    first, steps = behaviour.start(system), list[Step]()
    for step in path.steps:
        move = replace(step.move, kind=MoveKind.DELIVER) if is_delivery(step.move) else step.move
        assert state is not None
        if path.broken == behaviour.RAISED and step is path.steps[-1]:
            steps.append(Step(move, None))
            break
        state = next(after for other, _, after in behaviour.edges(system, state, move) if other == move)
        steps.append(Step(move, state))
    return replace(path, initial=first, steps=tuple(steps))
