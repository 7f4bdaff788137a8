"""`check` for systems of one's own: what it returns, what it raises, and that it says in one line what is wrong."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from quorate_check import (
    Deliver,
    Described,
    Invariant,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Spontaneous,
    StepInvariant,
    StepWitness,
    Symmetry,
    System,
    UnusableSystemError,
    Witness,
    check,
)
from quorate_check.api.options import Engine


@dataclass(frozen=True)
class Ping:
    """Says how often it was passed on."""

    hops: int
    source: int
    destination: int


@dataclass(frozen=True)
class Node:
    """Counts what it was sent."""

    me: int
    pings: int = 0


def play(state: Any, event: object) -> Any:  # noqa: ANN401 - what a newcomer writes
    """Serve once, or pass a ping back until it has been passed three times."""
    match event:
        case "serve" if state.pings == 0:
            yield Outcome(Node(state.me, 1), (Ping(1, state.me, 1 - state.me),))
        case Deliver(Ping(hops, source)) if hops < 3:
            yield Outcome(Node(state.me, state.pings + 1), (Ping(hops + 1, state.me, source),))


GAME = System(
    name="game",
    initial=(Node(0), Node(1)),
    step=play,
    network=Network(NetworkKind.UNORDERED, 2),
    spontaneous=(Spontaneous("serve", budget="serves"),),
    budgets={"serves": 1},
    invariants=(Invariant("Short", "nobody sees three", lambda s: s.pings, lambda v: v[0] < 3, Over.EACH),),
    done=lambda _: True,
    witnesses=(Witness("Played", lambda s: s.pings, lambda v: v[0] == 2),),
)
NEVER = Witness("Never", lambda s: s.pings, lambda v: v[0] == 9)
AT_MOST_ONE = Invariant("AtMostOne", "nobody sees two", lambda s: s.pings, lambda v: v[0] < 2, Over.EACH)


def test_a_system_that_keeps_its_promises_is_explored(engine: Engine) -> None:
    """What was explored comes back, to be asserted: nobody served, either did, each passed it back, one let it go."""
    exploration = check(GAME, engine=engine, full=True)
    assert (exploration.levels, exploration.exhaustive) == ((1, 2, 2, 2, 2), True)
    assert exploration.conclusion == "holds, exhaustive within bounds"


def test_a_depth_that_was_asked_for_is_no_failure(engine: Engine) -> None:
    """And the conclusion claims no more."""
    found = check(replace(GAME, witnesses=()), engine=engine, depth=1)
    assert found.conclusion == "holds to depth 1; 2 states found and not expanded"


def test_a_broken_promise_fails_with_its_path(engine: Engine) -> None:
    """Every step of it, and the values that break it."""
    with pytest.raises(NotAsPromisedError) as failed:
        check(replace(GAME, invariants=(AT_MOST_ONE,)), engine=engine)
    text = str(failed.value)
    assert text.startswith("game: violated: AtMostOne after 3 steps\n")
    assert "● serve" in text
    assert "AtMostOne is broken: nobody sees two\n" in text
    assert failed.value.exploration.path is not None


def test_a_promise_that_must_break_may_be_named() -> None:
    """Then it is what breaks that passes, and nothing else."""
    broken = replace(GAME, invariants=(*GAME.invariants, AT_MOST_ONE))
    assert check(broken, breaks="AtMostOne").path is not None
    with pytest.raises(NotAsPromisedError, match="Short should have been broken, but: violated: AtMostOne"):
        check(broken, breaks="Short")
    with pytest.raises(NotAsPromisedError, match="Short should have been broken, but: holds, exhaustive"):
        check(GAME, breaks="Short")
    with pytest.raises(UnusableSystemError, match="breaks='Long' is none of its promises, Short, "):
        check(GAME, breaks="Long")


@pytest.mark.parametrize(
    ("system", "said"),
    [
        (replace(GAME, witnesses=(NEVER,)), "game: unknown: exhaustive, but never seen: Never; a check that"),
        (replace(GAME, spontaneous=(), budgets={}, witnesses=()), "game: unknown: nothing happens: no event"),
        (
            replace(GAME, step=lambda state, _event: [Outcome(state, (Ping(0, 0, 1), Ping(1, 0, 1), Ping(2, 0, 1)))]),
            "game: unknown: exhaustive, but never seen: Played; 2 steps left out by the network's capacity; a check",
        ),
    ],
    ids=["witness", "nothing", "capacity"],
)
def test_a_check_that_may_have_checked_nothing_fails(system: System, said: str, engine: Engine) -> None:
    """In a line that says what to do."""
    with pytest.raises(NotAsPromisedError) as failed:
        check(system, engine=engine)
    assert " ".join(str(failed.value).split()).startswith(said)


def test_a_search_that_runs_out_of_memory_fails() -> None:
    """A counter without an end; the states that fit kept the promise, and that isn't enough."""

    def count(state: int, event: str) -> tuple[Outcome, ...]:
        return (Outcome(state + 1 if event == "up" else -state),)

    endless = replace(
        GAME,
        initial=(0,) * 3,
        step=count,
        spontaneous=(Spontaneous("up"), Spontaneous("turn")),
        budgets={},
        invariants=(),
        witnesses=(),
    )
    with pytest.raises(
        NotAsPromisedError,
        match=r"memory are full at depth \d+;[\s\d,]+states\s+found\s+and\s+not\s+expanded;\s+give\s+more\s+memory",
    ):
        check(endless, memory=1 / 64)


