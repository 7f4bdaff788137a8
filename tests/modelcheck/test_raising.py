"""A step that raises at one node keeps nobody from walking a path on which another node steps."""

from dataclasses import dataclass, replace

import pytest

from engine_agreement import assert_really_happens, explore
from quorate_check.core import behaviour, reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.path import Move, MoveKind
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.tell.saved import SavedPath, SavedStep, replay


@dataclass(frozen=True, slots=True)
class Node:
    """Who it is, and how far it has counted."""

    me: int
    count: int = 0


def count(node: Node, event: object) -> tuple[Outcome, ...]:
    """Count to two; node 0 fails at two."""
    if event != "count" or node.count == 2:
        return ()
    if node.me == 0 and node.count == 1:
        raise ValueError("one too many")
    return (Outcome(replace(node, count=node.count + 1)),)


def counters(kind: NetworkKind, limit: int) -> System:
    """Two nodes that count, and promise not to come so far, both together."""
    return System(
        name="counters",
        initial=(Node(0), Node(1), Node(2)),
        step=count,
        network=Network(kind) if kind is NetworkKind.ANY else Network(kind, 1),
        source=lambda _message: 0,
        destination=lambda _message: 0,
        spontaneous=(Spontaneous("count"),),
        invariants=(Invariant("few", "", lambda node: node.count, lambda counts: sum(counts) < limit, Over.ALL),),
    )


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ORDERED, NetworkKind.ANY])
def test_a_path_through_a_state_in_which_another_node_raises_is_found(
    kind: NetworkKind, limit: int, workers: int
) -> None:
    """Whatever is found first, it is a shortest path, and it happens."""
    system = counters(kind, limit)
    expected, found = reference.explore(system), explore(system, workers=workers)
    assert expected.path is not None
    assert found.path is not None
    assert len(found.path.steps) == len(expected.path.steps)
    assert_really_happens(system, found.path)


def test_attempts_go_on_where_a_step_raises() -> None:
    """Every node is asked, and who raised is told."""
    system = counters(NetworkKind.UNORDERED, 9)
    state = replace(behaviour.start(system), nodes=(Node(0, 1), Node(1), Node(2)))
    found = list(behaviour.attempts(system, state))
    assert [move.node for move, _, _ in found] == [0, 1, 2]
    assert [after is None for _, _, after in found] == [True, False, False]
    assert found[0][1] == Outcome(behaviour.Raised("ValueError: one too many"))


def test_a_saved_path_is_replayed_past_a_node_that_would_raise() -> None:
    """It isn't that node's step that was saved."""
    system = counters(NetworkKind.UNORDERED, 9)
    moves = [Move(MoveKind.SPONTANEOUS, node, "count", 0) for node in (0, 1, 2, 0)]
    saved = SavedPath("counters", (), "few", tuple(map(SavedStep.of, moves)))
    assert replay(replace(saved, steps=saved.steps[:3]), system).path is None
    raised = replay(saved, system).path
    assert raised is not None
    assert (raised.broken, raised.detail) == (behaviour.RAISED, "ValueError: one too many")
