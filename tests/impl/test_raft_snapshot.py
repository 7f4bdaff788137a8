"""A snapshot replaces what is committed, and nothing that may still be needed (§7)."""

import pytest

from impl_cluster import THREE, Cluster, after, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Durable,
    ElectionTimeout,
    HeartbeatTimeout,
    InstallSnapshot,
    InstallSnapshotReply,
    LocalError,
    Log,
    Persisted,
    Propose,
    RequestVoteReply,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    restart,
    step,
)


def snapshot(index: int, term: int = 1) -> Snapshot:
    """A snapshot whose data tells its index."""
    return Snapshot(index, term, f"up to {index}".encode())


def compacted(index: int, *terms: int) -> Log:
    """A log of these terms from index 1 on, compacted up to `index`."""
    return log_of(*terms).compact(snapshot(index, terms[index - 1]))


def applied(*terms: int, commit: int) -> State:
    """Follower 1 of server 2, with entries of these terms applied up to `commit`."""
    return after(server(term=terms[-1]), AppendEntries(2, 1, terms[-1], 0, 0, entries_of(*terms), commit))


def test_a_snapshot_taken_compacts_the_log_up_to_it() -> None:
    """§7: what was applied goes, what follows stays, and both are one write."""
    output = step(applied(1, 1, 1, commit=2), SnapshotTaken(snapshot(2)))
    assert output.state.log == compacted(2, 1, 1, 1)
    assert (output.state.commit_index, output.state.last_applied) == (2, 2)
    assert output.persist is not None
    assert (output.persist.snapshot, output.persist.entries) == (snapshot(2), ())
    assert (output.install, output.apply) == (None, ())


@pytest.mark.parametrize("index", [1, 2])
def test_a_late_snapshot_is_ignored(index: int) -> None:
    """The log has been compacted further meanwhile; nothing rolls back."""
    state = after(applied(1, 1, 1, commit=3), SnapshotTaken(snapshot(2)))
    output = step(state, SnapshotTaken(snapshot(index)))
    assert (output.state, output.persist) == (state, None)


@pytest.mark.parametrize("wrong", [snapshot(3), snapshot(9), snapshot(2, term=2)])
def test_a_snapshot_of_what_was_not_applied_is_refused(wrong: Snapshot) -> None:
    """Only the driver can have made that mistake."""
    with pytest.raises(LocalError, match="a snapshot at"):
        step(applied(1, 1, 1, commit=2), SnapshotTaken(wrong))


def test_a_leader_sends_its_snapshot_in_place_of_entries_that_it_has_compacted() -> None:
    """§7: when it has discarded the next entry to send; one entry later the entries suffice."""
    state = leader(term=2, log=compacted(2, 1, 1, 1))
    assert state.next_index_of(2) == 4
    for prev, expected in ((3, AppendEntries), (2, InstallSnapshot)):
        rejection = AppendEntriesReply(2, 1, 2, success=False, prev_log_index=prev, conflict_index=prev)
        output = receive(state, rejection)
        state = output.state
        assert [type(message) for message in output.send_now] == [expected]
    assert output.send_now == (InstallSnapshot(1, 2, 2, snapshot(2)),)
    assert step(state, HeartbeatTimeout()).send_now[0] == output.send_now[0], "until it is acknowledged"


@pytest.mark.parametrize("index", [1, 3])
def test_a_candidate_that_is_sent_a_snapshot_follows_whoever_sends_it(index: int) -> None:
    """§5.2, §7: it comes from the leader of its term, and is heard like any message of his, new or old."""
    state = after(applied(1, 1, commit=2), ElectionTimeout())
    output = receive(state, InstallSnapshot(3, 1, 2, snapshot(index)))
    assert (output.state.role, output.state.leader_id, output.state.votes_granted) == (Role.FOLLOWER, 3, frozenset())
    assert output.state.voted_for == 1
    assert output.reset_election_timer


def test_what_is_written_after_a_snapshot_does_not_hold_it_again() -> None:
    """It may be large, and is on disk."""
    output = step(leader(term=2, log=compacted(2, 1, 1, 1)), Propose((b"a",)))
    assert output.persist is not None
    assert (output.persist.first_index, output.persist.snapshot) == (4, None)


def test_an_installed_snapshot_counts_as_an_acknowledgement() -> None:
    """And what follows it is sent at once."""
    state = leader(term=2, log=compacted(2, 1, 1, 1))
    rejection = AppendEntriesReply(2, 1, 2, success=False, prev_log_index=3, conflict_index=1)
    output = receive(after(state, rejection), InstallSnapshotReply(2, 1, 2, match_index=2))
    assert (output.state.match_index_of(2), output.state.next_index_of(2)) == (2, 3)
    assert output.send_now == (AppendEntries(1, 2, 2, 2, 1, entries_of(1, first=3), 2),)


@pytest.mark.parametrize("log", [Log(), log_of(1), log_of(1, 1, 2, 2)], ids=["empty", "short", "conflicting"])
def test_a_snapshot_replaces_a_log_that_does_not_hold_its_last_entry(log: Log) -> None:
    """§7: the whole log is discarded, and the state machine replaced."""
    output = receive(server(term=3, log=log), InstallSnapshot(2, 1, 3, snapshot(3, term=3)))
    assert output.state.log == Log(snapshot(3, term=3))
    assert (output.state.commit_index, output.state.last_applied) == (3, 3)
    assert (output.install, output.apply) == (snapshot(3, term=3), ())
    assert output.send_when_durable == (InstallSnapshotReply(1, 2, 3, match_index=3),)
    assert output.send_now == ()


