"""ReadIndex: a read is answered only when nobody else can have led when it arrived (dissertation §6.4)."""

from dataclasses import replace

import pytest

from impl_cluster import THREE, after, candidate, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    ConfirmedReads,
    ConfirmLeadership,
    Entry,
    HeartbeatTimeout,
    LeadershipConfirmed,
    Output,
    Persisted,
    Propose,
    ReadRequest,
    ReadRound,
    Receive,
    RemoteError,
    RequestVoteReply,
    Role,
    State,
    StepDown,
    restart,
    step,
)
from quorate.raft.output import Durable


def settled_leader(config: Config = THREE) -> State:
    """Server 1, leader of term 2, with an entry of its own term committed at index 2."""
    state = leader(2, log_of(1, 2), config)
    acknowledgements = (AppendEntriesReply(peer, 1, 2, success=True, match_index=2) for peer in state.peers)
    return after(state, *acknowledgements)


SETTLED = settled_leader()
ASKING = after(SETTLED, ReadRequest())
MORE = (Propose((b"later",)), Persisted(2, 3), AppendEntriesReply(2, 1, 2, success=True, match_index=3))
ALONE = Config(members=(1,), no_op=True)


def test_a_leader_asks_every_peer_in_a_numbered_round() -> None:
    """It confirms itself, keeps its commit index, and writes nothing; the questions needn't wait for a disk."""
    output = step(SETTLED, ReadRequest())
    assert output.state == replace(SETTLED, reads=ReadRound(1, 2, frozenset({1})))
    assert output == Output(output.state, send_now=(ConfirmLeadership(1, 2, 2, 1), ConfirmLeadership(1, 3, 2, 1)))


@pytest.mark.parametrize("state", [server(1, 2, log_of(1, 2)), candidate(2, log_of(1))], ids=["follower", "candidate"])
def test_who_does_not_lead_asks_nobody(state: State) -> None:
    """Its clients' reads go elsewhere."""
    assert step(state, ReadRequest()) == Output(state)


@pytest.mark.parametrize("log", [log_of(), log_of(1), log_of(1, 2)], ids=["no entry", "an older one", "not committed"])
def test_a_new_leader_asks_nobody_before_it_has_committed_an_entry_of_its_term(log: object) -> None:
    """Its commit index may be behind what the leader before it acknowledged (§6.4, step 1)."""
    state = leader(2, log)  # type: ignore[arg-type]  # a log
    output = step(state, ReadRequest())
    assert output.state is state
    assert output == Output(state)


def test_a_quorum_confirms_a_round() -> None:
    """The leader and one of two others; then the round is over, and the next has another number."""
    output = receive(ASKING, LeadershipConfirmed(3, 1, 2, 1))
    assert output.reads == ConfirmedReads(1, 2)
    assert output.state == replace(SETTLED, reads=ReadRound(1))
    assert output == Output(output.state, reads=output.reads)
    again = step(output.state, ReadRequest())
    assert again.state.reads == ReadRound(2, 2, frozenset({1}))
    assert again.send_now[0] == ConfirmLeadership(1, 2, 2, 2)


def test_the_read_index_is_that_of_the_beginning() -> None:
    """What is committed while the answers are on their way isn't waited for: the reads came before."""
    state = after(ASKING, *MORE)
    assert state.commit_index == 3
    assert receive(state, LeadershipConfirmed(3, 1, 2, 1)).reads == ConfirmedReads(1, 2)


def test_a_round_is_confirmed_once() -> None:
    """What arrives after its end changes nothing."""
    state = after(ASKING, LeadershipConfirmed(3, 1, 2, 1))
    for peer in (2, 3):
        assert receive(state, LeadershipConfirmed(peer, 1, 2, 1)) == Output(state)


def test_one_server_that_answers_twice_is_no_quorum() -> None:
    """Servers are counted, not answers."""
    state = after(settled_leader(Config(members=(1, 2, 3, 4, 5))), ReadRequest(), LeadershipConfirmed(2, 1, 2, 1))
    assert state.reads.confirmed_by == {1, 2}
    again = receive(state, LeadershipConfirmed(2, 1, 2, 1))
    assert again.state is state
    assert again == Output(state)
    assert receive(state, LeadershipConfirmed(4, 1, 2, 1)).reads == ConfirmedReads(1, 2)


def test_a_round_asks_for_the_quorum_that_the_configuration_names() -> None:
    """Where four of five elect and commit, three of five don't confirm a read: another leader needs only four."""
    config = Config((1, 2, 3, 4, 5), quorum=4)
    state = after(leader(1, log_of(1), config), RequestVoteReply(4, 1, 1, vote_granted=True))
    acknowledgements = (AppendEntriesReply(peer, 1, 1, success=True, match_index=1) for peer in (2, 3, 4))
    state = after(state, Persisted(1, 1), *acknowledgements, ReadRequest())
    for peer in (2, 3):
        output = receive(state, LeadershipConfirmed(peer, 1, 1, 1))
        assert output.reads is None
        state = output.state
    assert receive(state, LeadershipConfirmed(5, 1, 1, 1)).reads == ConfirmedReads(1, 1)


