"""A path that a search without useless messages has found, made as short as can be seen.

The search removes useless messages, a path delivers them: every one, to begin with. Those deliveries that nothing
needs, not even room in the network, are left out again. Then the whole search looks for the shortest path of all, as
far as that takes no more than so many states.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from quorate_check.core import behaviour
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import System
from quorate_check.core.values import memoize, same

MOST_STATES = 2_000_000  # that the search for the shortest path looks at: the same on every machine
NOTE = "This path is not known to be the shortest: messages that change nothing were left out of the search."


def without_idle_steps(system: System, path: Path) -> Path:
    """Return `path` without the deliveries that change no node and that no later step needs."""
    quick, steps = replace(system, step=memoize(system.step)), path.steps
    for number in range(len(steps) - 1, -1, -1):
        before = steps[number - 1].after if number else path.initial
        assert before is not None, "only the last step leads nowhere"
        if not _is_idle(system, before, steps[number]):
            continue
        rest = _retake(quick, before, steps[number + 1 :])
        if rest and path.broken == behaviour.DEADLOCK and not _ends_in_deadlock(quick, rest[-1]):
            continue  # as long as a message can arrive, something can happen
        # The last step may be what breaks a promise of steps.
        if rest or (rest is not None and behaviour.broken(system, before) is not None):
            steps = (*steps[:number], *rest)
    return replace(path, steps=steps)


def _ends_in_deadlock(system: System, last: Step) -> bool:
    return last.after is not None and behaviour.is_deadlock(system, last.after)


def _is_idle(system: System, before: GlobalState, step: Step) -> bool:
    """Whether a step that is made in `before` delivers a message and changes no node."""
    if step.after is None or step.move.kind is not MoveKind.DELIVER:
        return False
    old, new = (behaviour.identity(system, replace(state, flight=())) for state in (before, step.after))
    return old == new


def _retake(system: System, state: GlobalState, steps: tuple[Step, ...]) -> tuple[Step, ...] | None:
    """Return the same moves made in `state`, None if they can't all be made."""
    result = list[Step]()
    for step in steps:
        if step.after is None:  # it raised, or left the bounds: what it did depends on a message and a node alone
            return (*result, step) if _enables(system, state, step.move) else None
        after = next((after for move, _, after in behaviour.attempts(system, state) if move == step.move), None)
        if after is None:
            return None
        result.append(Step(step.move, after))
        state = after
    return tuple(result)


def _enables(system: System, state: GlobalState, move: Move) -> bool:
    """Whether `move`, which an idle step came before, may be made without that step."""
    if move.kind is MoveKind.SPONTANEOUS:
        return not (system.network.at_once and state.flight)
    network = behaviour.kind(system)
    positions = network.deliverable(state.flight, state.current, partial(behaviour.link, system))
    return any(same(state.flight[position], move.event) for position in positions)
