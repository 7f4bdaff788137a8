"""Nothing is promised before it is on disk, and a leader's own disk counts like anybody's (the contract of Output)."""

import pytest

from impl_cluster import THREE, Node, after, candidate, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    InstallSnapshot,
    Log,
    Persist,
    Persisted,
    PreVote,
    PreVoteReply,
    Propose,
    Receive,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    restart,
    step,
)


def ack(match_index: int, source: int = 2, term: int = 1) -> AppendEntriesReply:
    """A follower's acknowledgement to server 1."""
    return AppendEntriesReply(source, 1, term, success=True, match_index=match_index)


def test_a_vote_leaves_after_it_is_written_and_again_only_after_the_same_write() -> None:
    """§5.2: also the repeated answer, which writes nothing, waits for what it vouches for."""
    request = RequestVote(2, 1, 1, 0, 0)
    first = receive(server(), request)
    assert first.persist == Persist(current_term=1, voted_for=2, first_index=1)
    second = receive(first.state, request)
    assert second.persist is None
    for output in (first, second):
        assert output.send_now == ()
        assert output.send_when_durable == (RequestVoteReply(1, 2, 1, vote_granted=True),)


def test_an_acknowledgement_leaves_after_the_entries_are_written() -> None:
    """§5.3: also that of a duplicate, whose first copy may still be on its way to the disk."""
    message = AppendEntries(2, 1, 1, 0, 0, entries_of(1, 1), 0)
    first = receive(server(), message)
    assert first.persist == Persist(1, None, 1, entries_of(1, 1))
    second = receive(first.state, message)
    assert second.persist is None
    for output in (first, second):
        assert output.send_now == ()
        assert [reply.match_index for reply in output.send_when_durable if isinstance(reply, AppendEntriesReply)] == [2]


def test_truncation_and_append_are_one_write() -> None:
    """§5.3: between two writes a crash would leave a log that is neither the old one nor the new one."""
    output = receive(server(term=2, log=log_of(1, 1, 1)), AppendEntries(2, 1, 2, 1, 1, entries_of(2, first=2), 0))
    assert output.persist == Persist(2, None, 2, entries_of(2, first=2))
    assert output.persist.confirmation == Persisted(term=2, index=2)


def test_a_leader_counts_itself_only_for_what_its_disk_has_confirmed() -> None:
    """§5.3: one follower and an unwritten entry are no majority of three; two followers are, even so."""
    state = after(leader(), Propose((b"a",)))
    assert after(state, ack(1)).commit_index == 0
    assert after(state, ack(1), Persisted(1, 1)).commit_index == 1
    assert after(state, Persisted(1, 1), ack(1)).commit_index == 1
    assert after(state, ack(1), ack(1, source=3)).commit_index == 1


def test_a_late_confirmation_does_not_vouch_for_an_entry_that_replaced_the_one_written() -> None:
    """The entry of term 1 was written, replaced, and another is at its index now: only the term tells."""
    state = after(leader(), Propose((b"a", b"b")), AppendEntries(2, 1, 2, 0, 0, entries_of(2), 0), ElectionTimeout())
    state = after(state, RequestVoteReply(2, 1, 3, vote_granted=True), Propose((b"c",)))
    assert (state.role, state.durable_index, state.log.last_index) == (Role.LEADER, 1, 2)
    assert after(state, Persisted(term=1, index=2)) == state
    assert after(state, Persisted(term=3, index=2)).durable_index == 2


@pytest.mark.parametrize("event", [Persisted(1, 1), Persisted(1, 9), Persisted(2, 2), Persisted(0, 0)])
def test_confirmations_never_lower_what_is_confirmed(event: Persisted) -> None:
    """They may come late, or be about what is no longer there."""
    state = after(leader(), Propose((b"a", b"b")), Persisted(1, 2))
    assert after(state, event) == state


