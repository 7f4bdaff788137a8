"""The words and pictures of a system: phrases for its events and changes, and what a picture shows of each node."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from quorate_check.core.system import System
from quorate_check.core.unusable import (
    FUNCTION,
    OPTIONAL_FUNCTION,
    Kinds,
    UnusableSystemError,
    refuse_mistyped,
    repr_line,
)
from quorate_check.tell import phrases


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that a step follows: its name in a specification, the passage of the source, and its sentence."""

    name: str
    source: str = ""
    sentence: str = ""

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a field has the wrong type."""
        refuse_mistyped(self, {"name": (str,), "source": (str,), "sentence": (str,)})


@dataclass(frozen=True, slots=True)
class Box:
    """One element of a sequence that a node holds, such as a log entry; a `settled` box can't change any more."""

    text: str
    settled: bool = False

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a field has the wrong type."""
        refuse_mistyped(self, {"text": (str,), "settled": (bool,)})


@dataclass(frozen=True, slots=True)
class Label:
    """The meaning of short texts such as "holds n"; `pattern` is a regular expression that finds one in a text."""

    pattern: str
    meaning: str

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a field has the wrong type, or the pattern is no regular expression."""
        refuse_mistyped(self, {"pattern": (str,), "meaning": (str,)})
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise UnusableSystemError(f"Label: pattern is {repr_line(self.pattern)}: {error}") from None


@dataclass(frozen=True, slots=True)
class Need:
    """What the promise called `promise` needs before it has anything to judge: `least` of a thing.

    `count` is the number of such things, given all nodes' local states; `thing` names what is needed, as in "a leader".
    """

    promise: str
    thing: str
    count: Callable[[tuple[Any, ...]], int]
    least: int = 1

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a field has the wrong type."""
        refuse_mistyped(self, {"promise": (str,), "thing": (str,), "count": FUNCTION, "least": (int,)})

    def text(self, count: int) -> str:
        """Return what is needed as long as there is too little of it, else how much there is."""
        if count >= self.least:
            return f"{self.thing}: {count}"
        return f"needs {self.thing}: {f'{count} so far' if count else 'none yet'}"


@dataclass(frozen=True, slots=True)
class Described:
    """The words for a system's paths: `event` is a phrase for an event, `change` one for what a step changed.

    Pictures use the other fields. `brief` is a short `event`, for the label of an arrow. `marks` are short texts, one
    for each change of a step. `badge` is a node's role or the like, `boxes` its sequence of elements, `facts` all its
    fields with their names. `name` is a node's name, from its initial state; nodes without one are n0, n1 and so on.
    `rules` are the rules that a step follows, from the state before, the event, the state after and the messages sent.
    `labels` say what short texts mean, below a picture in which they occur. `outsiders` are the names of parties that
    are no nodes; `origin` is the index of the outsider that an event comes from, None if no outsider sent it.
    `needs` say when a promise has something to judge.
    """

    event: Callable[[Any], str] = phrases.event
    change: Callable[[Any, Any], str] = phrases.change
    brief: Callable[[Any], str] | None = None
    marks: Callable[[Any, Any], tuple[str, ...]] | None = None
    badge: Callable[[Any], str] = lambda _local: ""
    boxes: Callable[[Any], tuple[Box, ...]] = lambda _local: ()
    facts: Callable[[Any], tuple[tuple[str, str], ...]] = phrases.facts
    name: Callable[[Any], str] = lambda _local: ""
    rules: Callable[[Any, Any, Any, tuple[Any, ...]], tuple[Rule, ...]] = lambda _before, _event, _after, _sent: ()
    labels: tuple[Label, ...] = ()
    outsiders: tuple[str, ...] = ()
    origin: Callable[[Any], int | None] = lambda _event: None
    needs: tuple[Need, ...] = ()

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a field has the wrong type."""
        kinds: dict[str, Kinds] = {f.name: FUNCTION for f in fields(self) if f.name not in {"brief", "marks"}}
        kinds |= {"brief": OPTIONAL_FUNCTION, "marks": OPTIONAL_FUNCTION}
        kinds |= dict.fromkeys(("labels", "outsiders", "needs"), (tuple,))
        refuse_mistyped(self, kinds)
        parts = {"labels": (Label, "a Label"), "outsiders": (str, "a string"), "needs": (Need, "a Need")}
        for name, (kind, advice) in parts.items():
            for part in getattr(self, name):
                if not isinstance(part, kind):
                    raise UnusableSystemError(f"Described: {name} holds {repr_line(part)}; put {advice} there")


PLAIN = Described()


def described(system: System) -> Described:
    """Return the words of a system, PLAIN if it has none; raise UnusableSystemError if `described` is no Described."""
    match system.described:
        case None:
            return PLAIN
        case Described() as words:
            return words
        case other:
            raise UnusableSystemError(f"{system.name}: described is {repr_line(other)}; give a Described")
