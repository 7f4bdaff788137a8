"""What is only equal is not the same: neither as a state, a message nor a view, in either search."""

import copy
import datetime as dt
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field, replace
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import assert_agrees, explore
from quorate_check import (
    Deliver,
    Invariant,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Spontaneous,
    Symmetry,
    System,
    UnusableSystemError,
    Witness,
    check,
)
from quorate_check.api.options import Engine
from quorate_check.core import reference
from quorate_check.core.values import Numbers, key, same
from quorate_check.engine.walks import simulate
from random_systems import often


class Prepare(NamedTuple):
    """Equal to a Commit of the same fields."""

    source: int
    destination: int


class Commit(NamedTuple):
    """Equal to a Prepare of the same fields."""

    source: int
    destination: int


class Number(IntEnum):
    """Equal to numbers."""

    ONE = 1


class Other(IntEnum):
    """Equal to those numbers, too."""

    ONE = 1


class Text(StrEnum):
    """Equal to texts."""

    ONE = "one"


class Mixed(float, Enum):
    """Equal to numbers by another way."""

    ONE = 1.0


class Term(int):
    """An int of its own class."""


@dataclass(frozen=True)
class Loose:
    """Compares one of its fields."""

    kind: str
    note: object = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Lax:
    """Compares as it likes."""

    kind: str
    note: int = 0

    def __eq__(self, other: object) -> bool:
        """Whoever is lax, is equal."""
        return isinstance(other, Lax) and self.kind == other.kind

    def __hash__(self) -> int:
        """As equality needs it."""
        return hash(self.kind)


@dataclass(frozen=True, eq=False)
class LaxToo(Lax):
    """Inherits how it compares."""

    more: int = 0


class Plain:
    """No dataclass, and compares as it likes."""

    __slots__ = ("kind", "note")

    def __init__(self, kind: str, note: int) -> None:
        self.kind, self.note = kind, note

    def __eq__(self, other: object) -> bool:
        """Whoever is of this kind, is equal."""
        return isinstance(other, Plain) and self.kind == other.kind

    def __hash__(self) -> int:
        """As equality needs it."""
        return hash(self.kind)

    def __repr__(self) -> str:
        """Show both."""
        return f"Plain({self.kind!r}, {self.note})"


class Frozen(dict[str, int]):
    """A dict that can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        """As equality needs it."""
        return hash(frozenset(self.items()))


@dataclass(frozen=True)
class Derived:
    """Has a value that follows from its fields, once somebody asks for it."""

    name: str

    @cached_property
    def length(self) -> int:
        """Of its name."""
        return len(self.name)


EQUAL: list[tuple[Any, ...]] = [
    (1, True, 1.0, Number.ONE, Other.ONE, Mixed.ONE, Term(1), Decimal(1), Decimal("1.0"), Fraction(1), complex(1)),
    (0.0, -0.0, 0, False),
    ("one", Text.ONE),
    (Prepare(0, 1), Commit(0, 1), (0, 1), (False, 1), (0, True), (0, 1.0)),
    (frozenset({1}), frozenset({True}), frozenset({1.0})),
    ((1, (2, (3,))), (1, (2, (3.0,)))),
    (frozenset({(1, frozenset({Prepare(0, 1)}))}), frozenset({(1, frozenset({Commit(0, 1)}))})),
    (Loose("a"), Loose("a", 1), Loose("a", 1.0), Loose("a", Loose("b", 1)), Loose("a", Loose("b", 2))),
    (Lax("a"), Lax("a", 1), LaxToo("a"), LaxToo("a", 0, 1)),
    (Plain("a", 0), Plain("a", 1)),
    (Frozen(a=1, b=2), Frozen(a=True, b=2), Frozen(b=2, a=1)),
    (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, fold=1, tzinfo=dt.UTC)),
]
PAIRS = [pair for group in EQUAL for pair in pairwise(group)]
IDS = [f"{one!r} and {other!r}" for one, other in PAIRS]


def told(value: object) -> str:
    """What tells all of these apart."""
    return f"{type(value).__name__} {value!r}"


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=IDS)
def test_equal_values_are_not_the_same(one: object, other: object) -> None:
    """Whatever `==` says; and each is the same as its copy."""
    assert one == other
    assert hash(one) == hash(other)
    assert not same(one, other)
    assert not same((1, one), (1, other))
    assert key(one) != key(other)
    assert same(one, copy.deepcopy(one))
    assert key(one) == key(copy.deepcopy(one))


def test_numbers_are_found_again_among_equals() -> None:
    """Each of them, by a copy of it."""
    numbers = Numbers()
    values = [value for group in EQUAL for value in group]
    assert [numbers.of(value) for value in values] == list(range(len(values)))
    assert [numbers.get(copy.deepcopy(value)) for value in values] == list(range(len(values)))


@dataclass(frozen=True)
class Holder:
    """A node with a value of the system's own."""

    me: int
    value: Any


