"""The Byzantine core holds among traitors, and each thing that it can't do without is shown to be needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_check import reference
from quorate_check.engine import Limits, explore
from quorate_check.subjects.bft_bounds import BftBounds

LIMITS = Limits(memory=1 << 30)


@pytest.mark.parametrize(("decisions", "states"), [(True, 639_992), (False, 127_404)])
def test_two_views_of_four_servers_survive_a_traitor(decisions: bool, states: int) -> None:  # noqa: FBT001
    """Every state within bounds is judged, and everything that must have been seen was."""
    found = explore(BftBounds(decisions=decisions).system(), LIMITS)
    assert (found.states, found.exhaustive, found.path) == (states, True, None)
    assert all(w.depth is not None or w.impossible is not None for w in found.witnesses)


@pytest.mark.parametrize(
    ("bounds", "promise", "moves"),
    [
        pytest.param(BftBounds(lock=False), "LockSafety", 16, id="no lock rule"),
        pytest.param(BftBounds(servers=3), "LockSafety", 7, id="three servers, quorum 2"),
        pytest.param(BftBounds(traitors=2), "LockSafety", 7, id="two traitors of four"),
    ],
)
def test_with_less_than_it_needs_the_protocol_breaks(bounds: BftBounds, promise: str, moves: int) -> None:
    """The path is a shortest one."""
    found = explore(bounds.system(), LIMITS)
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == (promise, moves)


@pytest.mark.parametrize("bounds", [BftBounds(lock=False), BftBounds(servers=3), BftBounds(traitors=2)], ids=str)
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
