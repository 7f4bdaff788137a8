"""The paper as tests: the scenarios that etcd's raft_paper_test.go names, then the rest of Figure 2, rule by rule.

The scenarios have etcd's names in snake case, and are written from the paper. Sections are those of the extended
version of "In Search of an Understandable Consensus Algorithm" (Ongaro and Ousterhout, 2014).
"""

from dataclasses import replace
from itertools import permutations

import pytest

from impl_cluster import FIVE, THREE, Cluster, after, candidate, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    Message,
    NotLeader,
    Persisted,
    Propose,
    Receive,
    RemoteError,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    State,
    restart,
    step,
)


def heartbeat(term: int, source: int = 2, dest: int = 1, leader_commit: int = 0) -> AppendEntries:
    """An AppendEntries without entries, before the first entry."""
    return AppendEntries(source, dest, term, 0, 0, (), leader_commit)


def append(
    term: int, prev: tuple[int, int], *entry_terms: int, commit: int = 0, source: int = 2, dest: int = 1
) -> AppendEntries:
    """An AppendEntries after index and term `prev`, with entries of these terms."""
    return AppendEntries(source, dest, term, *prev, entries_of(*entry_terms, first=prev[0] + 1), commit)


def ack(term: int, match_index: int, source: int = 2) -> AppendEntriesReply:
    """A follower's acknowledgement to server 1."""
    return AppendEntriesReply(source, 1, term, success=True, match_index=match_index)


def vote(term: int, source: int = 2, *, granted: bool = True) -> RequestVoteReply:
    """An answer to candidate 1."""
    return RequestVoteReply(source, 1, term, granted)


def on_disk(state: State) -> State:
    """The state after its disk has confirmed the whole log."""
    return after(state, Persisted(state.log.last_term, state.log.last_index))


# --- §5.1: terms ------------------------------------------------------------------------------------------------------

NEWER: list[Message] = [
    heartbeat(term=2),
    RequestVote(2, 1, 2, 0, 0),
    RequestVoteReply(2, 1, 2, vote_granted=False),
    AppendEntriesReply(2, 1, 2, success=False),
    InstallSnapshot(2, 1, 2, Snapshot(1, 1, b"")),
    InstallSnapshotReply(2, 1, 2, match_index=0),
]


def check_enters_newer_term(state: State, message: Message) -> None:
    """The term is the message's, the role follower's, and no vote but one just granted is left from before."""
    assert state.current_term == 1
    state = after(state, message)
    assert (state.current_term, state.role) == (2, Role.FOLLOWER)
    assert state.voted_for == (2 if isinstance(message, RequestVote) else None)


@pytest.mark.parametrize("message", NEWER)
def test_follower_update_term_from_message(message: Message) -> None:
    """§5.1: a server whose term is smaller than another's updates it to the larger value."""
    check_enters_newer_term(server(term=1, voted_for=3), message)


@pytest.mark.parametrize("message", NEWER)
def test_candidate_update_term_from_message(message: Message) -> None:
    """§5.1: a candidate that discovers that its term is out of date reverts to follower state."""
    check_enters_newer_term(candidate(), message)


@pytest.mark.parametrize("message", NEWER)
def test_leader_update_term_from_message(message: Message) -> None:
    """§5.1: and so does a leader."""
    check_enters_newer_term(leader(), message)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (heartbeat(term=1, leader_commit=1), AppendEntriesReply(1, 2, 2, success=False)),
        (append(1, (0, 0), 1), AppendEntriesReply(1, 2, 2, success=False)),
        (RequestVote(2, 1, 1, 0, 0), RequestVoteReply(1, 2, 2, vote_granted=False)),
        (InstallSnapshot(2, 1, 1, Snapshot(1, 1, b"")), InstallSnapshotReply(1, 2, 2, match_index=0)),
    ],
)
@pytest.mark.parametrize("state", [server(term=2), candidate(term=2), leader(term=2)], ids=lambda s: s.role.value)
def test_reject_stale_term_message(state: State, request_: Message, reply: Message) -> None:
    """§5.1: a request with a stale term is rejected, with the current one, and changes nothing."""
    output = receive(state, request_)
    assert output.state == state
    assert output.send_when_durable == (reply,)
    assert (output.persist, output.send_now, output.reset_election_timer) == (None, (), False)


