"""CheckQuorum: a leader needs answers, and who has a leader ignores candidates (§6.2, §4.2.3 of the dissertation)."""

from dataclasses import replace

import pytest

from impl_cluster import FIVE, THREE, after, candidate, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    ConfirmLeadership,
    ElectionTimeout,
    Event,
    Hear,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    Output,
    Persisted,
    PreVote,
    PreVoteReply,
    Propose,
    ReadRequest,
    RemoteError,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
    StepDown,
    TimeoutNow,
    step,
)

CHECKED = replace(THREE, check_quorum=True)
CHECKED_FIVE = replace(FIVE, check_quorum=True)
FOLLOWER = after(server(config=CHECKED), AppendEntries(2, 1, 1, 0, 0, entries_of(1), 0))
LEADER = leader(2, log_of(1), CHECKED)


def answer(peer: int, term: int = 2) -> AppendEntriesReply:
    """A peer acknowledges what there was before the leader's term."""
    return AppendEntriesReply(peer, 1, term, success=True, match_index=1)


def test_a_leader_that_nobody_answers_steps_down() -> None:
    """As at its driver's request: in the same term, and with a whole new timeout."""
    assert step(LEADER, ElectionTimeout()) == step(LEADER, StepDown())
    assert after(LEADER, ElectionTimeout()).role is Role.FOLLOWER


def test_a_leader_that_a_majority_answers_stays_and_begins_to_count_anew() -> None:
    """An answer of an earlier timeout says nothing about the present one."""
    state = after(LEADER, answer(3))
    assert state.heard_from == {1, 3}
    checked = step(state, ElectionTimeout())
    assert checked == Output(replace(state, heard_from=frozenset({1})))
    assert after(checked.state, ElectionTimeout()).role is Role.FOLLOWER
    assert after(checked.state, answer(3), ElectionTimeout()).role is Role.LEADER


def test_the_majority_is_that_of_the_configuration() -> None:
    """Two of five are none, three are; where four are asked for, three are none."""
    for config, needed in ((CHECKED_FIVE, 2), (replace(CHECKED_FIVE, quorum=4), 3)):
        state = leader(2, log_of(1), CHECKED_FIVE)
        state = replace(state, config=config)
        for peer in range(2, 2 + needed):
            assert after(state, ElectionTimeout()).role is Role.FOLLOWER
            state = after(state, answer(peer), answer(peer))
        assert after(state, ElectionTimeout()).role is Role.LEADER


