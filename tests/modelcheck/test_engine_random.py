"""On random systems, whatever their steps, networks and promises, the engine finds what the reference finds."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import assert_agrees, assert_really_happens, by_reference, explore, seen_before
from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import System
from quorate_check.engine import views
from random_systems import STATES, Node, colour_of, friend_of, often, renamed_node, systems, whole


@often
@given(systems())
def test_the_engine_agrees_with_the_reference_on_random_systems(system: System) -> None:
    """Levels, transitions, verdict, witnesses and the counterexample's length agree, whatever the number of workers."""
    expected, depth = by_reference(system, at_most=STATES)
    for workers in (1, 2, 3):
        assert_agrees(system, explore(system, depth=depth, workers=workers), expected)


@often
@given(systems(symmetric=True), st.integers(1, 3))
def test_symmetry_reduction_loses_no_state_of_a_random_system(system: System, workers: int) -> None:
    """The orbits hold as many states as the reference finds without reduction; the verdict is the same and replays."""
    expected, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    found = explore(system, depth=depth, workers=workers)
    assert found.verdict is expected.verdict
    if expected.path is None:
        assert (found.orbit_sum, found.depth) == (expected.states, expected.depth)
        assert (found.witnesses, found.stopped) == (expected.witnesses, expected.stopped)
        assert found.depth_limit == expected.depth_limit
    else:
        assert found.path is not None
        assert len(found.path.steps) == len(expected.path.steps)
        assert seen_before(found, len(expected.path.steps)) == seen_before(expected, len(expected.path.steps))
        assert_really_happens(system, found.path)
    complete = expected.depth - 1 if expected.path is None else len(expected.path.steps) - 1
    for level in {1, complete // 2, complete}:
        if 0 <= level <= complete:
            assert explore(system, depth=level, workers=workers).orbit_sum == sum(expected.levels[: level + 1])


@dataclass(frozen=True, slots=True)
class Recorder:
    """A judge that accepts everything and remembers it."""

    judged: set[tuple[Any, ...]] = field(default_factory=set)

    def __call__(self, views: tuple[Any, ...]) -> bool:
        """Remember `views`."""
        self.judged.add(views)
        return True


RENAMED = {whole: renamed_node, friend_of: lambda friend, p: None if friend is None else p[friend], colour_of: None}


def judged(system: System, search: Callable[[System], object]) -> dict[str, set[tuple[Any, ...]]]:
    """Every tuple that `search` has judged, and under symmetry whatever it can be renamed to."""
    watched = {f"{view.__name__} {over.name}": (view, over, Recorder()) for view in RENAMED for over in Over}
    promises = tuple(Invariant(name, "", view, recorder, over) for name, (view, over, recorder) in watched.items())
    search(replace(system, invariants=promises, witnesses=()))
    group = (
        system.symmetry.permutations(len(system.initial)) if system.symmetry else [tuple(range(len(system.initial)))]
    )
    return {
        name: {image(views, view, over, p) for views in recorder.judged for p in group}
        for name, (view, over, recorder) in watched.items()
    }


def image(views: tuple[Any, ...], view: Callable[[Node], Any], over: Over, p: tuple[int, ...]) -> tuple[Any, ...]:
    """What a tuple of views is when node i is called p[i]; over ALL a place in the tuple is a node, too."""
    rename = RENAMED[view]
    renamed = [value if rename is None else rename(value, p) for value in views]
    return tuple(renamed[p.index(i)] for i in range(len(p))) if over is Over.ALL else tuple(renamed)


@often
@given(systems() | systems(symmetric=True), st.integers(1, 3), st.sampled_from((1, 4, views.RECENT_TUPLES)))
def test_every_tuple_of_views_is_judged(system: System, workers: int, remembered: int) -> None:
    """Though only what is new is looked at, all that any reachable state shows is judged, and nothing else.

    So it is however many tuples of local states are `remembered`, of which each takes the place of others.
    """
    plain = replace(system, invariants=(), witnesses=(), symmetry=None)
    expected, depth = by_reference(plain, at_most=STATES // 2)
    if expected.path is None:
        whatever = judged(system, lambda s: reference.explore(replace(s, symmetry=None), depth=depth))
        with patch.object(views, "RECENT_TUPLES", remembered):
            assert judged(system, lambda s: explore(s, depth=depth, workers=workers)) == whatever
