"""How a system's paths are told: the words for its events and changes, and what its pictures show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from quorate_check.core.system import System
from quorate_check.core.unusable import FUNCTION, OPTIONAL_FUNCTION, Kinds, UnusableSystemError, refuse_mistyped, shown
from quorate_check.tell import phrases


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a step is written down: its name in a specification, the passage it comes from, and what it says."""

    name: str
    source: str = ""
    sentence: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no text."""
        refuse_mistyped(self, {"name": (str,), "source": (str,), "sentence": (str,)})


@dataclass(frozen=True, slots=True)
class Box:
    """One of the things that a node holds in order, an entry of a log say; `settled` if it can't change any more."""

    text: str
    settled: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no text."""
        refuse_mistyped(self, {"text": (str,), "settled": (bool,)})


@dataclass(frozen=True, slots=True)
class Described:
    """How a path is told: one phrase for an event at a node, one for what it changed. The rest is for pictures.

    `brief` is `event` in a few words, beside an arrow; `marks` are what a step changed in a few words each. `badge`
    says what a node is (its role, say), `boxes` what it holds in order, `facts` everything, by name. `name` is what
    its column is called, by its first state, if not s1, s2 and so on. `rules` says, of the state before, the event,
    the state after and the messages sent, where such a step is written down. `outsiders` are parties without a node,
    and `origin` says which of them, counted from 0, an event comes from, if any.
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
    outsiders: tuple[str, ...] = ()
    origin: Callable[[Any], int | None] = lambda _event: None

    def __post_init__(self) -> None:
        """Refuse what is no function, and outsiders who have no names."""
        kinds: dict[str, Kinds] = {f.name: FUNCTION for f in fields(self) if f.name not in {"brief", "marks"}}
        kinds |= {"brief": OPTIONAL_FUNCTION, "marks": OPTIONAL_FUNCTION, "outsiders": (tuple,)}
        refuse_mistyped(self, kinds)
        for name in self.outsiders:
            if not isinstance(name, str):
                raise UnusableSystemError(f"Described: outsiders holds {shown(name)}; put a string there")


PLAIN = Described()


def described(system: System) -> Described:
    """Return how the paths of a system are told; raise UnusableSystemError if it was given something else."""
    match system.described:
        case None:
            return PLAIN
        case Described() as given:
            return given
        case other:
            raise UnusableSystemError(f"{system.name}: described is {shown(other)}; give a Described")
