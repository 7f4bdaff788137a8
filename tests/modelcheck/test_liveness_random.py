"""On random systems with random promises and fairness the compiled search for fair cycles agrees with the reference."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine_agreement import AtMost, assert_agrees, by_reference, explore
from quorate_check import (
    AlwaysEventually,
    Condition,
    Eventually,
    EventuallyAlways,
    Fairness,
    Invariant,
    LeadsTo,
    Strength,
    System,
    fair_deliveries,
    fair_event,
)
from quorate_check.core import fair_cycles, reference
from quorate_check.core.liveness import Liveness
from quorate_check.core.verdict import Exploration
from random_systems import EVENTS, KINDS, STATES, colour_of, often, systems

COLOURS = range(4)
CLASSES: dict[str, Callable[[Any], object] | None] = {
    "each": None,
    "link": lambda letter: (letter.source, letter.dest),
    "receiver": lambda letter: letter.dest,
    "kind": lambda letter: letter.kind,
    "some": lambda letter: letter.kind if letter.kind == KINDS[0] else None,
}


@st.composite
def conditions(draw: DrawFn) -> Condition:
    """A random condition: on colours of nodes, and now and then on the messages in flight."""
    colour, kind = draw(st.sampled_from(COLOURS)), draw(st.sampled_from(KINDS))
    on_views: Callable[[tuple[int, ...]], bool] = draw(
        st.sampled_from(
            [
                lambda colours: colour in colours,
                lambda colours: set(colours) == {colour},
                lambda colours: colours[0] == colour,
                lambda colours: colours[-1] != colour,
            ]
        )
    )
    if draw(st.integers(0, 3)):
        return Condition(colour_of, on_views)
    both = draw(st.booleans())
    return Condition(
        colour_of,
        lambda colours, kinds: (kind in kinds) and (not both or on_views(colours)),
        message_view=lambda letter: letter.kind if letter.about is None else None,
    )


@st.composite
def promises(draw: DrawFn) -> Liveness:
    """A random promise of liveness."""
    make = draw(st.sampled_from([Eventually, AlwaysEventually, EventuallyAlways, LeadsTo]))
    if make is LeadsTo:
        return LeadsTo("promise", "", draw(conditions()), draw(conditions()))
    return make("promise", "", draw(conditions()))


@st.composite
def demands(draw: DrawFn) -> Fairness:
    """A random demand of fairness."""
    strength = draw(st.sampled_from(Strength))
    if draw(st.booleans()):
        return fair_event(draw(st.sampled_from(EVENTS)), strength=strength)
    return fair_deliveries(CLASSES[draw(st.sampled_from(sorted(CLASSES)))], strength=strength)


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
