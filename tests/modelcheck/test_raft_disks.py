"""A disk that stalls shows all that can be seen of one with a queue of writes, where every message may be late."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from quorate.disk import flush
from quorate.raft import Persisted
from quorate.raft import step as step_core
from quorate_check.core.system import NetworkKind, Outcome, Spontaneous, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.raft import disks
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.disks import Queued
from quorate_check.raft.subject import CoreNode, Durability, Flush, Restart, remember, sent_with

MEMORY = 1 << 28
ANY_DISK = RaftBounds(network=NetworkKind.ANY, storage=Durability.ASYNC)


@dataclass(frozen=True, slots=True)
class Confirm:
    """The oldest confirmation that waits reaches the core."""


@dataclass(frozen=True, slots=True)
class LateNode(CoreNode):
    """A server whose durable writes wait for their confirmation, oldest first, as long as it runs."""

    confirmations: tuple[Persisted, ...] = ()


def late(outcome: Outcome, confirmations: tuple[Persisted, ...]) -> Outcome:
    """The outcome with confirmations that wait."""
    node = outcome.local
    return replace(outcome, local=LateNode(node.state, node.durable, node.queue, node.record, confirmations))


class QueuedConfirmedLate(Queued):
    """A queue of writes whose confirmations are events of their own."""

    def flush(self, server: LateNode) -> tuple[Outcome, ...]:
        """Make the oldest write durable, and let its confirmation wait."""
        if not server.queue:
            return ()
        (oldest,), queue = flush(server.queue)
        disk, confirmation = server.on_disk.after(oldest.persist), oldest.persist.confirmation
        waiting = server.confirmations if confirmation is None else (*server.confirmations, confirmation)
        record = remember(server.record, None, oldest.messages, disk.current_term)
        flushed = CoreNode(server.state, disk if queue else None, queue, record)
        return (late(Outcome(flushed, oldest.messages), waiting),)


def queued(bounds: RaftBounds, monkeypatch: pytest.MonkeyPatch) -> System:
    """The system within `bounds` with queues of writes that are confirmed late."""
    disk = QueuedConfirmedLate()
    monkeypatch.setattr("quorate_check.raft.bounds.disk_of", lambda *_: disk)
    system = bounds.system()

    def step(server: LateNode, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
        match event:
            case Flush():
                return disk.flush(server)
            case Restart():
                return tuple(late(outcome, ()) for outcome in system.step(server, event))
            case Confirm() if server.confirmations:
                oldest, *rest = server.confirmations
                return tuple(late(o, tuple(rest)) for o in disk.store(server, step_core(server.state, oldest)))
            case Confirm():
                return ()
            case _:
                return tuple(late(outcome, server.confirmations) for outcome in system.step(server, event))

    initial = tuple(LateNode(node.state) for node in system.initial)
    return replace(system, initial=initial, step=step, spontaneous=(*system.spontaneous, Spontaneous(Confirm())))


def without_votes(nodes: tuple[CoreNode, ...]) -> tuple[CoreNode, ...]:
    """The local states without the votes in the records, which are only sent with a queue if no crash comes first."""
    return tuple(replace(node, record=replace(node.record, vote=None)) for node in nodes)


def tuples(system: System) -> set[tuple[CoreNode, ...]]:
    """All tuples of local states within the state constraint that the engine reaches, without what waits."""
    space = StateSpace(system, reduced=True)
    assert search(space, MEMORY, stop=lambda: None) is None
    rows = space.store.tuple_nodes[: space.tuples].tolist()
    reached = [tuple(space.tables.locals[i] for i in row) for row in rows]
    return {
        tuple(CoreNode(node.state, node.durable, record=node.record) for node in nodes)
        for nodes in reached
        if not any(map(system.beyond, nodes))
    }


@pytest.mark.parametrize(
    "bounds",
    [
        replace(ANY_DISK, servers=1, max_term=3, max_log=2, restarts=None),
        replace(ANY_DISK, servers=1, max_log=3, no_op=True, restarts=1, snapshots=1),
        replace(ANY_DISK, servers=2, max_log=0, restarts=None),
        replace(ANY_DISK, servers=2, max_log=1, proposals=1, restarts=1),
        replace(ANY_DISK, servers=2, max_term=1, restarts=1, step_downs=1),
        replace(ANY_DISK, servers=2, max_log=1, no_op=True, pre_vote=True, proposals=1, restarts=1),
        replace(ANY_DISK, servers=2, max_term=1, no_op=True, proposals=1, restarts=None, snapshots=1),
        replace(ANY_DISK, servers=3, max_term=1, max_log=1, proposals=1, restarts=1),
    ],
    ids=lambda bounds: f"{bounds.servers} servers, {bounds.max_term} terms, logs of {bounds.max_log}",
)
def test_a_disk_that_stalls_shows_what_a_queue_of_writes_shows(
    bounds: RaftBounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same core states, terms led, applied entries and contents of disks, tuple by tuple.

    A crash with a queue may keep a write and lose the vote that waited for it; then the record has no vote. With the
    disk that stalls such a vote was sent, and is lost in the network. So it has no other tuples, and the same but for
    the votes in the records. With the queue, confirmations arrive once, in order, and not after a restart.
    """
    bounds = replace(bounds, symmetry=False)
    stalling = tuples(bounds.system())
    plain = tuples(queued(bounds, monkeypatch))
    assert stalling <= plain
    assert set(map(without_votes, stalling)) == set(map(without_votes, plain))
    assert any(node.durable is not None for nodes in stalling for node in nodes)


def test_a_vote_that_leaves_a_stalled_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its next crash the server votes again in the same term."""
    bounds = replace(ANY_DISK, max_term=1, max_log=0, restarts=1)
    assert explore(bounds.system(), Limits(memory=MEMORY)).verdict is Verdict.HOLDS

    monkeypatch.setattr(disks, "_leaving", sent_with)
    found = explore(bounds.system(), Limits(memory=MEMORY))
    assert found.path is not None
    assert found.path.broken == "OneVotePerTerm"
