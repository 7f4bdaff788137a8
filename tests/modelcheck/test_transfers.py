"""What is explored of a transfer of leadership, from the request to the leader to its end."""

from dataclasses import replace
from pathlib import Path

import pytest

from quorate import raft
from quorate.raft import (
    AppendEntries,
    ElectionTimeout,
    HeartbeatTimeout,
    Message,
    PreVoteReply,
    Propose,
    Receive,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
    TimeoutNow,
    TransferLeadership,
    step,
)
from quorate.raft.check_quorum import count_anew
from quorate.raft_server.settings import served_config
from quorate_check.core.system import Deliver, NetworkKind, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.check import Conformance
from quorate_check.raft.subject import CheckQuorum, ClientRequest, CoreNode, Durability, Transfer
from traced_cluster import TracedCluster, judged

BOUNDS = replace(SERVED, max_log=0, no_op=False, restarts=0, transfers=1)
MEMORY = 1 << 30
LIMITS = Limits(memory=MEMORY)


def elected(state: State) -> State:
    """Server 1 after the others have elected it."""
    for event in (
        ElectionTimeout(),
        *(Receive(PreVoteReply(peer, 1, 1, vote_granted=True)) for peer in (2, 3)),
        *(Receive(RequestVoteReply(peer, 1, 1, vote_granted=True)) for peer in (2, 3)),
    ):
        state = step(state, event).state
    return count_anew(state)


def without_target(node: CoreNode) -> CoreNode:
    """A server as if it didn't transfer its leadership."""
    return replace(node, state=replace(node.state, transfer_target=None))


def tuples(system: System) -> set[tuple[CoreNode, ...]]:
    """All tuples of local states that the engine reaches."""
    space = StateSpace(system, reduced=True)
    assert search(space, MEMORY, stop=lambda: None) is None
    return {tuple(space.tables.locals[i] for i in row) for row in space.store.tuple_nodes[: space.tuples].tolist()}


def test_every_promise_is_kept_when_leaders_hand_over() -> None:
    """As it is served but for the no-op; a follower votes for whom its leader asked to stand, and for nobody else."""
    result = explore(BOUNDS.system(), LIMITS)
    assert result.verdict is Verdict.HOLDS
    assert "a server votes for whom its leader asked to stand" in [seen.name for seen in result.witnesses]


def test_a_request_that_is_ignored_helps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The witness is missed if the flag of the request counts for nothing, and the check says so."""

    def ignores(state: State, message: Message) -> bool:
        return state.config.check_quorum and state.leader_id is not None and isinstance(message, RequestVote)

    monkeypatch.setattr(raft.check_quorum, "ignores", ignores)
    assert explore(BOUNDS.system(), LIMITS).verdict is not Verdict.HOLDS


def test_any_other_voter_may_be_the_target() -> None:
    """Of a leader alone; a learner is refused, and a transfer that is under way excludes others."""
    system = replace(BOUNDS, servers=4, max_log=1, members="123+4", changes="1234", symmetry=False).system()
    first = system.initial[0]
    assert system.step(first, Transfer()) == ()
    leader = replace(first, state=elected(first.state))
    assert len(system.step(leader, ClientRequest())) > 0
    outcomes = system.step(leader, Transfer())
    assert [outcome.local.state.transfer_target for outcome in outcomes] == [2, 3]
    assert system.step(outcomes[0].local, Transfer()) == ()
    assert system.step(outcomes[0].local, ClientRequest()) == ()
    (given_up,) = system.step(outcomes[0].local, CheckQuorum(has_quorum=True))
    assert given_up.local.state == leader.state


def test_no_target_stands_in_a_term_beyond_the_last() -> None:
    """The request is consumed, and changes nothing."""
    system = BOUNDS.system()
    server = system.initial[0]
    (follower, *_) = system.step(server, Deliver(AppendEntries(2, 1, 1, 0, 0, (), 0)))
    (candidate, *_) = system.step(follower.local, Deliver(TimeoutNow(2, 1, 1)))
    assert [type(message) for message in candidate.messages] == [RequestVote, RequestVote]
    (late, *_) = system.step(server, Deliver(AppendEntries(2, 1, 2, 0, 0, (), 0)))
    assert system.step(late.local, Deliver(TimeoutNow(2, 1, 2))) == ()


@pytest.mark.parametrize("check_quorum", [False, True])
def test_a_leader_gives_up_with_and_without_a_check_of_its_quorum(*, check_quorum: bool) -> None:
    """Every event of the transfer happens in the search: the witnesses say so."""
    bounds = RaftBounds(network=NetworkKind.ANY, max_log=1, proposals=1, transfers=1, check_quorum=check_quorum)
    result = explore(bounds.system(), LIMITS)
    assert result.verdict is Verdict.HOLDS
    assert {seen.name for seen in result.witnesses if seen.is_seen} >= {
        "a leader gives up a transfer",
        "a server votes for whom its leader asked to stand",
    }


@pytest.mark.parametrize("pre_vote", [False, True])
def test_a_transfer_reaches_no_other_state_than_elections_do(*, pre_vote: bool) -> None:
    """But for the targets, the same tuples of local states: any leader may step down, and then anybody may stand."""
    bounds = RaftBounds(
        network=NetworkKind.ANY, max_log=0, restarts=None, pre_vote=pre_vote, check_quorum=True, symmetry=False
    )
    without, with_transfers = (tuples(replace(bounds, transfers=transfers).system()) for transfers in (0, None))
    assert without == {tuple(map(without_target, nodes)) for nodes in with_transfers}
    assert len(without) < len(with_transfers)


@pytest.mark.parametrize("storage", Durability)
def test_the_specification_explains_a_transfer(storage: Durability) -> None:
    """Each of its steps, with the requests for votes that nobody ignores."""
    result = explore(Conformance().system(replace(BOUNDS, storage=storage)), LIMITS)
    assert result.path is None
    assert result.verdict is Verdict.HOLDS


def test_traces_of_transfers_are_explained(tmp_path: Path) -> None:
    """One that succeeds, one that is given up, and another."""
    cluster = TracedCluster(tmp_path, served_config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a", b"b")))
    cluster.settle()
    cluster.nodes[1].handle(TransferLeadership(2))
    cluster.settle()
    leader = cluster.nodes[2]
    assert leader.state.role is Role.LEADER
    leader.handle(TransferLeadership(3))
    cluster.network.clear()
    leader.handle(ElectionTimeout())
    cluster.settle()
    leader.handle(TransferLeadership(3))
    leader.handle(HeartbeatTimeout())
    cluster.settle()
    assert cluster.nodes[3].state.role is Role.LEADER
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    names = {name for sequence in check.sequences for name in sequence}
    expected = {"transfer_leadership", "timeout_now", "handle_timeout_now", "ignore_timeout_now", "give_up_transfer"}
    assert expected <= names


def test_a_trace_may_begin_during_a_transfer(tmp_path: Path) -> None:
    """The checkpoint at which its only part begins has the target."""
    cluster = TracedCluster(tmp_path, served_config((1, 2, 3)), seed=1, cut=frozenset({1}), part_bytes=1, parts=1)
    cluster.elect(1)
    cluster.nodes[1].handle(TransferLeadership(2))
    cluster.network.clear()
    cluster.nodes[1].handle(HeartbeatTimeout())
    cluster.close()
    check = judged(tmp_path)
    assert (check.finding, check.counts.began_late) == (None, 1)
    assert ("append_entries", "append_entries", "timeout_now") in {tuple(sorted(each)) for each in check.sequences}