def turning(one: object, other: object) -> System:
    """Nodes that hold one of two equal values, and can turn to the other: the second must never be held."""

    def step(local: Holder, event: object) -> Iterator[Outcome]:
        if event == "turn":
            yield Outcome(Holder(local.me, other))

    return System(
        name="turning",
        initial=(Holder(0, one), Holder(1, one)),
        step=step,
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("turn"),),
        invariants=(
            Invariant("One", "the first is held", lambda s: s.value, lambda v: told(v[0]) == told(one), Over.EACH),
        ),
        witnesses=(Witness("Other", lambda s: s.value, lambda v: told(v[0]) == told(other)),),
    )


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=IDS)
def test_equal_states_and_views_are_told_apart(one: object, other: object, engine: Engine) -> None:
    """A state that differs from another in nothing that `==` sees is another, and what its view shows is judged."""
    system = turning(one, other)
    with pytest.raises(NotAsPromisedError, match="violated: One after 1 step"):
        check(system, engine=engine)
    found = check(replace(system, invariants=()), engine=engine)
    assert (found.levels, found.missed) == ((1, 2, 1), ())


@dataclass(frozen=True)
class Parcel:
    """A message that carries a value."""

    value: Any
    source: int = 0
    destination: int = 1


def posting(one: object, other: object, kind: NetworkKind) -> System:
    """The first node sends two equal values, one after the other; the second must never receive the second."""

    def step(local: Holder, event: object) -> Iterator[Outcome]:
        match event:
            case "post" if local.me == 0 and local.value < 2:
                yield Outcome(Holder(0, local.value + 1), (Parcel((one, other)[local.value]),))
            case Deliver(Parcel(value)):
                yield Outcome(Holder(1, told(value)))

    return System(
        name="posting",
        initial=(Holder(0, 0), Holder(1, "")),
        step=step,
        network=Network(kind, 2),
        spontaneous=(Spontaneous("post"),),
        invariants=(Invariant("One", "the other never arrives", lambda s: s.value, lambda v: told(other) not in v),),
    )


@pytest.mark.parametrize("kind", [kind for kind in NetworkKind if kind is not NetworkKind.ANY])
@pytest.mark.parametrize(("one", "other"), PAIRS, ids=IDS)
def test_equal_messages_are_told_apart(one: object, other: object, kind: NetworkKind, engine: Engine) -> None:
    """Both are in flight, and each arrives as what it is."""
    system = posting(one, other, kind)
    with pytest.raises(NotAsPromisedError, match="violated: One after"):
        check(system, engine=engine)
    loose = replace(system, invariants=(), network=Network(kind, 2, drops=1, duplicates=1))
    assert_agrees(loose, explore(loose), reference.explore(loose))


def test_a_walk_tells_equal_values_apart() -> None:
    """Random walks share the search's tables."""
    assert simulate(turning(1, 1.0), 1, 5, 1).path is not None


class Follower(NamedTuple):
    """A state without a name in it."""

    term: int


class Leader(NamedTuple):
    """Equal to a Follower of the term."""

    term: int


def test_symmetry_reduction_tells_equal_states_apart() -> None:
    """Its orbits hold what the reference finds."""

    def step(local: Any, _event: object) -> Iterator[Outcome]:  # noqa: ANN401 - either
        if isinstance(local, Follower):
            yield Outcome(Leader(local.term))

    system = System(
        name="election",
        initial=(Follower(1), Follower(1), Follower(1)),
        step=step,
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("timeout"),),
        symmetry=Symmetry(lambda local, _p: local, lambda message, _p: message),
    )
    assert explore(system).orbit_sum == reference.explore(replace(system, symmetry=None)).states == 8
    with pytest.raises(UnusableSystemError, match="renaming by the identity changes"):
        explore(replace(system, symmetry=Symmetry(lambda local, _p: Leader(*local), lambda message, _p: message)))