def test_whoever_wins_an_election_has_its_whole_log_on_disk() -> None:
    """Its requests waited for the disk, so the votes that answer them prove it; the no-op is still to be written."""
    node = Node(THREE, 1, Durable(1, None, log_of(1)))
    node.handle(Receive(AppendEntries(2, 1, 1, 1, 1, entries_of(1, first=2), 0)))
    assert node.handle(ElectionTimeout()) == ()
    assert [type(message) for message in node.flush()] == [AppendEntriesReply]
    assert [type(message) for message in node.flush()] == [RequestVote, RequestVote]
    node.handle(Receive(RequestVoteReply(2, 1, 2, vote_granted=True)))
    assert node.state.durable_index == node.durable.log.last_index == 2


def test_a_leaders_entries_and_questions_leave_at_once() -> None:
    """§10.2.1 of the dissertation: the leader writes in parallel with its followers."""
    output = step(leader(), Propose((b"a",)))
    assert len(output.send_now) == 2
    assert len(step(output.state, HeartbeatTimeout()).send_now) == 2
    assert receive(server(), PreVote(2, 1, 1, 0, 0)).send_now == (PreVoteReply(1, 2, 1, vote_granted=True),)


def test_what_changes_nothing_persistent_writes_nothing() -> None:
    """A heartbeat costs no disk access, though its answer stays in line."""
    state = after(server(term=1, log=log_of(1)), AppendEntries(2, 1, 1, 1, 1, (), 0))
    output = receive(state, AppendEntries(2, 1, 1, 1, 1, (), 1))
    assert output.persist is None
    assert output.apply == entries_of(1)


def test_winning_an_election_writes_nothing_where_no_entry_begins_the_term() -> None:
    """Term and vote are on disk since it stood; what is sent after the victory needn't wait for a write of nothing."""
    won = receive(candidate(term=2, log=log_of(1)), RequestVoteReply(2, 1, 2, vote_granted=True))
    assert won.state.role is Role.LEADER
    assert won.persist is None


SNAPSHOT = Snapshot(2, 1, b"state")


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (server(), ElectionTimeout()),
        (leader(), Propose((b"a", b"b"))),
        (server(term=2, log=log_of(1, 1, 1)), Receive(AppendEntries(2, 1, 3, 1, 1, entries_of(3, first=2), 2))),
        (server(term=2, log=log_of(1)), Receive(InstallSnapshot(2, 1, 2, SNAPSHOT))),
        (server(term=2, log=log_of(1, 1, 1)), Receive(InstallSnapshot(2, 1, 2, SNAPSHOT))),
        (server(term=3, log=log_of(1, 2, 2)), Receive(InstallSnapshot(2, 1, 3, SNAPSHOT))),
        (
            after(server(term=1), AppendEntries(2, 1, 1, 0, 0, entries_of(1, 1, 1), 2)),
            SnapshotTaken(SNAPSHOT),
        ),
    ],
)
def test_a_write_makes_the_disk_equal_to_the_state(state: State, event: object) -> None:
    """And its confirmation, where the log changed, names the last entry written."""
    output = step(state, event)  # type: ignore[arg-type]  # the union doesn't survive the table
    before = Durable(state.current_term, state.voted_for, state.log)
    assert output.persist is not None
    disk = before.after(output.persist)
    assert disk == Durable(output.state.current_term, output.state.voted_for, output.state.log)
    assert restart(THREE, 1, disk).log == output.state.log
    confirmation = output.persist.confirmation
    assert (confirmation is None) == (output.state.log == state.log)
    if confirmation is not None:
        assert output.state.log.term_at(confirmation.index) == confirmation.term


def test_a_crash_loses_any_number_of_the_latest_writes_and_nothing_else() -> None:
    """What is acknowledged is what was flushed."""
    node = Node(THREE, 1)
    node.handle(Receive(AppendEntries(2, 1, 1, 0, 0, entries_of(1), 0)))
    node.handle(Receive(AppendEntries(2, 1, 1, 1, 1, entries_of(1, first=2), 0)))
    node.flush()
    node.crash()
    assert node.state == restart(THREE, 1, Durable(1, None, Log().append((Entry(1, b"1@1"),))))
