"""Without useless messages a search meets the same tuples of local states, and gives the same verdicts."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import MEMORY, assert_really_happens, by_reference
from quorate_check import engine
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import Symmetry, System
from quorate_check.core.verdict import Exploration
from random_systems import STATES, often, renamed_node, systems, whole


def explore(system: System, *, reduced: bool = True, workers: int = 1) -> Exploration:
    """The search without useless messages, or the whole one."""
    return engine.explore(system, engine.Limits(None, workers, MEMORY, reduced))


def tuples(system: System, *, reduced: bool, workers: int = 1) -> set[tuple[Any, ...]]:
    """The tuples of local states that a search meets."""
    met = set[tuple[Any, ...]]()

    def note(views: tuple[Any, ...]) -> bool:
        met.add(views)
        return True

    explore(
        replace(system, invariants=(Invariant("met", "", whole, note, Over.ALL),), witnesses=()),
        reduced=reduced,
        workers=workers,
    )
    return met


@often
@given(systems() | systems(symmetric=True), st.integers(1, 2))
def test_a_random_system_shows_the_same_tuples_of_local_states(system: System, workers: int) -> None:
    """Whatever nodes do, on every kind of network, and under every name of the nodes."""
    plain = replace(system, invariants=(), witnesses=())
    expected, depth = by_reference(replace(plain, symmetry=None), at_most=4 * STATES)
    if depth is not None or expected.path is not None:
        return
    group = Symmetry.group(len(system.initial)) if system.symmetry else [tuple(range(len(system.initial)))]

    def named(*, reduced: bool) -> set[tuple[Any, ...]]:
        return {
            tuple(renamed_node(views[p.index(i)], p) for i in range(len(p)))
            for views in tuples(plain, reduced=reduced, workers=workers)
            for p in group
        }

    assert named(reduced=True) == named(reduced=False)


@often
@given(systems() | systems(symmetric=True), st.integers(1, 2))
def test_a_random_system_gets_the_same_verdicts(system: System, workers: int) -> None:
    """Promises of nodes and of steps, and witnesses, are broken and seen as in plain Python; paths really happen."""
    expected, depth = by_reference(replace(system, symmetry=None), at_most=4 * STATES)
    if depth is not None:
        return
    found = explore(system, workers=workers)
    assert found.verdict is expected.verdict
    if found.path is not None:
        assert_really_happens(system, found.path)
        return
    assert found.states <= expected.states
    assert [w.name for w in found.witnesses if w.depth is None] == [
        w.name for w in expected.witnesses if w.depth is None
    ]
    if found.orbit_sum is not None:
        assert found.orbit_sum == explore(replace(system, symmetry=None), workers=workers).states
