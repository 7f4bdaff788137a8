"""A leader that steps down stays in its term and promises nothing new (§6.2 of Ongaro's dissertation)."""

from dataclasses import replace

import pytest

from impl_cluster import THREE, Cluster, Node, after, candidate, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    ElectionTimeout,
    HeartbeatTimeout,
    NotLeader,
    Output,
    Persisted,
    PreVote,
    PreVoteReply,
    Propose,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
    StepDown,
    step,
)

PRE_VOTE = replace(THREE, pre_vote=True)
LEADER = after(leader(2, log_of(1)), Propose((b"a",)), AppendEntriesReply(2, 1, 2, success=True, match_index=1))


def test_a_leader_that_steps_down_follows_nobody_in_the_same_term() -> None:
    """Term, vote, log and commit index stay; all that a leader counts with is gone; nothing is written or sent."""
    output = step(LEADER, StepDown())
    state = output.state
    assert (state.role, state.leader_id) == (Role.FOLLOWER, None)
    assert (state.current_term, state.voted_for, state.log, state.commit_index) == (2, 1, LEADER.log, 0)
    assert (state.votes_granted, state.next_index, state.match_index, state.durable_index) == (frozenset(), (), (), 0)
    assert output == Output(state, reset_election_timer=True)


@pytest.mark.parametrize(
    "state",
    [
        after(server(), AppendEntries(2, 1, 1, 0, 0, entries_of(1), 1)),
        after(server(config=PRE_VOTE), ElectionTimeout()),
        candidate(),
        after(LEADER, StepDown()),
    ],
    ids=["follower", "pre-candidate", "candidate", "stepped down before"],
)
def test_who_does_not_lead_ignores_it(state: State) -> None:
    """The driver need not know the role that the server has by then."""
    assert step(state, StepDown()) == Output(state)


def test_who_stepped_down_takes_no_proposals_and_sends_no_heartbeats() -> None:
    """It knows no leader either, so it cannot say whom to ask."""
    state = after(LEADER, StepDown())
    with pytest.raises(NotLeader, match="no leader is known"):
        step(state, Propose((b"b",)))
    assert step(state, HeartbeatTimeout()) == Output(state)


def test_answers_to_what_it_sent_as_a_leader_mean_nothing_any_more() -> None:
    """Neither in the same term nor when it leads again: those answers are of the old term."""
    late = AppendEntriesReply(2, 1, 2, success=True, match_index=2)
    stepped_down = after(LEADER, StepDown())
    again = after(stepped_down, ElectionTimeout(), RequestVoteReply(2, 1, 3, vote_granted=True))
    assert (again.role, again.current_term) == (Role.LEADER, 3)
    for state in (stepped_down, again):
        assert after(state, late, Persisted(2, 2), RequestVoteReply(3, 1, 2, vote_granted=True)) == state


def test_its_vote_in_that_term_is_spent() -> None:
    """§5.2: it voted for itself, so nobody else can lead the term that it led."""
    state = after(LEADER, StepDown())
    refusal = RequestVoteReply(1, 2, 2, vote_granted=False)
    assert receive(state, RequestVote(2, 1, 2, 9, 1)).send_when_durable == (refusal,)


def test_it_grants_pre_votes_at_once() -> None:
    """§9.6: a server that knows of no living leader has no reason to refuse; a leader has."""
    state = after(leader(config=THREE), Propose((b"a",)))
    question = PreVote(2, 1, 2, 1, 1)
    assert receive(state, question).send_now == (PreVoteReply(1, 2, 1, vote_granted=False),)
    assert receive(after(state, StepDown()), question).send_now == (PreVoteReply(1, 2, 2, vote_granted=True),)


def test_the_entries_of_who_stepped_down_may_be_committed_or_replaced() -> None:
    """§5.4: it holds what it appended as any follower does; a later leader's log decides."""
    keeps = AppendEntries(2, 1, 3, 2, 2, (), 2)
    replaces = AppendEntries(2, 1, 3, 1, 1, entries_of(3, first=2), 0)
    assert after(LEADER, StepDown(), keeps).commit_index == 2
    assert after(LEADER, StepDown(), replaces).log == log_of(1, 3)


def test_a_cluster_of_one_that_steps_down_commits_only_what_is_on_disk() -> None:
    """It leads again while its disk works, but what it wrote before does not commit by counting (§5.4.2)."""
    node = Node(Config((1,), no_op=True), 1)
    node.handle(ElectionTimeout())
    node.flush()
    node.flush()
    for event in (Propose((b"a",)), StepDown(), ElectionTimeout()):
        node.handle(event)
    assert node.state.role is Role.CANDIDATE, "its vote isn't on disk"
    while node.state.role is not Role.LEADER:
        node.flush()
    assert (node.state.role, node.state.current_term, node.state.commit_index) == (Role.LEADER, 2, 1)
    while node.queue:
        node.flush()
        assert node.state.commit_index <= node.durable.log.last_index
    assert node.state.commit_index == node.state.log.last_index == 3


def test_a_leader_that_is_cut_off_steps_down_and_finds_the_next_one_when_it_is_back() -> None:
    """CheckQuorum as its driver would do it: the others elect a leader, and the old one follows."""
    cluster = Cluster(PRE_VOTE)
    cluster.happen(1, ElectionTimeout())
    cluster.cut = frozenset({1})
    cluster.happen(1, Propose((b"lost",)))
    cluster.happen(1, StepDown())
    cluster.happen(3, ElectionTimeout())
    cluster.happen(2, ElectionTimeout())
    cluster.happen(2, Propose((b"kept",)))
    cluster.cut = frozenset()
    cluster.happen(2, HeartbeatTimeout())
    assert [cluster.state(member).role for member in (1, 2, 3)] == [Role.FOLLOWER, Role.LEADER, Role.FOLLOWER]
    assert {cluster.state(member).log for member in (1, 2, 3)} == {cluster.state(2).log}
    assert cluster.state(2).log.entries[-1].command == b"kept"
