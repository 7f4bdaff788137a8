"""Global states, the steps between them, and paths: how a state was reached, saved and replayed on the real code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class MoveKind(Enum):
    """What can happen in a system."""

    DELIVER = "deliver"
    DUPLICATE = "duplicate"  # the message arrives and stays in flight
    DROP = "drop"
    SPONTANEOUS = "spontaneous"
    ROUND = "round"  # lockstep: the next round begins
    ROUND_END = "round end"


@dataclass(frozen=True, slots=True)
class GlobalState:
    """Nodes' local states, messages in flight, and how much of each budget is used (in the order of System.limits).

    `flight` is a set in an unordered network, its messages in the order of their text; otherwise a queue, by link and
    within a link by age, whose first `current` messages belong to the round under way (lockstep). What `==` says of two
    states is what it says of their parts: `behaviour.identity` tells whether they are the same.
    """

    nodes: tuple[Any, ...]
    flight: tuple[Any, ...]
    current: int
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One event of a path: `event` is a message or spontaneous event, `choice` which of the node's outcomes it took."""

    kind: MoveKind
    node: int | None
    event: Any
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A move and where it led; `after` is None if the move itself failed (it raised, or exceeds the bounds)."""

    move: Move
    after: GlobalState | None


@dataclass(frozen=True, slots=True)
class Path:
    """How a system comes from its initial state to a broken promise; `detail` is an exception's text, if one was it.

    If `reached`, `broken` is the name of a witness that is seen at its end, and nothing is broken. `note` says why the
    path is not the shortest, or not known to be.
    """

    initial: GlobalState
    steps: tuple[Step, ...]
    broken: str
    detail: str = ""
    note: str = ""
    reached: bool = False

    @property
    def conclusion(self) -> str:
        """What broke, or was reached, after how many steps; of a step function that raised, what it raised."""
        count = len(self.steps)
        what = f"the step function raised {self.detail}" if self.detail else self.broken
        verdict = "reached" if self.reached else "violated"
        return f"{verdict}: {what} after {count} step{'' if count == 1 else 's'}"
