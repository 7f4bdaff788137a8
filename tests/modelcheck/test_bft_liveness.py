"""Whatever traitors have done, the next good view decides; and a leader must wait to make it good."""

from __future__ import annotations

from quorate.bft import Certificate, Durable, Phase, Prepared, Receive, State, Submit, Timeout, restart, step
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.liveness import ordinary, run_view
from quorate_check.bft.subject import WANTED
from quorate_check.engine import Limits, explore

MEMBERS, TRAITOR = (0, 1, 2, 3), 3


def test_voters_decide_from_every_state_that_traitors_can_leave_them_in() -> None:
    """Each distinct tuple of what voters carry on from two views is continued on the real core, under every leader."""
    found = explore(BftBounds(max_view=2, liveness=True).system(), Limits(memory=1 << 30))
    assert (found.exhaustive, found.path) == (True, None)


def hidden_lock() -> tuple[dict[int, State], Timeout]:
    """Voter 2 alone holds the certificate of view 1, and the traitor says that he knows of none."""
    states = {i: restart(ordinary(MEMBERS, i), i, Durable()) for i in MEMBERS if i != TRAITOR}
    states = {i: step(state, Submit(WANTED[1])).state for i, state in states.items()}
    signatures = tuple((i, b"signed by %d" % i) for i in (0, 1, TRAITOR))
    certificate = Certificate(Phase.PREPARE, 1, 1, WANTED[0], signatures)
    states[2] = step(states[2], Receive(Prepared(TRAITOR, 2, certificate))).state
    leader = states[0].config.leader(1, 2)
    assert leader == 1
    return states, Timeout(TRAITOR, leader, 1, 1, None, b"signed by %d" % TRAITOR)


def test_a_leader_who_does_not_wait_misses_a_hidden_lock_and_is_refused() -> None:
    """Two honest votes are no quorum, and the traitor withholds his."""
    states, lie = hidden_lock()
    ended = run_view(states, 2, (lie,), wait=False)
    assert not any(state.decisions for state in ended.values())
    assert ended[2].lock is not None


def test_a_leader_who_waits_hears_of_the_hidden_lock_and_decides_what_it_is_for() -> None:
    """All honest members have answered by the end of the wait, the locked one among them."""
    states, lie = hidden_lock()
    ended = run_view(states, 2, (lie,))
    assert {state.decisions[0].digest for state in ended.values()} == {WANTED[0]}
