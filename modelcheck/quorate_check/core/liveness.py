"""What a system promises to do some day, and which moves it may not put off for ever.

A behaviour is an infinite sequence of states. Nothing has to happen unless fairness demands it: a run that ends is a
behaviour whose last state repeats for ever (it stutters). Fairness is that of TLA+ (Lamport, *Specifying Systems*, §8),
of classes of moves; a move that changes nothing counts as none. `fair_cycles.py` decides which behaviours are fair.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from quorate_check.core.invariants import TEXT, Condition
from quorate_check.core.path import Move, MoveKind
from quorate_check.core.unusable import FUNCTION, refuse_mistyped
from quorate_check.core.values import same


@dataclass(frozen=True, slots=True)
class _OfCondition:
    name: str
    sentence: str
    condition: Condition

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"name": TEXT, "sentence": TEXT, "condition": (Condition,)})


@dataclass(frozen=True, slots=True)
class Eventually(_OfCondition):
    """In every fair behaviour `condition` is true at some time."""


@dataclass(frozen=True, slots=True)
class AlwaysEventually(_OfCondition):
    """In every fair behaviour `condition` is true again and again: at any time it is true then or later."""


@dataclass(frozen=True, slots=True)
class EventuallyAlways(_OfCondition):
    """In every fair behaviour `condition` is true from some time on."""


@dataclass(frozen=True, slots=True)
class LeadsTo:
    """In every fair behaviour, whenever `cause` is true, `condition` is true then or later."""

    name: str
    sentence: str
    cause: Condition
    condition: Condition

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"name": TEXT, "sentence": TEXT, "cause": (Condition,), "condition": (Condition,)})


Liveness = Eventually | AlwaysEventually | EventuallyAlways | LeadsTo


class Strength(Enum):
    """WEAK: a class that stays enabled is taken some day. STRONG: one that is enabled again and again is."""

    WEAK = "weakly fair"
    STRONG = "strongly fair"


@dataclass(frozen=True, slots=True)
class Fairness:
    """Moves for which `of` gives the same value are one class, and each class is fair; None: no demand on the move.

    `of` is asked about arrivals (DELIVER, ROUND_END), events of nodes (SPONTANEOUS) and the beginning of rounds
    (ROUND), never about losses and repetitions, and must depend on the move's kind, node and event alone. A class is
    enabled in a state in which one of its moves leads to another state.
    """

    name: str
    of: Callable[[Move], Hashable | None]
    strength: Strength = Strength.WEAK

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"name": TEXT, "of": FUNCTION, "strength": (Strength,)})

    def __str__(self) -> str:
        """Return the demand in words."""
        return f"{self.name} is {self.strength.value}"


def fair_deliveries(
    by: Callable[[Any], Hashable | None] | None = None,
    *,
    strength: Strength = Strength.WEAK,
    name: str = "every delivery",
) -> Fairness:
    """Return the demand that every message arrives, in lockstep networks also that every round ends.

    `by(message)` makes one class of the messages for which it gives the same value: those of a link, of a receiver, of
    a kind; None excludes a message. Then `name` should say so, as "delivery on every link".
    """

    def of(move: Move) -> Hashable | None:
        if move.kind is not MoveKind.DELIVER:
            return None if move.kind is MoveKind.SPONTANEOUS else (move.kind, move.node)
        value = move.event if by is None else by(move.event)
        return None if value is None else (move.kind, value)

    return Fairness(name, of, strength)


def fair_event(event: Hashable, *, strength: Strength = Strength.WEAK) -> Fairness:
    """Return the demand that each node takes a spontaneous event."""

    def of(move: Move) -> Hashable | None:
        return (move.node,) if move.kind is MoveKind.SPONTANEOUS and same(move.event, event) else None

    return Fairness(f"{event} at each node", of, strength)


USUAL = (fair_deliveries(),)