# --- §5.2: elections --------------------------------------------------------------------------------------------------


def test_start_as_follower() -> None:
    """§5.2: when servers start up, they begin as followers."""
    assert restart(THREE, 1, Durable()).role is Role.FOLLOWER
    assert restart(THREE, 1, Durable(7, 1, log_of(1, 7))).role is Role.FOLLOWER


def test_leader_bcast_beat() -> None:
    """§5.2: leaders send periodic heartbeats, AppendEntries without entries, to all followers."""
    state = after(leader(log=log_of(1), term=2), ack(2, 1), ack(2, 1, source=3))
    beats = step(state, HeartbeatTimeout()).send_now
    assert beats == (append(2, (1, 1), source=1, dest=2), append(2, (1, 1), source=1, dest=3))
    assert not step(server(), HeartbeatTimeout()).send_now, "only leaders do"


def check_starts_election(state: State, term: int) -> None:
    """A new term, a vote for itself that is written before anybody is asked, and a request to everybody."""
    output = step(state, ElectionTimeout())
    assert (output.state.current_term, output.state.role) == (term, Role.CANDIDATE)
    assert output.state.voted_for == 1
    assert output.state.votes_granted == {1}
    assert output.persist is not None
    assert (output.persist.current_term, output.persist.voted_for) == (term, 1)
    assert output.send_now == ()
    assert output.send_when_durable == (RequestVote(1, 2, term, 0, 0), RequestVote(1, 3, term, 0, 0))


def test_follower_start_election() -> None:
    """§5.2: a follower that hears nothing over an election timeout increments its term and asks for votes."""
    check_starts_election(server(term=1), term=2)


def test_candidate_start_new_election() -> None:
    """§5.2: a candidate whose election timed out starts a new one, in a new term; votes of the old are gone."""
    check_starts_election(after(candidate(term=1, config=THREE), vote(1, granted=False)), term=2)
    one_short = after(candidate(term=1, config=FIVE), vote(1, source=2))
    again = after(one_short, ElectionTimeout(), vote(2, source=3))
    assert again.role is Role.CANDIDATE, "the vote that server 2 gave in term 1 counted in term 2"
    assert after(again, vote(2, source=2)).role is Role.LEADER


@pytest.mark.parametrize(
    ("size", "granted", "role"),
    [
        (3, 2, Role.LEADER),
        (3, 1, Role.LEADER),
        (3, 0, Role.CANDIDATE),
        (5, 4, Role.LEADER),
        (5, 2, Role.LEADER),
        (5, 1, Role.CANDIDATE),
        (5, 0, Role.CANDIDATE),
    ],
)
def test_leader_election_in_one_round_rpc(size: int, granted: int, role: Role) -> None:
    """§5.2: a candidate wins with votes from a majority of the full cluster in the same term, and else does not."""
    state = candidate(config=Config(tuple(range(1, size + 1))))
    for position, peer in enumerate(state.peers):
        state = after(state, vote(1, source=peer, granted=position < granted))
    assert state.role is role


@pytest.mark.parametrize(
    ("voted_for", "asks", "granted"),
    [(None, 2, True), (None, 3, True), (2, 2, True), (3, 3, True), (2, 3, False), (3, 2, False)],
)
def test_follower_vote(voted_for: int | None, asks: int, granted: bool) -> None:  # noqa: FBT001  # a column
    """§5.2: a server votes for at most one candidate in a term, first come first served; its vote is on disk first."""
    output = receive(server(term=1, voted_for=voted_for), RequestVote(asks, 1, 1, 0, 0))
    assert output.send_when_durable == (RequestVoteReply(1, asks, 1, granted),)
    assert output.state.voted_for == (asks if granted else voted_for)
    assert output.reset_election_timer == granted
    assert (output.persist is not None) == (voted_for is None)
    assert output.send_now == ()


