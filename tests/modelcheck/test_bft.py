"""The Byzantine core holds among traitors, and each thing that it can't do without is shown to be needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightly import by_night
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.subject import Local
from quorate_check.core import behaviour, reference
from quorate_check.core.system import System
from quorate_check.engine import Limits, explore

LIMITS = Limits(memory=1 << 30)


@pytest.mark.parametrize(
    ("bounds", "states"),
    [
        pytest.param(BftBounds(max_view=2), 120_450, id="two views"),
        pytest.param(BftBounds(max_view=2, decisions=False), 49_000, id="two views, no decision shown"),
        pytest.param(
            BftBounds(max_view=3, goes_on=True),
            12_218_918,
            marks=by_night,
            id="three views, and liveness",
        ),
        pytest.param(BftBounds(servers=5, max_view=2), 1_187_222, id="five servers"),
        pytest.param(BftBounds(servers=7, traitors=2, max_view=1), 71_655, id="seven servers, two traitors, one view"),
    ],
)
def test_as_many_traitors_as_it_can_bear_break_nothing(bounds: BftBounds, states: int) -> None:
    """Every state within bounds is judged, and everything that must have been seen was."""
    found = explore(bounds.system(), Limits(memory=2 << 30))
    assert (found.states, found.exhaustive, found.path) == (states, True, None)
    assert all(w.depth is not None or w.impossible is not None for w in found.witnesses)


@pytest.mark.parametrize(
    ("bounds", "promise", "moves"),
    [
        pytest.param(BftBounds(max_view=2, lock=False), "LockSafety", 20, id="no lock rule"),
        pytest.param(BftBounds(servers=3, max_view=2), "LockSafety", 10, id="three servers, quorum 2"),
        pytest.param(BftBounds(traitors=2, max_view=2), "LockSafety", 10, id="two traitors of four"),
    ],
)
def test_with_less_than_it_needs_the_protocol_breaks(bounds: BftBounds, promise: str, moves: int) -> None:
    """The path is a shortest one."""
    found = explore(bounds.system(), LIMITS)
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == (promise, moves)


@pytest.mark.parametrize(
    "bounds",
    [BftBounds(lock=False, max_view=2), BftBounds(servers=3, max_view=2), BftBounds(traitors=2, max_view=2)],
    ids=str,
)
def test_what_breaks_splits_the_honest_at_last(bounds: BftBounds) -> None:
    """When nothing else is judged, two honest voters are found to decide differently."""
    system = bounds.system()
    only = tuple(i for i in system.invariants if i.name == "Agreement")
    found = explore(replace(system, invariants=only), LIMITS)
    assert found.path is not None
    assert found.path.broken == "Agreement"


def test_the_search_in_plain_python_counts_the_same() -> None:
    """Within one view, the compiled search and the reference agree."""
    system = BftBounds(max_view=1).system()
    compiled, plain = explore(system, LIMITS), reference.explore(system)
    assert (compiled.levels, compiled.transitions) == (plain.levels, plain.transitions)


def test_votes_that_arrive_at_once_lead_wherever_delayed_ones_do() -> None:
    """Without the rule that nothing else happens meanwhile, the states with nothing in flight are the same."""
    at_once = BftBounds(max_view=1).system()
    delayed = replace(at_once, network=replace(at_once.network, at_once=False, capacity=20))
    reached = quiet(at_once)
    assert len(reached) > 100
    assert reached == quiet(delayed)


def quiet(system: System) -> set[tuple[Local, ...]]:
    """All states in which nothing is in flight."""
    first = behaviour.start(system)
    found, frontier = {first}, [first]
    while frontier:
        for _, _, after in behaviour.moves(system, frontier.pop()):
            assert after is not None, "the network is large enough"
            if after not in found:
                found.add(after)
                frontier.append(after)
    return {state.nodes for state in found if not state.flight}
