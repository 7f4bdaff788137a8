"""A pre-vote spends no term and promises nothing (§9.6 of Ongaro's dissertation)."""

from dataclasses import replace

import pytest

from impl_cluster import FIVE, THREE, Cluster, after, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    Config,
    ElectionTimeout,
    HeartbeatTimeout,
    PreVote,
    PreVoteReply,
    Propose,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
    step,
)

PRE_VOTE = replace(THREE, pre_vote=True)


def asking(term: int = 1, config: Config = PRE_VOTE) -> State:
    """Server 1, which asks about the term after `term`."""
    return after(server(term=term, config=config), ElectionTimeout())


def test_an_election_timeout_asks_first() -> None:
    """The question carries the next term, but term and vote stay, and nothing is written."""
    output = step(server(term=1, config=PRE_VOTE), ElectionTimeout())
    assert (output.state.role, output.state.current_term, output.state.voted_for) == (Role.PRE_CANDIDATE, 1, None)
    assert output.send_now == (PreVote(1, 2, 2, 0, 0), PreVote(1, 3, 2, 0, 0))
    assert (output.persist, output.send_when_durable, output.reset_election_timer) == (None, (), True)


def test_a_majority_of_pre_votes_begins_an_election_and_counts_for_nothing_in_it() -> None:
    """A pre-vote is no vote: the candidate has its own vote, and no other."""
    output = receive(asking(), PreVoteReply(2, 1, 2, vote_granted=True))
    assert (output.state.role, output.state.current_term) == (Role.CANDIDATE, 2)
    assert output.state.votes_granted == {1}
    assert output.send_when_durable == (RequestVote(1, 2, 2, 0, 0), RequestVote(1, 3, 2, 0, 0))
    assert after(output.state, PreVoteReply(3, 1, 2, vote_granted=True)) == output.state


def test_real_votes_are_not_counted_as_pre_votes() -> None:
    """A vote that arrives late, in the term of who asks for pre-votes, is none of them."""
    assert after(asking(term=2), RequestVoteReply(2, 1, 2, vote_granted=True)) == asking(term=2)


def test_pre_voters_are_counted_and_not_pre_votes() -> None:
    """A repeated answer is one."""
    state = asking(config=replace(FIVE, pre_vote=True))
    grant = PreVoteReply(2, 1, 2, vote_granted=True)
    assert after(state, grant, grant, grant).role is Role.PRE_CANDIDATE


@pytest.mark.parametrize(
    ("term", "last_log_index", "last_log_term", "granted"),
    [(4, 2, 2, True), (9, 2, 2, True), (4, 1, 2, False), (4, 9, 1, False), (4, 1, 3, True), (3, 2, 2, False)],
)
def test_a_pre_vote_is_granted_as_a_vote_would_be(
    term: int,
    last_log_index: int,
    last_log_term: int,
    granted: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """For a newer term and a log at least as complete; whichever the answer, nobody's state changes."""
    state = server(term=3, log=log_of(1, 2), voted_for=3)
    output = receive(state, PreVote(2, 1, term, last_log_index, last_log_term))
    assert output.state == state
    assert output.send_now == (PreVoteReply(1, 2, term if granted else 3, granted),)
    assert (output.persist, output.send_when_durable, output.reset_election_timer) == (None, (), False)


def test_a_pre_vote_of_an_old_term_is_refused_aloud() -> None:
    """Silence would leave a server with the longer log and the older term asking for ever."""
    output = receive(server(term=3), PreVote(2, 1, 2, 1, 1))
    assert output.send_now == (PreVoteReply(1, 2, 3, vote_granted=False),)


def test_a_refusal_shows_a_newer_term_and_a_grant_does_not() -> None:
    """Nobody has entered the term of a granted pre-vote."""
    refused = after(asking(), PreVoteReply(2, 1, 7, vote_granted=False))
    assert (refused.current_term, refused.role) == (7, Role.FOLLOWER)
    granted = after(asking(), PreVoteReply(2, 1, 7, vote_granted=True))
    assert granted == asking()


def test_who_hears_a_leader_refuses_until_its_own_election_timeout() -> None:
    """A server that was cut off and comes back cannot disturb a working leader."""
    state = after(server(term=1, config=PRE_VOTE), AppendEntries(3, 1, 1, 0, 0, (), 0))
    question = PreVote(2, 1, 2, 0, 0)
    assert receive(state, question).send_now == (PreVoteReply(1, 2, 1, vote_granted=False),)
    state = after(state, ElectionTimeout())
    assert receive(state, question).send_now == (PreVoteReply(1, 2, 2, vote_granted=True),)


def test_a_server_that_was_cut_off_comes_back_without_a_new_term() -> None:
    """What pre-vote is for: the leader stays, and the term too."""
    cluster = Cluster(PRE_VOTE)
    cluster.happen(1, ElectionTimeout())
    cluster.cut = frozenset({3})
    for _ in range(5):
        cluster.happen(3, ElectionTimeout())
    cluster.happen(1, Propose((b"a",)))
    cluster.cut = frozenset()
    cluster.happen(3, ElectionTimeout())
    cluster.happen(1, HeartbeatTimeout())
    assert [cluster.state(member).role for member in (1, 2, 3)] == [Role.LEADER, Role.FOLLOWER, Role.FOLLOWER]
    assert {cluster.state(member).current_term for member in (1, 2, 3)} == {1}


def test_a_pre_candidate_follows_the_leader_of_its_term() -> None:
    """§5.2 holds for it as for a candidate."""
    state = after(asking(), AppendEntries(2, 1, 1, 0, 0, (), 0))
    assert (state.role, state.leader_id, state.votes_granted) == (Role.FOLLOWER, 2, frozenset())


def test_a_cluster_of_one_asks_nobody() -> None:
    """Its own pre-vote is a majority, and so is its own vote when its disk has it."""
    output = step(server(term=1, config=Config((1,), pre_vote=True)), ElectionTimeout())
    (vote,) = output.send_when_durable
    assert (output.send_now, vote.dest, output.state.role) == ((), 1, Role.CANDIDATE)
    assert receive(output.state, vote).state.role is Role.LEADER
