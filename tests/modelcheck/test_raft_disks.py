"""A disk that stalls shows all that can be seen of one with a queue of writes, where every message may be late."""

from dataclasses import replace

import pytest

from quorate.disk import flush
from quorate.raft import Output
from quorate_check.core.system import NetworkKind, Outcome, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.raft import disks
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.disks import Queued, confirmed
from quorate_check.raft.subject import Confirm, CoreNode, DiskEvent, Durability, Flush, remember, sent_with

MEMORY = 1 << 28
ANY_DISK = RaftBounds(network=NetworkKind.ANY, storage=Durability.ASYNC)


class QueuedConfirmedLate(Queued):
    """A queue of writes whose confirmations are events of their own."""

    @property
    def events(self) -> tuple[DiskEvent, ...]:
        """Flush and Confirm."""
        return (Flush(), Confirm())

    def store(self, server: CoreNode, output: Output) -> tuple[Outcome, ...]:
        """Queue the write, and let what waits for the core wait."""
        (outcome,) = super().store(server, output)
        return (replace(outcome, local=replace(outcome.local, confirmations=server.confirmations)),)

    def act(self, server: CoreNode, event: DiskEvent) -> tuple[Outcome, ...]:
        """Make the oldest write durable, or give the oldest confirmation that waits to the core."""
        if isinstance(event, Confirm):
            if not server.confirmations:
                return ()
            oldest, *rest = server.confirmations
            return self.store(replace(server, confirmations=tuple(rest)), confirmed(server.state, oldest))
        if not server.queue:
            return ()
        (oldest_write,), queue = flush(server.queue)
        disk, confirmation = server.on_disk.after(oldest_write.persist), oldest_write.persist.confirmation
        waiting = server.confirmations if confirmation is None else (*server.confirmations, confirmation)
        record = remember(server.record, None, oldest_write.messages, disk.current_term)
        flushed = CoreNode(server.state, disk if queue else None, queue, waiting, record)
        return (Outcome(flushed, oldest_write.messages),)


def without_votes(nodes: tuple[CoreNode, ...]) -> tuple[CoreNode, ...]:
    """The local states without the votes in the records, which are only sent with a queue if no crash comes first."""
    return tuple(replace(node, record=replace(node.record, vote=None)) for node in nodes)


def tuples(system: System) -> set[tuple[CoreNode, ...]]:
    """All tuples of local states within the state constraint that the engine reaches, but for queued writes."""
    space = StateSpace(system, reduced=True)
    assert search(space, MEMORY, stop=lambda: None) is None
    rows = space.store.tuple_nodes[: space.tuples].tolist()
    reached = [tuple(space.tables.locals[i] for i in row) for row in rows]
    return {tuple(replace(node, queue=()) for node in nodes) for nodes in reached if not any(map(system.beyond, nodes))}


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
    """The same core states, terms led, applied entries, contents of disks and waiting confirmations, tuple by tuple.

    A crash with a queue may keep a write and lose the vote that waited for it; then the record has no vote. With the
    disk that stalls such a vote was sent, and is lost in the network. So it has no other tuples, and the same but for
    the votes in the records.
    """
    stalling = tuples(replace(bounds, symmetry=False).system())
    monkeypatch.setattr("quorate_check.raft.bounds.disk_of", lambda *_: QueuedConfirmedLate())
    queued = tuples(replace(bounds, symmetry=False).system())
    assert stalling <= queued
    assert set(map(without_votes, stalling)) == set(map(without_votes, queued))
    assert any(node.durable is not None for nodes in stalling for node in nodes)


def test_a_vote_that_leaves_a_stalled_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its next crash the server votes again in the same term."""
    bounds = replace(ANY_DISK, max_term=1, max_log=0, restarts=1)
    assert explore(bounds.system(), Limits(memory=MEMORY)).verdict is Verdict.HOLDS

    def leaking(server: CoreNode, output: Output) -> Outcome:
        sent, disk = sent_with(output), server.on_disk
        record = remember(server.record, output, sent, disk.current_term)
        return Outcome(CoreNode(output.state, disk, confirmations=server.confirmations, record=record), sent)

    monkeypatch.setattr(disks, "_lost", leaking)
    found = explore(bounds.system(), Limits(memory=MEMORY))
    assert found.path is not None
    assert found.path.broken == "OneVotePerTerm"