@pytest.mark.parametrize("term", [1, 2])
def test_candidate_fallback(term: int) -> None:
    """§5.2: a candidate that hears from a leader of its term, or of a later one, becomes its follower."""
    state = after(candidate(term=1), heartbeat(term))
    assert (state.role, state.current_term, state.leader_id) == (Role.FOLLOWER, term, 2)
    assert state.votes_granted == frozenset()


def test_follower_election_timeout_randomized() -> None:
    """§5.2: the core owns no clock, so the driver may draw any timeout: a follower stands exactly when told to."""
    state = after(server(term=1), heartbeat(1))
    assert receive(state, heartbeat(1)).reset_election_timer
    assert after(state, *[heartbeat(1)] * 50).role is Role.FOLLOWER
    assert after(state, ElectionTimeout()).role is Role.CANDIDATE


def test_candidate_election_timeout_randomized() -> None:
    """§5.2: the same for candidates: any number of timeouts, a new term for each, a fresh timer for each."""
    state = candidate(term=1)
    for term in range(2, 9):
        output = step(state, ElectionTimeout())
        state = output.state
        assert (state.current_term, state.role, output.reset_election_timer) == (term, Role.CANDIDATE, True)


@pytest.mark.parametrize("first", FIVE.members)
def test_followers_election_timeout_nonconflict(first: int) -> None:
    """§5.2: what random timeouts are for: if one follower times out alone, it wins before any other stands."""
    cluster = Cluster(FIVE)
    cluster.happen(first, ElectionTimeout())
    assert cluster.state(first).role is Role.LEADER
    assert {cluster.state(member).leader_id for member in FIVE.members} == {first}


@pytest.mark.parametrize("order", list(permutations(THREE.members)))
def test_candidates_election_timeout_nonconflict(order: tuple[int, ...]) -> None:
    """§5.2: a split vote is resolved by whichever candidate times out first in the next round."""
    cluster = Cluster()
    cluster.cut = frozenset(THREE.members)
    for member in order:
        cluster.happen(member, ElectionTimeout())
    assert {cluster.state(member).role for member in order} == {Role.CANDIDATE}
    cluster.cut = frozenset()
    cluster.happen(order[0], ElectionTimeout())
    assert cluster.state(order[0]).role is Role.LEADER


# --- §5.3: replication ------------------------------------------------------------------------------------------------


def test_leader_start_replication() -> None:
    """§5.3: a command becomes an entry at the log's end, and goes to each follower with what precedes it."""
    output = step(leader(term=2, log=log_of(1)), Propose((b"a", b"b")))
    entries = (Entry(2, b"a"), Entry(2, b"b"))
    assert output.state.log.entries[1:] == entries
    assert output.state.commit_index == 0
    assert output.send_now == tuple(AppendEntries(1, peer, 2, 1, 1, entries, 0) for peer in (2, 3))
    assert output.persist is not None
    assert (output.persist.first_index, output.persist.entries) == (2, entries)


def test_leader_commit_entry() -> None:
    """§5.3: an entry that a majority holds is committed and applied, and followers learn of it from then on."""
    state = on_disk(after(leader(), Propose((b"a",))))
    output = receive(state, ack(1, 1))
    assert output.state.commit_index == output.state.last_applied == 1
    assert (output.first_apply_index, output.apply) == (1, (Entry(1, b"a"),))
    beats = step(output.state, HeartbeatTimeout()).send_now
    assert [beat.leader_commit for beat in beats if isinstance(beat, AppendEntries)] == [1, 1]


@pytest.mark.parametrize(
    ("size", "acks", "committed"),
    [(1, 0, True), (3, 0, False), (3, 1, True), (3, 2, True), (5, 0, False), (5, 1, False), (5, 2, True), (5, 4, True)],
)
def test_leader_acknowledge_commit(size: int, acks: int, committed: bool) -> None:  # noqa: FBT001  # a column
    """§5.3: an entry is committed once the leader that created it has replicated it on a majority."""
    state = on_disk(after(leader(config=Config(tuple(range(1, size + 1)))), Propose((b"a",))))
    state = after(state, *[ack(1, 1, source=peer) for peer in state.peers[:acks]])
    assert (state.commit_index == 1) == committed


