"""Values of people's own systems are told by what changed in them; what is long is cut, and what differs is seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_check.core.values import same
from quorate_check.tell.phrases import LONGEST, brief, change, changes, event, facts, value_text


class Phase(Enum):
    """Shown by its name alone."""

    IDLE = "idle"
    BUSY = "busy"


@dataclass(frozen=True)
class Entry:
    """An element of a log."""

    term: int
    command: str


class Append(NamedTuple):
    """A message."""

    term: int
    source: int
    destination: int
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Spoken:
    """An event in words of its own."""

    source: int = 0

    def __str__(self) -> str:
        return "hello"


@dataclass(frozen=True)
class State:
    """A local state with something of everything."""

    log: tuple[Entry, ...] = (Entry(1, "a"), Entry(1, "b"))
    votes: frozenset[int] = frozenset({1, 2})
    progress: Mapping[int, Entry] = field(default_factory=lambda: MappingProxyType({1: Entry(1, "a")}))
    phase: Phase = Phase.IDLE
    last: Append | None = None
    number: int = 1
    note: str = "x" * 100


@dataclass(frozen=True)
class Leader:
    """Another class of local state, that shares a field."""

    number: int
    following: frozenset[int]


STATE = State()


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(STATE, log=(*STATE.log, Entry(2, "c"))), "log: appended Entry(term=2, command='c')"),
        (replace(STATE, log=(Entry(1, "a"), Entry(2, "b"))), "log[1].term: 1 → 2"),
        (replace(STATE, log=STATE.log[:1]), "log: removed Entry(term=1, command='b') from the end"),
        (replace(STATE, log=STATE.log[1:]), "log: removed Entry(term=1, command='a') from the front"),
        (replace(STATE, log=(Entry(9, "z"), *STATE.log)), "log[0]: inserted Entry(term=9, command='z')"),
        (replace(STATE, votes=frozenset({2, 3, 4})), "votes: added 3, 4, removed 1"),
        (replace(STATE, progress=MappingProxyType({1: Entry(2, "a")})), "progress[1].term: 1 → 2"),
        (replace(STATE, progress=MappingProxyType({2: Entry(2, "a")})),
         "progress[1]: removed Entry(term=1, command='a'), progress[2]: added Entry(term=2, command='a')"),
        (replace(STATE, phase=Phase.BUSY), "phase: Phase.IDLE → Phase.BUSY"),
        (replace(STATE, last=Append(1, 0, 1)), "last: None → Append(term=1, source=0, destination=1, entries=())"),
        (replace(STATE, number=True), "number: 1 → True"),
        (replace(STATE, note="x" * 96 + "yyyy"), "note: '…xxxxxxxxxxxx' → '…xxxxxxxxyyyy'"),
        (replace(STATE, number=2, phase=Phase.BUSY), "phase: Phase.IDLE → Phase.BUSY, number: 1 → 2"),
        (Leader(2, frozenset({3})), "state: State → Leader, number: 1 → 2, following: frozenset({3})"),
        (replace(STATE), "nothing changes"),
    ],
)  # fmt: skip
def test_what_changed_is_told_and_nothing_else(after: object, told: str) -> None:
    """By where it is, at any depth; of containers the elements that came and went."""
    assert change(STATE, after) == told


FIFTY = "[0]: 0 → 50, [1]: 1 → 51, [2]: 2 → 52, [3]: 3 → 53, 46 more elements changed"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (1, 2, "2"),
        ((1, 2), (1, 2, 3), "appended 3"),
        (frozenset(), frozenset({4}), "added 4"),
        (Append(1, 0, 1), Append(2, 0, 1), "term: 1 → 2"),
        (None, 3, "state: None → 3"),
        (tuple(range(50)), tuple(range(50, 100)), FIFTY),
    ],
)  # fmt: skip
def test_states_that_are_no_dataclasses_are_looked_into_as_well(before: object, after: object, told: str) -> None:
    """Where there is nothing to look into, the new state is told."""
    assert change(before, after) == told


def test_what_is_long_is_cut_and_says_so() -> None:
    """A message with thirty entries is one line."""
    many = tuple(Entry(i, "c" * i) for i in range(30))
    assert value_text(many) == "(Entry(term=0, command=''), Entry(term=1, command='c'), … 28 more)"
    assert len(event(Append(1, 0, 1, many))) <= 2 * LONGEST
    assert value_text("y" * 1000) == "'" + "y" * (LONGEST - 2) + "…"


def test_events_speak_for_themselves_if_they_can() -> None:
    """Otherwise they are shown, and beside an arrow without the ends that it has."""
    assert event("tick") == brief("tick") == "tick"
    assert event(Spoken()) == brief(Spoken()) == "hello"
    assert event(Append(1, 0, 1)) == "Append(term=1, source=0, destination=1, entries=())"
    assert brief(Append(1, 0, 1)) == "Append(term=1, entries=())"


def test_facts_are_the_fields_of_a_state() -> None:
    """Of a NamedTuple as well; of anything else the whole."""
    assert facts(Append(1, 0, 1))[0] == ("term", "1")
    assert facts(7) == (("state", "7"),)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b" * 90]) | st.floats(allow_nan=False),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.builds(Entry, inner, inner),
        st.builds(Append, inner, inner, inner),
        st.lists(st.integers(-2, 2) | st.booleans(), max_size=3).map(frozenset),
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_whatever_differs_is_told_and_what_is_the_same_is_not(before: object, after: object) -> None:
    """Also by type alone, deep inside, which Python's == doesn't see."""
    assert bool(changes(before, after)) is not same(before, after)
    assert all("\n" not in line for line in changes(before, after))