class Identity:
    """Equal to nothing but itself, as objects are by default."""


@dataclass
class Mutable:
    """A newcomer's state."""

    pings: int = 0


@dataclass(unsafe_hash=True)
class Hashed:
    """Worse: mutable, and hashable nevertheless."""

    pings: int = 0


@dataclass(frozen=True)
class Holding:
    """A frozen state with something mutable in it."""

    pings: int = 0
    votes: Any = field(default_factory=list)


class Uncompared:
    """A state whose comparison knows its own kind only: one more mistake."""

    def __init__(self, pings: int = 0) -> None:
        self.pings = pings

    def __eq__(self, other: object) -> bool:
        return self.pings == other.pings  # type: ignore[attr-defined,no-any-return]

    def __hash__(self) -> int:
        return hash(self.pings)


@dataclass(frozen=True)
class Unshown:
    """A state whose text is another mistake."""

    pings: int = 0

    def __repr__(self) -> str:
        raise ValueError("odd")


def raises(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises `error`, whatever it is given."""

    def raising(*_given: object) -> Any:  # noqa: ANN401 - it returns nothing
        raise error

    return raising


def changes(state: Any, _event: object) -> tuple[Outcome, ...]:  # noqa: ANN401 - what a newcomer writes
    """Change the state in place."""
    state.pings += 1
    return (Outcome(state),)


def answers(answer: object) -> System:
    """Return the game with a step function that always gives the same answer."""
    return replace(GAME, step=lambda _state, _event: answer)  # type: ignore[arg-type,return-value]


FAULTS: dict[str, tuple[Callable[[], System], str]] = {
    "nothing returned": (lambda: answers(None), r"step returned None for 'serve' in Node\(.*return \(\) where nothing"),
    "a bare outcome": (lambda: answers(Outcome(Node(0))), r"step returned an Outcome for .*; return \(it,\)"),
    "a state": (lambda: answers((Node(0),)), r"a tuple with a Node in it .* put an Outcome there"),
    "a number": (lambda: answers(7), "step returned an int for .*: give a tuple of Outcome"),
    "a bare message": (
        lambda: answers((Outcome(Node(0), Ping(1, 0, 1)),)),  # type: ignore[arg-type]
        r"an Outcome's messages are a Ping for .*: give a tuple, as in \(it,\)",
    ),
    "a list of messages": (
        lambda: answers((Outcome(Node(0), [Ping(1, 0, 1)]),)),  # type: ignore[arg-type]
        "an Outcome's messages are a list",
    ),
    "no such node": (
        lambda: answers((Outcome(Node(0), (Ping(1, 0, 2),)),)),
        r"the destination of Ping\(.*\) is 2: there are 2 nodes, from 0 to 1",
    ),
    "no node at all": (
        lambda: answers((Outcome(Node(0), ("ping",)),)),
        r"the source of 'ping' can't be determined \(AttributeError: .*\): give System\(source=...\)",
    ),
    "a mutable first state": (
        lambda: replace(GAME, initial=(Mutable(), Mutable())),
        r"the initial state can't be hashed: Mutable is mutable; make it a @dataclass\(frozen=True\)",
    ),
    "a mutable field": (
        lambda: answers((Outcome(Holding()),)),
        "the state after 'serve' can't be hashed: its field votes is a list; use a tuple",
    ),
    "a mutable field, deep": (
        lambda: answers((Outcome(Node(0, Holding(0, (1, {2})))),)),  # type: ignore[arg-type]
        r"can't be hashed: its field pings: its field votes: \{2\} in it is a set; use a frozenset",
    ),
    "a mutable state": (
        lambda: answers((Outcome({"pings": 1}),)),
        "can't be hashed: {'pings': 1} is a dict; use a tuple of pairs",
    ),
    "an object": (
        lambda: answers((Outcome((1, Identity())),)),
        "the state after 'serve' holds a Identity, which equals only itself: make it a",
    ),
    "a changed state": (
        lambda: replace(GAME, initial=(Hashed(), Hashed()), step=changes),
        "step changed the state it was given, on 'serve': make it a",
    ),
    "chance": (
        lambda: replace(GAME, step=lambda state, _event: (Outcome(replace(state, pings=random.random())),)),
        "step answered 'serve' in .* differently the second time: keep chance, clocks and globals out of it",
    ),
    "a view that raises": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, view=raises(KeyError("x"))),)),
        r"a property's view raised KeyError: 'x' at test_checking.py:\d+, given Node\(.*\): mend it",
    ),
    "a view without hash": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, view=lambda s: [s.pings]),)),
        "what a property's view shows of Node.* can't be hashed: .* is a list; use a tuple",
    ),
    "a promise that raises": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, holds=raises(ValueError("odd"))),)),
        r"invariant AtMostOne raised ValueError: odd at test_checking.py:\d+",
    ),
    "a step promise that raises": (
        lambda: replace(GAME, invariants=(StepInvariant("Steps", "", raises(ValueError("odd"))),)),
        "invariant Steps raised ValueError: odd",
    ),
    "a witness that raises": (
        lambda: replace(GAME, witnesses=(replace(NEVER, is_seen=raises(ValueError("odd"))),)),
        "witness Never raised ValueError: odd",
    ),
    "a boundary that raises": (
        lambda: replace(GAME, beyond=raises(ValueError("odd"))),
        "beyond raised ValueError: odd",
    ),
    "a reason that raises": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, why=raises(ValueError("odd"))),)),
        "why of AtMostOne raised ValueError: odd",
    ),
    "a description that raises": (
        lambda: replace(GAME, invariants=(AT_MOST_ONE,), described=Described(event=raises(ValueError("odd")))),
        r"Described.event raised ValueError: odd at test_checking.py:\d+, given 'serve': mend it",
    ),
    "a description of nothing": (
        lambda: replace(GAME, invariants=(AT_MOST_ONE,), described=Described(change=lambda _before, _after: None)),  # type: ignore[arg-type,return-value]
        r"Described.change returned None, given Node\(.*\): return a str",
    ),
    "a description in other parts": (
        lambda: replace(GAME, invariants=(AT_MOST_ONE,), described=Described(marks=lambda _before, _after: (1,))),  # type: ignore[arg-type,return-value]
        "Described.marks returned a tuple with an int in it: put a str there",
    ),
    "a reason that is none": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, why=lambda _names, _views: None),)),  # type: ignore[arg-type,return-value]
        r"why of AtMostOne returned None, given .*: return a str",
    ),
    "a reason for a step that raises": (
        lambda: replace(
            GAME,
            invariants=(StepInvariant("Steps", "", lambda *_step: False, raises(ValueError("odd"))),),
        ),
        "why of Steps raised ValueError: odd",
    ),
    "a state that can't be shown": (
        lambda: answers((Outcome(Unshown()),)),
        "the state after 'serve' can't be shown: the __repr__ of a Unshown raised ValueError: odd",
    ),
    "a state that can't be compared": (
        lambda: replace(GAME, initial=(Uncompared(), 0)),
        "can't be compared with another value: an __eq__ raised AttributeError: 'int' object has no attribute 'pings'",
    ),
    "an exit": (
        lambda: replace(GAME, step=raises(SystemExit(0))),
        r"step ended the program at test_checking.py:\d+, given 'serve' in Node\(.*\): mend it",
    ),
    "an exit of a promise": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, holds=raises(SystemExit(0))),)),
        r"invariant AtMostOne raised SystemExit: 0 at test_checking.py:\d+",
    ),
    "one invariant": (
        lambda: replace(GAME, invariants=AT_MOST_ONE),  # type: ignore[arg-type]
        r"invariants is Invariant\(.*; give a tuple, as in invariants=\(it,\)",
    ),
    "an event as it is": (
        lambda: replace(GAME, spontaneous=("serve",)),  # type: ignore[arg-type]
        "spontaneous holds 'serve'; put Spontaneous there",
    ),
    "a kind for a network": (
        lambda: replace(GAME, network=NetworkKind.ORDERED),  # type: ignore[arg-type]
        "network is .*; give a Network",
    ),
    "a verdict that is forgotten": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, holds=lambda _views: None),)),  # type: ignore[arg-type,return-value]
        r"invariant AtMostOne returned None, given \(0,\): return True or False",
    ),
    "a verdict that is a number": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, holds=lambda views: views[0] + 1),)),
        "invariant AtMostOne returned an int, given .*: return True or False",
    ),
    "a verdict on steps that is forgotten": (
        lambda: replace(GAME, invariants=(StepInvariant("Steps", "", lambda *_step: None),)),  # type: ignore[arg-type,return-value]
        "invariant Steps returned None, given Node.*: return True or False",
    ),
    "a witness that is forgotten": (
        lambda: replace(GAME, witnesses=(replace(NEVER, is_seen=lambda _views: None),)),  # type: ignore[arg-type,return-value]
        "witness Never returned None",
    ),
    "a witness of steps that is forgotten": (
        lambda: replace(GAME, witnesses=(StepWitness("Never", lambda *_step: None),)),  # type: ignore[arg-type,return-value]
        "witness Never returned None",
    ),
    "a boundary that is forgotten": (
        lambda: replace(GAME, beyond=lambda _state: None),  # type: ignore[arg-type,return-value]
        r"beyond returned None, given Node\(.*\): return True or False",
    ),
    "an outsider who isn't there": (
        lambda: replace(GAME, invariants=(AT_MOST_ONE,), described=Described(origin=lambda _event: 1)),
        "Described.origin returned 1, given .*: there are 0 outsiders",
    ),
    "an event without hash": (
        lambda: replace(GAME, spontaneous=(Spontaneous(["serve"]),), budgets={}),  # type: ignore[arg-type]
        "the event .* can't be hashed: .* is a list; use a tuple",
    ),
    "a cancelled step": (
        lambda: replace(GAME, step=raises(asyncio.CancelledError())),
        r"step raised CancelledError at test_checking.py:\d+, given 'serve' in Node",
    ),
    "a cancelled promise": (
        lambda: replace(GAME, invariants=(replace(AT_MOST_ONE, holds=raises(asyncio.CancelledError())),)),
        "invariant AtMostOne raised CancelledError at test_checking.py",
    ),
    "a boundary that stops an iteration": (
        lambda: replace(GAME, beyond=raises(StopIteration())),
        r"beyond raised StopIteration at test_checking.py:\d+, given Node",
    ),
    "a sender who is cancelled": (
        lambda: replace(GAME, source=raises(asyncio.CancelledError())),
        r"the source of Ping.* can't be determined \(CancelledError\)",
    ),
    "a tuple of budgets": (
        lambda: replace(GAME, budgets=("serves", 1)),  # type: ignore[arg-type]
        r"budgets is \('serves', 1\); give a dict",
    ),
    "a budget without a name": (lambda: replace(GAME, budgets={1: 1}), "names a budget by 1; give a string"),  # type: ignore[dict-item]
    "a symmetry that is said": (lambda: replace(GAME, symmetry=True), "symmetry is True; give a Symmetry or None"),  # type: ignore[arg-type]
    "no function": (lambda: replace(GAME, step=GAME), "step is System.*; give a function"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_newcomer_gets_wrong_is_said_in_one_line(name: str, engine: Engine) -> None:
    """With what to do, whichever search finds it, and never as a counterexample."""
    make, said = FAULTS[name]
    with pytest.raises(UnusableSystemError, match=said) as refused:
        check(make(), engine=engine)
    assert str(refused.value).startswith("game: ")
    assert "\n" not in str(refused.value)


def test_a_renaming_that_raises_is_said_in_one_line() -> None:
    """Of the search that renames."""
    spoilt = replace(GAME, symmetry=Symmetry(raises(ValueError("odd")), lambda message, _p: message))
    with pytest.raises(UnusableSystemError, match=r"game: Symmetry.local raised ValueError: odd at test_checking.py"):
        check(spoilt)


def test_a_step_that_raises_is_a_finding_with_its_path_and_its_line(engine: Engine) -> None:
    """It is the protocol that is wrong then, in this state."""

    def careless(state: Node, event: object) -> Any:  # noqa: ANN401 - as `play`
        if state.pings == 1 and isinstance(event, Deliver):
            raise KeyError("three")
        return tuple(play(state, event))

    with pytest.raises(NotAsPromisedError) as failed:
        check(replace(GAME, step=careless), engine=engine)
    text = str(failed.value)
    first = " ".join(text.partition("\n\n")[0].split())
    assert first.startswith("game: violated: the step function raised KeyError: 'three' after ")
    assert first.endswith(f"at test_checking.py:{careless.__code__.co_firstlineno + 2}")
    assert "it raised KeyError: 'three'" in " ".join(text.split())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "fast"}, "engine 'fast': there are 'compiled' and 'reference'"),
        ({"depth": -1}, "depth -1 is negative"),
        ({"engine": "reference", "depth": -1}, "depth -1 is negative"),
        ({"engine": "reference", "workers": 2}, "neither workers nor memory"),
        ({"memory": 1e-9}, "give at least 16 MiB"),
        ({"workers": 0}, "0 workers"),
    ],
)
def test_limits_that_cannot_be_are_refused(asked: dict[str, Any], said: str) -> None:
    """Before anything is searched."""
    with pytest.raises(UnusableSystemError, match=said):
        check(GAME, **asked)