@pytest.mark.parametrize("terms", [(), (2,), (1, 2), (1,)])
def test_leader_commit_preceding_entries(terms: tuple[int, ...]) -> None:
    """§5.3: to commit an entry commits all before it, also those of other leaders, and applies them in order."""
    state = on_disk(after(leader(term=3, log=log_of(*terms)), Propose((b"a",))))
    output = receive(state, ack(3, len(terms) + 1))
    assert output.apply == (*entries_of(*terms), Entry(3, b"a"))
    assert output.first_apply_index == 1


@pytest.mark.parametrize("leader_commit", [0, 1, 2, 3])
def test_follower_commit_entry(leader_commit: int) -> None:
    """§5.3: a follower applies what it learns to be committed, in log order, each entry once."""
    message = append(1, (0, 0), 1, 1, 1, commit=leader_commit)
    output = receive(server(term=1), message)
    assert output.apply == entries_of(1, 1, 1)[:leader_commit]
    assert receive(output.state, message).apply == ()


@pytest.mark.parametrize(
    ("prev", "reply"),
    [
        ((0, 0), {"success": True, "match_index": 0}),
        ((1, 1), {"success": True, "match_index": 1}),
        ((2, 2), {"success": True, "match_index": 2}),
        ((1, 2), {"success": False, "prev_log_index": 1, "conflict_term": 1, "conflict_index": 1}),
        ((2, 3), {"success": False, "prev_log_index": 2, "conflict_term": 2, "conflict_index": 2}),
        ((3, 3), {"success": False, "prev_log_index": 3, "conflict_term": None, "conflict_index": 3}),
    ],
)
def test_follower_check_msg_app(prev: tuple[int, int], reply: dict[str, int | None]) -> None:
    """§5.3: a follower without an entry of the preceding index and term refuses the new ones, and says why."""
    output = receive(server(term=3, log=log_of(1, 2)), append(3, prev))
    (answer,) = output.send_when_durable
    assert isinstance(answer, AppendEntriesReply)
    assert {name: getattr(answer, name) for name in reply} == reply
    assert output.state.log == log_of(1, 2)
    assert output.reset_election_timer, "a leader was heard, whatever the answer"


@pytest.mark.parametrize(
    ("prev", "new", "terms", "first_written"),
    [
        ((2, 2), (3,), (1, 2, 3), 3),
        ((1, 1), (3, 4), (1, 3, 4), 2),
        ((0, 0), (1,), (1, 2), None),
        ((0, 0), (3,), (3,), 1),
        ((0, 0), (1, 2, 4), (1, 2, 4), 3),
    ],
)
def test_follower_append_entries(
    prev: tuple[int, int], new: tuple[int, ...], terms: tuple[int, ...], first_written: int | None
) -> None:
    """§5.3: conflicting entries are replaced with the leader's, in one write, and matching ones left alone."""
    output = receive(server(term=4, log=log_of(1, 2)), append(4, prev, *new))
    assert output.state.log == log_of(*terms)
    assert (output.persist.first_index if output.persist else None) == first_written
    if output.persist:
        assert Durable(4, None, log_of(1, 2)).after(output.persist).log == log_of(*terms)


