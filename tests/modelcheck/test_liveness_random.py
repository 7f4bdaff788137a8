"""On random systems with random promises and fairness the compiled search for fair cycles agrees with the reference."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from engine_agreement import AtMost, assert_agrees, by_reference, explore
from quorate_check import Condition, Fairness, Invariant, System
from quorate_check.core import fair_cycles, reference
from quorate_check.core.liveness import Liveness
from quorate_check.core.verdict import Exploration
from random_liveness import conditions, demands, promises
from random_systems import STATES, often, systems


def summary(found: Exploration) -> object:
    """What both searches must agree on."""
    if found.path is not None:
        return found.path.broken, found.liveness
    return found.cut_states, found.cut_off, found.liveness, found.levels


@often
@given(systems(), promises(), st.lists(demands(), max_size=3).map(tuple))
def test_the_engine_agrees_with_the_reference_on_fair_cycles(
    system: System, promise: Liveness, fairness: tuple[Fairness, ...]
) -> None:
    """The same promises are broken, in as many states they are cut off; each path is fair by the definition."""
    system = replace(system, invariants=(), witnesses=(), done=None, liveness=(promise,), fairness=fairness)
    expected = reference.explore(system, stop=AtMost(STATES))
    if expected.stopped is not None:
        event("too large")
        return
    found = explore(system)
    event(f"{type(promise).__name__}: {'broken' if found.path else 'cut' if found.cut_states else 'holds'}")
    assert summary(found) == summary(expected)
    if found.path is not None and found.path.loop is not None:
        assert expected.path is not None
        for path in (found.path, expected.path):
            assert fair_cycles.breach(system, promise, path) is None


@often
@given(systems(), st.lists(conditions(), min_size=1, max_size=2), st.integers(1, 3))
def test_invariants_on_messages_agree_with_the_reference(
    system: System, conditions_: list[Condition], workers: int
) -> None:
    """As many states on each level, the same verdict, and a shortest path."""
    looking = [c for c in conditions_ if c.message_view is not None]
    invariants = tuple(
        Invariant(f"i{n}", "", c.view, lambda *shown, c=c: not c.holds(*shown), message_view=c.message_view)
        for n, c in enumerate(looking)
    )
    system = replace(system, invariants=(*system.invariants, *invariants), witnesses=())
    expected, depth = by_reference(system, at_most=STATES)
    event(f"{len(looking)} on messages: {'holds' if expected.path is None else expected.path.broken[0]}")
    assert_agrees(system, explore(system, depth=depth, workers=workers), expected)
