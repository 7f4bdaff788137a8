"""What it means that the compiled engine agrees with the reference search, and that a path really happened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from quorate_check import engine
from quorate_check.core import behaviour
from quorate_check.core.behaviour import DEADLOCK, RAISED, StepRaisedError
from quorate_check.core.invariants import Invariant
from quorate_check.core.path import GlobalState, Path, Step
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration
from quorate_check.engine import plain
from quorate_check.engine.any_network.runner import Reply, Request, Runner

MEMORY = 1 << 28  # plenty for what the reference can search, and little to reserve


@dataclass
class AtMost:
    """Stops the reference, which asks before each state, when it has expanded `states` of them."""

    states: int

    def __call__(self) -> str | None:
        """Return a reason to stop when the states are used up."""
        self.states -= 1
        return "enough for a test" if self.states < 0 else None


class InThisProcess:
    """Runners without processes of their own."""

    def __init__(self, system: System, size: int) -> None:
        self.size = size
        self.runners = [Runner(system) for _ in range(size)]

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answer of each."""
        return [runner.answer(request) for runner, request in zip(self.runners, requests, strict=True)]

    def figures(self) -> None:
        """Nothing goes to other machines."""


def explore(system: System, *, depth: int | None = None, workers: int = 1) -> Exploration:
    """The engine's search, in little memory."""
    return engine.explore(system, engine.Limits(depth, workers, MEMORY))


def by_reference(system: System, *, at_most: int) -> tuple[Exploration, int | None]:
    """The reference's search and the depth it was limited to, because there are more than `at_most` states."""
    found = plain.explore(system, stop=AtMost(at_most))
    if found.stopped is None:
        return found, None
    depth = max(0, found.depth - 1)  # the levels that were surely complete
    return plain.explore(system, depth=depth), depth


def assert_agrees(system: System, found: Exploration, expected: Exploration) -> None:
    """What the engine `found` in `system` is what the reference did.

    Once a promise is broken either search leaves its level as it happens to stand: what is compared then is all that
    lies before that level.
    """
    assert found.verdict is expected.verdict
    assert found.invariants == expected.invariants
    assert (found.stopped, found.depth_limit) == (expected.stopped, expected.depth_limit)
    if expected.path is None:
        assert found.levels == expected.levels
        assert (found.transitions, found.cut_off) == (expected.transitions, expected.cut_off)
        assert found.witnesses == expected.witnesses
        # In plain Python the event alone says what it is, and a look for a deadlock runs steps.
        is_ambiguous = (
            system.network.round_end in [each.event for each in system.spontaneous] or system.done is not None
        )
        if expected.coverage is not None and not is_ambiguous:
            assert found.coverage == expected.coverage
        assert found.conclusion == replace(expected, coverage=found.coverage).conclusion
        return
    assert found.path is not None
    length = len(expected.path.steps)
    assert len(found.path.steps) == length
    assert found.levels[:length] == expected.levels[:length]
    assert seen_before(found, length) == seen_before(expected, length)
    assert_really_happens(system, found.path)


def seen_before(found: Exploration, depth: int) -> dict[str, int]:
    """The witnesses that were seen after fewer than `depth` steps."""
    return {w.name: w.depth for w in found.witnesses if w.depth is not None and w.depth < depth}


def assert_really_happens(system: System, path: Path) -> None:
    """Every step of `path` is a move of `system`, and the last state or step breaks the promise that the path names."""
    now = behaviour.start(system)
    assert path.initial == now
    before = now
    for number, step in enumerate(path.steps, start=1):
        before = now
        if path.broken == RAISED and number == len(path.steps):
            assert_raises(system, now, path)
            return
        assert any((move, after) == (step.move, step.after) for move, _, after in behaviour.attempts(system, now))
        if step.after is None:
            assert number == len(path.steps), "only the last step of a path may leave the bounds"
            continue
        now = step.after
    if path.broken == DEADLOCK:
        assert_is_stuck(system, now)
        return
    invariant = next(i for i in system.invariants if i.name == path.broken)
    if isinstance(invariant, Invariant) and invariant.message_view is not None:
        assert not invariant.condition.is_true(now)
    elif isinstance(invariant, Invariant):
        views = [invariant.view(local) for local in now.nodes]
        assert not all(invariant.holds(t) for t in behaviour.tuples(views, invariant.over))
    else:
        assert breaks(system, before, path.steps[-1]) == path.broken


def assert_is_stuck(system: System, now: GlobalState) -> None:
    """Without faults, with no limit to budgets and in a network without bounds, nothing can happen any more."""
    assert system.done is not None
    assert not all(map(system.done, now.nodes))
    events = tuple(replace(event, budget=None) for event in system.spontaneous if not event.fault)
    network = replace(system.network, capacity=1 << 20, drops=0, duplicates=0)
    free = replace(system, spontaneous=events, network=network, budgets={}, done=None)
    assert not any(behaviour.attempts(free, replace(now, used=(0, 0))))


def assert_raises(system: System, now: GlobalState, path: Path) -> None:
    """The last move of `path` makes the step function raise, with the text that the path gives."""
    move = path.steps[-1].move
    assert move.node is not None
    assert path.steps[-1].after is None
    with pytest.raises(StepRaisedError) as raised:
        behaviour.local_step(system, now.nodes[move.node], move)
    assert str(raised.value) == path.detail


def breaks(system: System, before: GlobalState, step: Step) -> str | None:
    """The step invariant that `step` breaks."""
    node = step.move.node
    assert node is not None
    outcome = behaviour.local_step(system, before.nodes[node], step.move)[step.move.choice]
    return behaviour.broken_by_step(system, before.nodes[node], behaviour.event_of(step.move), outcome)