FIGURE_7 = {
    "a": (1, 1, 1, 4, 4, 5, 5, 6, 6),
    "b": (1, 1, 1, 4),
    "c": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    "d": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    "e": (1, 1, 1, 4, 4, 4, 4),
    "f": (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
}


@pytest.mark.parametrize("follower", FIGURE_7)
def test_leader_sync_follower_log(follower: str) -> None:
    """§5.3: a leader brings every follower of Figure 7 into consistency with its own log, and keeps its own."""
    log = log_of(1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
    cluster = Cluster(n1=log, n2=log_of(*FIGURE_7[follower]), n3=Log())
    cluster.happen(1, ElectionTimeout())
    cluster.happen(1, Propose((b"a",)))
    logs = {cluster.state(member).log for member in THREE.members}
    assert logs == {log.append((Entry(cluster.state(1).current_term, b"a"),))}


# --- §5.4: safety -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [(1,), (1, 2)])
def test_vote_request(terms: tuple[int, ...]) -> None:
    """§5.4.1: a request for votes says where the candidate's log ends, to everybody."""
    requests = step(server(term=4, log=log_of(*terms)), ElectionTimeout()).send_when_durable
    assert requests == tuple(RequestVote(1, peer, 5, len(terms), terms[-1]) for peer in (2, 3))


@pytest.mark.parametrize(
    ("mine", "last_log_term", "last_log_index", "granted"),
    [
        ((1,), 1, 1, True),
        ((1,), 1, 2, True),
        ((1, 1), 1, 1, False),
        ((1,), 2, 1, True),
        ((1,), 2, 2, True),
        ((1, 1), 2, 1, True),
        ((2,), 1, 1, False),
        ((2,), 1, 2, False),
        ((2, 2), 1, 3, False),
    ],
)
def test_voter(mine: tuple[int, ...], last_log_term: int, last_log_index: int, granted: bool) -> None:  # noqa: FBT001
    """§5.4.1: a voter refuses if its own log is more up-to-date: by the last term first, by the length second."""
    output = receive(server(term=3, log=log_of(*mine)), RequestVote(2, 1, 3, last_log_index, last_log_term))
    assert output.send_when_durable == (RequestVoteReply(1, 2, 3, granted),)


@pytest.mark.parametrize(("match_index", "commit_index"), [(1, 0), (2, 0), (3, 3)])
def test_leader_only_commits_log_from_current_term(match_index: int, commit_index: int) -> None:
    """§5.4.2, Figure 8: only entries of the leader's current term are committed by counting replicas."""
    state = on_disk(after(leader(term=3, log=log_of(1, 2)), Propose((b"a",))))
    assert after(state, ack(3, match_index)).commit_index == commit_index


# --- The rest of Figure 2 ---------------------------------------------------------------------------------------------


def test_state_persistent_survives_a_restart_and_volatile_does_not() -> None:
    """Figure 2, State: term, vote and log come back; the commit index begins at 0 and grows again."""
    durable = Durable(3, 2, log_of(1, 3))
    state = restart(THREE, 1, durable)
    assert (state.current_term, state.voted_for, state.log) == (3, 2, log_of(1, 3))
    assert (state.commit_index, state.last_applied, state.leader_id) == (0, 0, None)
    assert after(state, append(3, (2, 3), commit=2)).commit_index == 2


def test_a_new_leader_knows_nothing_of_its_followers() -> None:
    """Figure 2, State: next_index begins after the leader's last entry and match_index at 0, in every term anew."""
    state = after(leader(term=2, log=log_of(1, 1)), ack(2, 2), ElectionTimeout())
    assert (state.next_index, state.match_index) == ((1, 3, 3), (0, 2, 0))
    again = after(state, heartbeat(3), ElectionTimeout(), vote(4))
    assert again.role is Role.LEADER
    assert (again.next_index, again.match_index) == ((1, 3, 3), (0, 0, 0))
    followers = after(again, heartbeat(5))
    assert (followers.next_index, followers.match_index, followers.durable_index) == ((), (), 0)


def test_an_empty_append_entries_checks_what_precedes_it_and_truncates_nothing() -> None:
    """Figure 2, AppendEntries 2 and 3: a heartbeat is an AppendEntries like any other."""
    state = server(term=3, log=log_of(1, 2, 2))
    refused, agreed = receive(state, append(3, (3, 3), commit=3)), receive(state, append(3, (1, 1), commit=3))
    assert (refused.state.log, refused.state.commit_index) == (state.log, 0)
    assert (agreed.state.log, agreed.state.commit_index) == (state.log, 1)


def test_a_delayed_append_entries_truncates_nothing_that_matches() -> None:
    """Figure 2, AppendEntries 3: only a conflict deletes entries."""
    state = server(term=1, log=log_of(1, 1, 1))
    output = receive(state, append(1, (0, 0), 1))
    assert output.state.log == state.log
    assert output.persist is None


@pytest.mark.parametrize(("leader_commit", "commit_index"), [(1, 1), (2, 2), (3, 2), (9, 2)])
def test_a_follower_vouches_and_commits_no_further_than_it_compared(leader_commit: int, commit_index: int) -> None:
    """Figure 2, AppendEntries 5: up to the last new entry, though its log is longer and the leader ahead."""
    output = receive(server(term=2, log=log_of(1, 1, 1)), append(2, (1, 1), 1, commit=leader_commit))
    assert output.state.commit_index == commit_index
    assert output.send_when_durable == (AppendEntriesReply(1, 2, 2, success=True, match_index=2),)


def test_a_followers_commit_index_never_decreases() -> None:
    """Figure 2, AppendEntries 5: an older message with a smaller commit index changes nothing."""
    state = after(server(term=1), append(1, (0, 0), 1, 1, commit=2))
    assert after(state, append(1, (0, 0), 1, commit=1)) == state


def test_a_committed_entry_is_never_replaced() -> None:
    """§5.4.3, State Machine Safety: if that were asked for, somebody's bug must not become ours."""
    state = after(server(term=1), append(1, (0, 0), 1, 1, commit=2))
    with pytest.raises(RemoteError, match="committed"):
        receive(state, append(2, (1, 1), 2))


def test_stepping_down_within_a_term_keeps_the_vote() -> None:
    """Figure 2, RequestVote 2: a candidate that follows the winner has still voted in this term, for itself."""
    state = after(candidate(term=1), heartbeat(1))
    assert state.voted_for == 1
    assert receive(state, RequestVote(3, 1, 1, 0, 0)).send_when_durable == (vote_refused(3),)


def vote_refused(dest: int) -> RequestVoteReply:
    """Server 1 refuses its vote in term 1."""
    return RequestVoteReply(1, dest, 1, vote_granted=False)


def test_voters_are_counted_and_not_votes() -> None:
    """Rules for candidates: a repeated answer is one vote."""
    state = after(candidate(config=FIVE), vote(1), vote(1), vote(1))
    assert state.role is Role.CANDIDATE
    assert after(state, vote(1, source=3)).role is Role.LEADER


@pytest.mark.parametrize("reply", [vote(1), ack(1, 1), InstallSnapshotReply(2, 1, 1, match_index=1)])
@pytest.mark.parametrize("state", [candidate(term=2), leader(term=2, log=log_of(1))], ids=lambda s: s.role.value)
def test_a_reply_of_an_older_term_counts_for_nothing(state: State, reply: Message) -> None:
    """§5.1: neither as a vote nor as an acknowledgement."""
    output = receive(state, reply)
    assert output.state == state
    assert (output.send_now, output.send_when_durable) == ((), ())


def test_a_leader_ignores_election_timeouts_and_late_votes() -> None:
    """Rules for leaders: it leads until it hears of a newer term."""
    state = leader()
    assert after(state, ElectionTimeout(), vote(1, source=3)) == state


def test_match_index_only_rises() -> None:
    """Rules for leaders: acknowledgements may arrive late, twice and in any order."""
    state = after(leader(term=2, log=log_of(1, 1, 1)), ack(2, 3))
    assert after(state, ack(2, 1), ack(2, 3), ack(2, 0)) == state


def test_a_stale_rejection_changes_nothing() -> None:
    """Rules for leaders: only the answer to the present question moves next_index, and never below match_index."""
    rejection = AppendEntriesReply(2, 1, 2, success=False, prev_log_index=3, conflict_term=None, conflict_index=1)
    state = leader(term=2, log=log_of(1, 1, 1))
    once = after(state, rejection)
    assert once.next_index_of(2) == 1
    assert after(once, rejection) == once
    acked = after(state, ack(2, 3))
    assert after(acked, rejection) == acked


@pytest.mark.parametrize(
    ("conflict_term", "conflict_index", "next_index"),
    [(None, 3, 3), (2, 3, 3), (4, 3, 5), (3, 2, 2), (5, 1, 1), (None, 0, 1)],
)
def test_a_rejection_skips_a_whole_term(conflict_term: int | None, conflict_index: int, next_index: int) -> None:
    """§5.3, end: to the leader's own last entry of the conflicting term, or else to where the follower's begins."""
    state = leader(term=9, log=log_of(1, 1, 4, 4, 6, 6))
    output = receive(
        state,
        AppendEntriesReply(
            2, 1, 9, success=False, prev_log_index=6, conflict_term=conflict_term, conflict_index=conflict_index
        ),
    )
    assert output.state.next_index_of(2) == next_index
    (retry,) = output.send_now
    assert isinstance(retry, AppendEntries)
    assert retry.prev_log_index == next_index - 1


def test_a_rejection_never_leads_forward() -> None:
    """§5.3: a follower that names a term wrongly makes the leader try earlier, as without its hint, and not later."""
    state = leader(term=9, log=log_of(1, 4, 4, 4))
    for prev, conflict_term, conflict_index, next_index in ((4, None, 3, 3), (2, 4, 2, 2)):
        rejection = AppendEntriesReply(
            2, 1, 9, success=False, prev_log_index=prev, conflict_term=conflict_term, conflict_index=conflict_index
        )
        state = after(state, rejection)
        assert state.next_index_of(2) == next_index


def test_proposals_wait_for_the_acknowledgement_under_way_and_then_travel_together() -> None:
    """Rules for leaders: one AppendEntries at a time, at most max_entries long, the next as soon as one is answered."""
    state = leader(config=replace(THREE, max_entries=2))
    first = step(state, Propose((b"1",)))
    later = [step(first.state, Propose((b"2", b"3", b"4", b"5")))]
    assert (len(first.send_now), later[0].send_now) == (2, ())
    for match_index in (1, 3):
        later.append(receive(later[-1].state, ack(1, match_index)))
    sent = [message.entries for output in later for message in output.send_now if isinstance(message, AppendEntries)]
    assert [[entry.command for entry in entries] for entries in sent] == [[b"2", b"3"], [b"4", b"5"]]


def test_what_was_lost_is_sent_again_with_the_next_heartbeat() -> None:
    """Rules for leaders: AppendEntries are retried indefinitely."""
    output = step(leader(), Propose((b"a",)))
    assert step(output.state, HeartbeatTimeout()).send_now == output.send_now


def test_only_a_leader_takes_proposals() -> None:
    """§8: others refuse, and say whom to ask."""
    with pytest.raises(NotLeader, match="no leader is known"):
        step(server(), Propose((b"a",)))
    with pytest.raises(NotLeader, match="node 2") as refused:
        step(after(server(term=1), heartbeat(1)), Propose((b"a",)))
    assert refused.value.leader_id == 2


@pytest.mark.parametrize("message", [heartbeat(1), append(1, (0, 0), 1), InstallSnapshot(2, 1, 1, Snapshot(1, 1, b""))])
def test_a_leader_never_truncates_its_own_log(message: Message) -> None:
    """§5.3, Leader Append-Only: a second leader in one term cannot be, and is not listened to."""
    with pytest.raises(RemoteError, match="source"):
        step(after(leader(), Propose((b"a",))), Receive(message))


def test_a_no_op_commits_what_earlier_leaders_left() -> None:
    """§8: an empty entry at the beginning of a term commits everything before it, without waiting for clients."""
    cluster = Cluster(replace(THREE, no_op=True), n1=log_of(1, 1), n2=log_of(1), n3=log_of(1))
    cluster.happen(1, ElectionTimeout())
    assert cluster.state(1).log.entries[-1] == Entry(2, None)
    assert cluster.state(1).commit_index == 3


def test_a_cluster_of_one_elects_itself_and_commits_when_its_disk_does() -> None:
    """§5.2, §5.3: a majority of one is one."""
    state = leader(config=Config((1,)))
    assert state.role is Role.LEADER
    output = step(state, Propose((b"a",)))
    assert (output.state.commit_index, output.send_now, output.send_when_durable) == (0, (), ())
    assert output.persist is not None
    assert output.persist.confirmation is not None
    assert step(output.state, output.persist.confirmation).apply == (Entry(1, b"a"),)
