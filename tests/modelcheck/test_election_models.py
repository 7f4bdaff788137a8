"""One model, written for Quorate, Spin and TLA+: whoever is there counts the same."""

import pytest

from quorate_check.core.verdict import Verdict
from quorate_check.outside.election import Judge, Size, count

OTHERS = [Judge.SPIN, Judge.TLC, Judge.TLA_CHECKER]
SMALL = Size(servers=3, terms=2, capacity=4)
STATES, TRANSITIONS, DEPTH = 3_039, 8_877, 14


def require(judge: Judge) -> None:
    """Skip the test, and say why, if a checker isn't there."""
    if (missing := judge.missing()) is not None:
        pytest.skip(missing)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_election_has_as_many_states_as_ever(workers: int) -> None:
    """Whoever changes one of the three texts must change all of them."""
    ours = count(SMALL, Judge.QUORATE, workers=workers)
    assert (ours.verdict, ours.states, ours.transitions, ours.depth) == (Verdict.HOLDS, STATES, TRANSITIONS, DEPTH)


@pytest.mark.parametrize("judge", OTHERS, ids=lambda judge: judge.value)
def test_every_checker_counts_the_same(judge: Judge) -> None:
    """Distinct states; transitions and depth where it reports them."""
    require(judge)
    theirs = count(SMALL, judge)
    assert (theirs.verdict, theirs.states) == (Verdict.HOLDS, STATES)
    assert theirs.transitions in {None, TRANSITIONS}
    assert theirs.depth in {None, DEPTH}
    assert (theirs.transitions is None) == (judge is Judge.TLA_CHECKER)


@pytest.mark.parametrize("judge", list(Judge), ids=lambda judge: judge.value)
def test_every_checker_finds_that_half_is_no_majority(judge: Judge) -> None:
    """So each of them judges the promise."""
    require(judge)
    assert count(Size(servers=4, terms=1, capacity=6, quorum=2), judge).verdict is Verdict.VIOLATED
