"""Small systems written as graphs: what may happen by itself in each state, and the answer to a promise of liveness."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate_check import (
    AlwaysEventually,
    Condition,
    Eventually,
    EventuallyAlways,
    LeadsTo,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Strength,
    System,
    fair_event,
)
from quorate_check.core.liveness import Liveness

WEAK, STRONG = Strength.WEAK, Strength.STRONG


def at(*states: str) -> Condition:
    """Return the condition that the only node is in one of these states."""
    return Condition(lambda state: state, lambda views: views[0] in states)


@dataclass(frozen=True)
class Graph:
    """One node, which begins in `a`: by event and state, the states that it may go to.

    `holds` is whether the promise is kept where the events are as fair as `fair` says.
    """

    name: str
    moves: Mapping[str, Mapping[str, str]]
    fair: Mapping[str, Strength]
    promise: Liveness
    holds: bool

    def system(self) -> System:
        """Return the graph as a system."""

        def step(state: str, event: str) -> tuple[Outcome, ...]:
            return tuple(map(Outcome, self.moves[event].get(state, "")))

        return System(
            name=self.name,
            initial=("a",),
            step=step,
            network=Network(NetworkKind.UNORDERED, 1),
            spontaneous=tuple(map(Spontaneous, self.moves)),
            done=lambda _: True,
            liveness=(self.promise,),
            fairness=tuple(fair_event(event, strength=strength) for event, strength in self.fair.items()),
        )


def eventually(*states: str) -> Liveness:
    """Return the promise that one of these states is reached."""
    return Eventually("Promise", "", at(*states))


def leads_to(cause: str, *states: str) -> Liveness:
    """Return the promise that one of these states follows each visit of `cause`."""
    return LeadsTo("Promise", "", at(cause), at(*states))


def again_and_again(*states: str) -> Liveness:
    """Return the promise that one of these states is visited again and again."""
    return AlwaysEventually("Promise", "", at(*states))


def in_the_end(*states: str) -> Liveness:
    """Return the promise that the node stays in these states from some time on."""
    return EventuallyAlways("Promise", "", at(*states))


LINE = {"go": {"a": "b", "b": "c"}}
SWING = {"swing": {"a": "b", "b": "a"}, "out": {"b": "c"}}
GRAPHS = [
    Graph("without fairness nothing has to happen", LINE, {}, eventually("b"), holds=False),
    Graph("with it the line is walked to its end", LINE, {"go": WEAK}, eventually("c"), holds=True),
    Graph("what holds at first holds some day", LINE, {}, eventually("a"), holds=True),
    Graph("the end of the line repeats for ever", LINE, {"go": WEAK}, again_and_again("a"), holds=False),
    Graph("the end of the line lasts", LINE, {"go": WEAK}, in_the_end("c"), holds=True),
    Graph("a stop on the way may last", LINE, {}, in_the_end("c"), holds=False),
    Graph(
        "a step that changes nothing is none",
        {"idle": {"a": "a"}, "go": {"a": "b"}},
        {"idle": WEAK},
        eventually("b"),
        holds=False,
    ),
    Graph(
        "a fair step that only sometimes changes something must change it",
        {"go": {"a": "ab"}},
        {"go": WEAK},
        eventually("b"),
        holds=True,
    ),
    Graph("weak fairness lets a door be missed", SWING, {"swing": WEAK, "out": WEAK}, eventually("c"), holds=False),
    Graph("strong fairness doesn't", SWING, {"swing": WEAK, "out": STRONG}, eventually("c"), holds=True),
    Graph("without the swing nobody comes to the door", SWING, {"out": STRONG}, eventually("c"), holds=False),
    Graph(
        "a cycle whose last edge keeps the promise keeps it",
        {"go": {"a": "b", "b": "c", "c": "a"}},
        {"go": WEAK},
        leads_to("a", "c"),
        holds=True,
    ),
    Graph(
        "a cycle beside it breaks it",
        {"go": {"a": "b", "b": "cd", "c": "a", "d": "b"}},
        {"go": WEAK},
        leads_to("a", "c"),
        holds=False,
    ),
    Graph(
        "two ways to one state, and the promise waits on one of them",
        {"left": {"a": "p"}, "right": {"a": "x"}, "go": {"p": "x", "x": "y", "y": "x"}},
        {"go": WEAK},
        leads_to("p", "q"),
        holds=False,
    ),
    Graph(
        "two ways to one state, and the promise was kept before",
        {"left": {"a": "p"}, "right": {"a": "x"}, "go": {"p": "q", "q": "x", "x": "y", "y": "x"}},
        {"go": WEAK},
        leads_to("p", "q"),
        holds=True,
    ),
    Graph(
        "a promise that is kept on one way only",
        {"left": {"a": "b"}, "right": {"a": "c"}, "go": {"b": "d", "c": "d"}},
        {"left": WEAK, "right": WEAK, "go": WEAK},
        eventually("b"),
        holds=False,
    ),
    Graph(
        "two fair classes that are never enabled at once",
        {"one": {"a": "b"}, "two": {"b": "a"}, "out": {"a": "c", "b": "c"}},
        {"one": WEAK, "two": WEAK, "out": WEAK},
        eventually("c"),
        holds=True,
    ),
    Graph(
        "a part of a component is fair where all of it isn't",
        {"go": {"a": "b", "b": "ac", "c": "b"}, "out": {"c": "d"}},
        {"go": WEAK, "out": STRONG},
        eventually("d"),
        holds=False,
    ),
    Graph(
        "no part of it is",
        {"go": {"a": "b", "b": "c", "c": "b"}, "out": {"c": "d"}},
        {"go": WEAK, "out": STRONG},
        eventually("d"),
        holds=True,
    ),
    Graph(
        "a condition that is left again and again doesn't last",
        {"go": {"a": "b", "b": "a"}},
        {"go": WEAK},
        in_the_end("b"),
        holds=False,
    ),
    Graph(
        "but it comes back",
        {"go": {"a": "b", "b": "a"}},
        {"go": WEAK},
        again_and_again("b"),
        holds=True,
    ),
    Graph(
        "two strong classes, of which each takes the other's state away",
        {"go": {"a": "bc", "b": "a", "c": "a"}, "one": {"b": "d"}, "two": {"c": "e"}},
        {"go": WEAK, "one": STRONG, "two": STRONG},
        eventually("d", "e"),
        holds=True,
    ),
]
