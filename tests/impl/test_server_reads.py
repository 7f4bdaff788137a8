"""A read is answered only when nobody else can have led when it arrived (dissertation §6.4)."""

from impl_cluster import THREE, after, leader, log_of, server
from quorate.raft import AppendEntries, AppendEntriesReply, Config, Entry, Persisted, RequestVoteReply, State
from quorate.raft_server.messages import ConfirmLeadership, LeadershipConfirmed
from quorate.raft_server.reads import ReadRounds, confirm


def settled_leader() -> State:
    """Server 1, leader of term 2, with an entry of its own term committed."""
    state = leader(2, log_of(1, 2))
    return after(state, AppendEntriesReply(2, 1, 2, success=True, match_index=2))


def rounds(*reads: str) -> ReadRounds[str]:
    """Reads that have just arrived."""
    return ReadRounds(arrived=list(reads))


def test_a_read_waits_for_a_majority() -> None:
    """The leader alone is none; it and one of two others are."""
    state, reads = settled_leader(), rounds("r")
    question = reads.begin(state)
    assert question == ConfirmLeadership(2, 1)
    assert reads.take_confirmed(state, state.commit_index) == []
    reads.answered(3, LeadershipConfirmed(2, 1))
    assert reads.take_confirmed(state, state.commit_index) == ["r"]
    assert reads.take_confirmed(state, state.commit_index) == []


def test_a_read_asks_for_the_quorum_that_the_configuration_names() -> None:
    """Where four of five elect and commit, three of five don't confirm a read: another leader needs only four."""
    config = Config((1, 2, 3, 4, 5), quorum=4)
    state = leader(1, log_of(1), config)
    state = after(state, RequestVoteReply(4, 1, 1, vote_granted=True))
    acknowledgements = (AppendEntriesReply(peer, 1, 1, success=True, match_index=1) for peer in (2, 3, 4))
    state, reads = after(state, Persisted(1, 1), *acknowledgements), rounds("r")
    assert reads.begin(state) == ConfirmLeadership(1, 1)
    for peer in (2, 3):
        reads.answered(peer, LeadershipConfirmed(1, 1))
    assert reads.take_confirmed(state, state.commit_index) == []
    reads.answered(5, LeadershipConfirmed(1, 1))
    assert reads.take_confirmed(state, state.commit_index) == ["r"]


def test_a_new_leader_answers_nothing_before_it_has_committed_an_entry_of_its_term() -> None:
    """Its commit index may be behind what the leader before it acknowledged (§6.4, step 1)."""
    state, reads = leader(2, log_of(1)), rounds("r")
    assert reads.begin(state) is None
    state = leader(2, log_of(1, 2))
    assert reads.begin(state) is None
    assert reads.begin(settled_leader()) is not None


def test_an_answer_to_an_earlier_round_confirms_nothing_later() -> None:
    """It was given before the read arrived, and may have been long on its way."""
    state, reads = settled_leader(), rounds("first")
    reads.begin(state)
    reads.answered(2, LeadershipConfirmed(2, 1))
    assert reads.take_confirmed(state, state.commit_index) == ["first"]
    reads.arrived.append("second")
    assert reads.begin(state) == ConfirmLeadership(2, 2)
    reads.answered(3, LeadershipConfirmed(2, 1))
    reads.answered(3, LeadershipConfirmed(1, 2))
    assert reads.take_confirmed(state, state.commit_index) == []
    reads.answered(3, LeadershipConfirmed(2, 2))
    assert reads.take_confirmed(state, state.commit_index) == ["second"]


def test_a_read_that_arrives_during_a_round_waits_for_the_next() -> None:
    """The answers under way were perhaps given before it arrived."""
    state, reads = settled_leader(), rounds("first")
    reads.begin(state)
    reads.arrived.append("second")
    assert reads.begin(state) is None
    reads.answered(2, LeadershipConfirmed(2, 1))
    assert reads.take_confirmed(state, state.commit_index) == ["first"]
    assert reads.begin(state) == ConfirmLeadership(2, 2)


def test_a_round_whose_answers_were_lost_is_asked_again() -> None:
    """What was asked and what has arrived go together, under a new number."""
    state, reads = settled_leader(), rounds("first")
    reads.begin(state)
    reads.arrived.append("second")
    assert reads.begin(state, again=True) == ConfirmLeadership(2, 2)
    reads.answered(2, LeadershipConfirmed(2, 2))
    assert reads.take_confirmed(state, state.commit_index) == ["first", "second"]


def test_a_read_waits_for_the_state_machine() -> None:
    """What was committed when it arrived has to be applied first (§6.4, step 4)."""
    state, reads = settled_leader(), rounds("r")
    reads.begin(state)
    reads.answered(2, LeadershipConfirmed(2, 1))
    assert reads.take_confirmed(state, state.commit_index - 1) == []
    assert reads.take_confirmed(state, state.commit_index) == ["r"]


def test_one_server_that_answers_twice_is_no_majority() -> None:
    """Servers are counted, not answers."""
    config = Config(members=(1, 2, 3, 4, 5))
    state = leader(2, log_of(1, 2), config)
    for peer in (2, 3):
        state = after(state, AppendEntriesReply(peer, 1, 2, success=True, match_index=2))
    reads = rounds("r")
    reads.begin(state)
    for _ in range(3):
        reads.answered(2, LeadershipConfirmed(2, 1))
    assert reads.take_confirmed(state, state.commit_index) == []


def test_who_has_stopped_leading_answers_no_read() -> None:
    """The answers are of a term that may be over."""
    state, reads = settled_leader(), rounds("first")
    reads.begin(state)
    reads.answered(2, LeadershipConfirmed(2, 1))
    deposed = after(state, AppendEntries(2, 1, 3, 2, 2, (Entry(3, b""),), 2))
    assert reads.take_confirmed(deposed, deposed.commit_index) == []
    reads.arrived.append("second")
    assert reads.begin(deposed, again=True) is None
    assert reads.take_all() == ["first", "second"]
    assert reads.take_all() == []


def test_a_cluster_of_one_confirms_itself() -> None:
    """It is its own majority."""
    alone = Config(members=(1,), no_op=True)
    state = leader(1, config=alone)
    state = after(state, Persisted(1, 1))
    reads = rounds("r")
    reads.begin(state)
    assert reads.take_confirmed(state, state.commit_index) == ["r"]


def test_a_server_confirms_only_the_term_it_is_in() -> None:
    """One in a later term may have elected somebody else; one in an earlier one has yet to hear."""
    for term, answer in ((1, None), (2, LeadershipConfirmed(2, 7)), (3, None)):
        assert confirm(server(2, term, config=THREE), ConfirmLeadership(2, 7)) == answer
