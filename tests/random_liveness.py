"""Random promises of liveness and demands of fairness, for random systems."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from quorate_check import (
    AlwaysEventually,
    Condition,
    Eventually,
    EventuallyAlways,
    Fairness,
    LeadsTo,
    Strength,
    fair_deliveries,
    fair_event,
)
from quorate_check.core.liveness import Liveness
from random_systems import EVENTS, KINDS, colour_of

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


KINDS_OF_PROMISES: tuple[type[Liveness], ...] = (Eventually, AlwaysEventually, EventuallyAlways, LeadsTo)


@st.composite
def promises(draw: DrawFn, kinds: tuple[type[Liveness], ...] = KINDS_OF_PROMISES) -> Liveness:
    """A random promise of liveness, of one of these kinds."""
    make = draw(st.sampled_from(kinds))
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