@pytest.mark.parametrize(
    "event",
    [
        answer(2),
        AppendEntriesReply(2, 1, 2, success=False, prev_log_index=1, conflict_index=1),
        InstallSnapshotReply(2, 1, 2, match_index=1),
        RequestVoteReply(2, 1, 2, vote_granted=True),
        RequestVoteReply(2, 1, 2, vote_granted=False),
        LeadershipConfirmed(2, 1, 2, 1),
        Hear(2),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_answer_in_its_term_counts(event: Event | Message) -> None:
    """Whatever it says, and also if it changes nothing else; what isn't a message of the core is an event."""
    state = after(LEADER, answer(3), Propose((b"a",)))
    state = after(state, Persisted(2, 2), AppendEntriesReply(3, 1, 2, success=True, match_index=2))
    state = after(state, ReadRequest(), ElectionTimeout())
    assert state.heard_from == {1}
    assert after(state, event).heard_from == {1, 2}


@pytest.mark.parametrize(
    "message",
    [
        answer(2, term=1),
        PreVote(2, 1, 2, 1, 1),
        PreVote(2, 1, 3, 1, 1),
        RequestVote(2, 1, 2, 1, 1),
        RequestVote(2, 1, 3, 1, 1),
        PreVoteReply(2, 1, 2, vote_granted=False),
    ],
    ids=lambda message: f"{type(message).__name__} {message.term}",
)
def test_what_does_not_answer_it_does_not_count(message: Message) -> None:
    """Who asks for votes may hear nothing of the leader; who answered an earlier term isn't known to be there."""
    assert after(LEADER, message).heard_from == {1}


def test_who_has_answered_is_counted_once() -> None:
    """Another answer changes nothing, which is not even a new value."""
    state = after(LEADER, Hear(2))
    assert step(state, Hear(2)).state is state
    assert receive(state, RequestVoteReply(2, 1, 2, vote_granted=True)).state is state


@pytest.mark.parametrize("state", [FOLLOWER, candidate(config=CHECKED), after(LEADER, StepDown())])
def test_only_a_leader_counts(state: State) -> None:
    """What others hear means nothing to them, and nothing of it is left when they lead."""
    assert step(state, Hear(2)) == Output(state)
    assert state.heard_from == frozenset()


def test_without_the_option_a_leader_stays() -> None:
    """And it counts nobody, so that equal leaders are equal."""
    state = leader(2, log_of(1))
    assert step(state, ElectionTimeout()) == Output(state)
    assert step(state, Hear(2)) == Output(state)
    assert after(state, answer(3)).heard_from == frozenset()


def test_a_cluster_of_one_keeps_its_leader() -> None:
    """It is a majority by itself; the check changes nothing."""
    state = leader(config=Config((1,), check_quorum=True))
    assert step(state, ElectionTimeout()) == Output(state)
    assert step(state, ElectionTimeout()).state is state


@pytest.mark.parametrize("state", [FOLLOWER, LEADER], ids=["follower", "leader"])
def test_who_has_a_leader_ignores_requests_for_votes_of_later_terms(state: State) -> None:
    """Neither vote nor term nor answer, however good the candidate's log is (§4.2.3)."""
    output = receive(state, RequestVote(3, 1, 9, 8, 8))
    assert output == Output(state)
    assert output.state is state


@pytest.mark.parametrize(
    "state",
    [
        server(config=CHECKED),
        candidate(config=CHECKED),
        after(LEADER, StepDown()),
        after(FOLLOWER, ElectionTimeout()),
        replace(FOLLOWER, config=THREE),
        replace(LEADER, config=THREE),
    ],
    ids=["started", "candidate", "stepped down", "timed out", "follower without the option", "leader without it"],
)
def test_who_has_no_leader_votes(state: State) -> None:
    """A server that hasn't heard of a leader for an election timeout, or nothing since it started, has none."""
    voted = receive(state, RequestVote(3, 1, 9, 8, 8))
    assert voted.send_when_durable == (RequestVoteReply(1, 3, 9, vote_granted=True),)


@pytest.mark.parametrize("state", [FOLLOWER, LEADER], ids=["follower", "leader"])
def test_who_stands_for_the_leader_is_heard(state: State) -> None:
    """The leader asked for the election, so that nothing speaks against it (§4.2.3)."""
    voted = receive(state, RequestVote(3, 1, 9, 8, 8, transfer=True))
    assert voted.send_when_durable == (RequestVoteReply(1, 3, 9, vote_granted=True),)


def test_whom_the_leader_asks_to_stand_says_so() -> None:
    """Who stands because it hears of no leader doesn't."""
    asked = receive(FOLLOWER, TimeoutNow(2, 1, 1)).send_when_durable
    assert asked == tuple(RequestVote(1, peer, 2, 1, 1, transfer=True) for peer in (2, 3))
    timed_out = step(FOLLOWER, ElectionTimeout()).send_when_durable
    assert timed_out == tuple(RequestVote(1, peer, 2, 1, 1) for peer in (2, 3))


def test_what_is_no_flag_is_refused() -> None:
    """As every field that no correct peer sends."""
    with pytest.raises(RemoteError, match="transfer: 1 is not true or false"):
        receive(FOLLOWER, RequestVote(3, 1, 9, 8, 8, transfer=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message",
    [AppendEntries(3, 1, 9, 0, 0, (), 0), ConfirmLeadership(3, 1, 9, 1), PreVoteReply(3, 1, 9, vote_granted=False)],
    ids=lambda message: type(message).__name__,
)
def test_all_else_of_a_later_term_is_obeyed(message: Message) -> None:
    """A later leader may exist although this server has the earlier one (§5.1)."""
    assert after(FOLLOWER, message).current_term == 9


def test_a_vote_in_the_term_of_the_leader_is_given_or_refused_as_ever() -> None:
    """Who hasn't voted in its leader's term promises nothing by voting for a candidate that has lost it (§5.2)."""
    voted = receive(FOLLOWER, RequestVote(3, 1, 1, 0, 0))
    assert voted.send_when_durable == (RequestVoteReply(1, 3, 1, vote_granted=False),)


def test_a_candidate_that_is_ignored_joins_again_by_refusing_a_heartbeat() -> None:
    """Otherwise it could never follow: its term is later than the leader's, whose heartbeats it must refuse."""
    stuck = candidate(5, log_of(1), CHECKED)
    heartbeat = AppendEntries(2, 1, 2, 1, 1, (), 0)
    (refusal,) = receive(stuck, heartbeat).send_when_durable
    assert refusal == AppendEntriesReply(1, 2, 5, success=False)
    deposed = receive(LEADER, replace(refusal, source=3, dest=1)).state
    assert (deposed.role, deposed.current_term, deposed.leader_id) == (Role.FOLLOWER, 5, None)