def test_a_step_that_answers_with_an_equal_value_is_not_deterministic(engine: Engine) -> None:
    """The second answer is another one."""
    answers = iter([1, True] * 9)

    def step(local: Holder, event: object) -> Iterator[Outcome]:
        if event == "turn":
            yield Outcome(Holder(local.me, next(answers)))

    with pytest.raises(UnusableSystemError, match="differently the second time"):
        check(replace(turning(0, 0), step=step, invariants=()), engine=engine)


@dataclass(frozen=True)
class Shows:
    """A view that is equal to another one and shows something else."""

    index: int = field(compare=False)

    def __call__(self, local: Holder) -> object:
        """Show the value, or nothing."""
        return local.value if self.index else None


def test_equal_views_are_not_one(engine: Engine) -> None:
    """Each of two properties looks through its own."""
    blind = Invariant("Blind", "", Shows(0), lambda v: v[0] is None, Over.EACH)
    sees = Invariant("Sees", "the first is held", Shows(1), lambda v: v[0] == "one", Over.EACH)
    with pytest.raises(NotAsPromisedError, match="violated: Sees after 1 step"):
        check(replace(turning("one", "two"), invariants=(blind, sees)), engine=engine)


@dataclass(frozen=True)
class Hiding:
    """Holds something that is no field."""

    kind: str
    secret: InitVar[int]

    def __post_init__(self, secret: int) -> None:
        """Keep it all the same."""
        object.__setattr__(self, "_secret", secret)


class Fickle:
    """Equal to others, and can't be taken apart."""

    def __reduce__(self) -> str:
        """Refuse to be stored."""
        raise TypeError("no")

    def __eq__(self, other: object) -> bool:
        """Equal to its like."""
        return isinstance(other, Fickle)

    def __hash__(self) -> int:
        """As equality needs it."""
        return 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Hiding("a", 1), "a Hiding has '_secret' beside its fields; make it a field"),
        (Fickle(), "a Fickle can't be told from what is only equal to it; use a frozen dataclass"),
        (float("nan"), "nan isn't equal even to itself; use None"),
        ((1, Decimal("nan")), "isn't equal even to itself; use None"),
        (Loose("a", [1]), "unhashable type: 'list'"),
        (Loose("a", {"b": 1}), "unhashable type: 'dict'"),
    ],
)
def test_what_cannot_be_told_apart_is_refused_in_one_line(value: object, reason: str, engine: Engine) -> None:
    """As a state, with what to change."""
    with pytest.raises(UnusableSystemError) as refused:
        check(replace(turning(0, value), invariants=()), engine=engine)
    assert str(refused.value).startswith("turning: the state after 'turn' holds what is no value: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_follows_from_a_value_is_no_part_of_it() -> None:
    """A cached property makes no difference, whether or not somebody has asked for it."""
    one, other = Derived("a"), Derived("a")
    assert one.length == 1
    assert same(one, other)
    assert key(one) == key(other)


class Tree(NamedTuple):
    """A value of values."""

    left: Any
    right: Any

    @classmethod
    def of(cls, pair: tuple[Any, Any]) -> Self:
        """Return it of two."""
        return cls(*pair)


LEAVES = st.sampled_from([value for group in EQUAL for value in group])
VALUES = st.recursive(
    LEAVES,
    lambda parts: (
        st.tuples(parts, parts)
        | st.tuples(parts, parts).map(Tree.of)
        | st.frozensets(parts, max_size=2)
        | parts.map(lambda part: Loose("a", part))
    ),
    max_leaves=6,
)


@often
@given(VALUES, VALUES)
def test_keys_are_equal_exactly_if_values_are_the_same(one: object, other: object) -> None:
    """`same` and `key` are two ways to say one thing."""
    assert same(one, other) == (key(one) == key(other))
    assert same(one, copy.deepcopy(one))
    if same(one, other):
        assert told(one) == told(other) or "frozenset" in told(one)