def test_a_snapshot_keeps_what_follows_its_last_entry() -> None:
    """§7: the entries after it may have been acknowledged, and are still needed."""
    output = receive(server(term=1, log=log_of(1, 1, 1)), InstallSnapshot(2, 1, 1, snapshot(2)))
    assert output.state.log == compacted(2, 1, 1, 1)
    assert (output.state.commit_index, output.install) == (2, snapshot(2))


@pytest.mark.parametrize("index", [1, 2])
def test_an_old_snapshot_is_acknowledged_and_changes_nothing(index: int) -> None:
    """§7: it covers a prefix of what is committed here; the log, which is newer, stays."""
    state = applied(1, 1, 1, commit=2)
    output = receive(state, InstallSnapshot(2, 1, 1, snapshot(index)))
    assert (output.state, output.persist, output.install) == (state, None, None)
    assert output.send_when_durable == (InstallSnapshotReply(1, 2, 1, match_index=index),)


@pytest.mark.parametrize(
    ("prev", "terms", "match_index", "last_index"),
    [
        ((0, 0), (1,), 1, 3),
        ((0, 0), (1, 1), 2, 3),
        ((1, 1), (1, 1, 1), 4, 4),
        ((2, 1), (1, 1), 4, 4),
        ((0, 0), (), 0, 3),
    ],
)
def test_entries_that_a_snapshot_covers_are_skipped(
    prev: tuple[int, int], terms: tuple[int, ...], match_index: int, last_index: int
) -> None:
    """§7: they are committed, so they agree; the acknowledgement still claims only what was sent."""
    state = server(term=1, log=compacted(2, 1, 1, 1))
    output = receive(state, AppendEntries(2, 1, 1, *prev, entries_of(*terms, first=prev[0] + 1), 0))
    (reply,) = output.send_when_durable
    assert isinstance(reply, AppendEntriesReply)
    assert (reply.success, reply.match_index) == (True, match_index)
    assert output.state.log == compacted(2, *[1] * last_index)


def test_index_0_precedes_no_log_that_starts_after_a_snapshot() -> None:
    """§7: entries from index 1 on are compared with the snapshot's end, and not taken as the log's beginning."""
    state = server(term=2, log=Log(snapshot(2)))
    output = receive(state, AppendEntries(2, 1, 2, 0, 0, entries_of(1, 1, 2), 3))
    assert output.state.log == Log(snapshot(2)).append(entries_of(2, first=3))
    assert output.apply == entries_of(2, first=3)


def test_a_restart_begins_at_the_snapshot() -> None:
    """§7: what it covers is committed and applied; what follows is not known to be."""
    state = restart(THREE, 1, Durable(1, None, compacted(2, 1, 1, 1)))
    assert (state.commit_index, state.last_applied, state.log.last_index) == (2, 2, 3)
    assert state.snapshot == snapshot(2)


def test_a_leader_may_compact_before_its_own_disk_has_confirmed() -> None:
    """The followers' majority commits without it; later confirmations find what they need, or nothing."""
    state = after(leader(), Propose((b"a", b"b")), *[AppendEntriesReply(2, 1, 1, success=True, match_index=2)])
    state = after(state, AppendEntriesReply(3, 1, 1, success=True, match_index=2), SnapshotTaken(snapshot(1)))
    assert (state.commit_index, state.durable_index) == (2, 0)
    assert after(state, Persisted(1, 1)).durable_index == 1
    state = after(state, SnapshotTaken(snapshot(2)))
    assert after(state, Persisted(1, 1)) == state
    assert after(state, Persisted(1, 2), Propose((b"c",))).durable_index == 2


def test_a_server_that_missed_everything_catches_up_by_snapshot_and_entries() -> None:
    """§7, end to end: its state machine is replaced once, and then goes on entry by entry."""
    cluster = Cluster()
    cluster.happen(1, ElectionTimeout())
    cluster.cut = frozenset({3})
    for command in (b"a", b"b", b"c"):
        cluster.happen(1, Propose((command,)))
    cluster.happen(1, SnapshotTaken(snapshot(2)))
    cluster.cut = frozenset()
    cluster.happen(1, HeartbeatTimeout())
    assert cluster.state(3).log == cluster.state(1).log
    assert [index for index, _ in cluster.nodes[3].applied] == [3]
    assert cluster.nodes[3].durable.log == cluster.state(1).log


def test_a_leader_by_snapshot_can_lead() -> None:
    """§7: a log that is nothing but a snapshot still has a last index and a last term."""
    state = after(
        server(term=3, log=Log(snapshot(5, 3))), ElectionTimeout(), RequestVoteReply(2, 1, 4, vote_granted=True)
    )
    assert (state.role, state.next_index) == (Role.LEADER, (1, 6, 6))
    assert step(state, HeartbeatTimeout()).send_now[0] == AppendEntries(1, 2, 4, 5, 3, (), 5)