def test_a_confirmation_of_another_round_or_term_confirms_nothing() -> None:
    """It was given before the reads arrived, and may have been long on its way."""
    state = after(ASKING, ReadRequest())
    assert state.reads == ReadRound(2, 2, frozenset({1}))
    for answer in (LeadershipConfirmed(3, 1, 2, 1), LeadershipConfirmed(3, 1, 1, 2)):
        output = receive(state, answer)
        assert output.state is state
        assert output == Output(state)
    assert receive(state, LeadershipConfirmed(3, 1, 2, 2)).reads == ConfirmedReads(2, 2)


def test_a_leader_in_office_is_asked_about_again_with_a_new_read_index() -> None:
    """A round whose answers are lost is given up."""
    state = after(ASKING, *MORE)
    assert after(state, ReadRequest()).reads == ReadRound(2, 3, frozenset({1}))


def test_heartbeats_leave_a_round_alone() -> None:
    """They say nothing about reads."""
    assert step(ASKING, HeartbeatTimeout()).state is ASKING


@pytest.mark.parametrize(
    "end",
    [StepDown(), Receive(AppendEntries(2, 1, 3, 2, 2, (Entry(3, b""),), 2)), Receive(ConfirmLeadership(2, 1, 3, 1))],
    ids=["steps down", "hears a later leader", "is asked by one"],
)
def test_who_has_stopped_leading_has_no_round(end: Receive | StepDown) -> None:
    """And a confirmation that comes then counts for nothing."""
    state = step(ASKING, end).state
    assert (state.role, state.reads) == (Role.FOLLOWER, ReadRound())
    assert receive(state, LeadershipConfirmed(2, 1, 2, 1)) == Output(state)


def test_rounds_of_each_term_are_counted_from_one() -> None:
    """Term and number together identify a round."""
    state = after(ASKING, StepDown())
    state = step(restart(THREE, 1, Durable(3, 1, state.log)), ReadRequest()).state
    assert state.reads == ReadRound()
    assert after(settled_leader(), ReadRequest()).reads.number == 1


def test_a_server_confirms_only_the_term_it_is_in() -> None:
    """One in a later term may have elected somebody else; one in an earlier one enters the leader's term first."""
    for term, answer in ((1, True), (2, True), (3, False)):
        state = server(2, term)
        output = receive(state, ConfirmLeadership(1, 2, 2, 7))
        assert output.send_now == ((LeadershipConfirmed(2, 1, 2, 7),) if answer else ())
        assert output.send_when_durable == ()
        assert output.state.current_term == max(2, term)
        assert output.state.leader_id is None
        assert (output.state is state) == (term >= 2)
        assert output.reset_election_timer is False


def test_a_candidate_confirms_the_leader_of_its_term() -> None:
    """It stays a candidate: entries tell it to follow."""
    state = candidate(2)
    assert receive(state, ConfirmLeadership(2, 1, 2, 1)) == Output(state, send_now=(LeadershipConfirmed(1, 2, 2, 1),))


def test_a_newer_term_ends_leadership_also_by_a_confirmation() -> None:
    """§5.1 is about every message."""
    state = receive(ASKING, LeadershipConfirmed(2, 1, 3, 1)).state
    assert (state.role, state.current_term) == (Role.FOLLOWER, 3)


def test_a_cluster_of_one_confirms_itself() -> None:
    """It is its own quorum."""
    state = after(leader(1, config=ALONE), Persisted(1, 1))
    output = step(state, ReadRequest())
    assert output == Output(replace(state, reads=ReadRound(1)), reads=ConfirmedReads(1, 1))
    assert step(output.state, ReadRequest()).reads == ConfirmedReads(2, 1)


def test_nobody_confirms_a_round_that_has_not_begun() -> None:
    """Nor is there a round 0."""
    for number in (0, 2):
        with pytest.raises(RemoteError, match="round"):
            receive(ASKING, LeadershipConfirmed(2, 1, 2, number))
    assert receive(SETTLED, LeadershipConfirmed(2, 1, 1, 5)) == Output(SETTLED), "of an earlier term nothing is known"


def test_nobody_else_asks_about_the_term_that_this_server_leads() -> None:
    """A term has one leader."""
    with pytest.raises(RemoteError, match="claims to lead term 2"):
        receive(SETTLED, ConfirmLeadership(2, 1, 2, 1))
