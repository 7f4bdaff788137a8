"""What is explored of a transfer of leadership: a server stands because the leader that it follows asked it to."""

from dataclasses import replace

import pytest

from quorate import raft
from quorate.raft import AppendEntries, Message, RequestVote, State, TimeoutNow
from quorate_check.core.system import Deliver, NetworkKind
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.check import Conformance
from quorate_check.raft.subject import Durability

BOUNDS = replace(SERVED, max_log=0, no_op=False, restarts=0, transfers=1)
LIMITS = Limits(memory=1 << 30)


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


def test_only_a_server_that_follows_a_leader_is_asked() -> None:
    """It stands at once, without a pre-vote, in no term beyond the last."""
    system = BOUNDS.system()
    server = system.initial[0]
    assert system.step(server, TimeoutNow()) == ()
    (follower, *_) = system.step(server, Deliver(AppendEntries(2, 1, 1, 0, 0, (), 0)))
    (candidate, *_) = system.step(follower.local, TimeoutNow())
    assert [type(message) for message in candidate.messages] == [RequestVote, RequestVote]
    assert all(message.transfer for message in candidate.messages)
    (late, *_) = system.step(server, Deliver(AppendEntries(2, 1, 2, 0, 0, (), 0)))
    assert system.step(late.local, TimeoutNow()) == ()


@pytest.mark.parametrize("pre_vote", [False, True])
def test_a_transfer_reaches_no_other_state_than_elections_do(*, pre_vote: bool) -> None:
    """The same tuples of local states: with CheckQuorum any leader may step down, and then anybody may stand."""
    bounds = RaftBounds(network=NetworkKind.ANY, max_log=0, restarts=None, pre_vote=pre_vote, check_quorum=True)
    results = [explore(replace(bounds, transfers=transfers).system(), LIMITS) for transfers in (0, None)]
    assert results[0].tuples == results[1].tuples
    assert results[0].transitions < results[1].transitions


@pytest.mark.parametrize("storage", Durability)
def test_the_specification_explains_a_transfer(storage: Durability) -> None:
    """As an election, whose requests nobody has to ignore."""
    result = explore(Conformance().system(replace(BOUNDS, storage=storage)), LIMITS)
    assert result.path is None
    assert result.verdict is Verdict.HOLDS
