"""Global states, the steps between them, and paths from the initial state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class MoveKind(Enum):
    """The kinds of moves of a system."""

    DELIVER = "deliver"
    DUPLICATE = "duplicate"  # the message arrives and stays in flight
    DROP = "drop"
    SPONTANEOUS = "spontaneous"
    ROUND = "round"  # lockstep: the next round begins
    ROUND_END = "round end"


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """The end of a round at `node`, in a lockstep network's queue after the messages of the round."""

    node: int


@dataclass(frozen=True, slots=True)
class GlobalState:
    """Nodes' local states, messages in flight, and the used part of each budget (in the order of System.limits).

    `flight` is a set in an unordered network, its messages in the order of their text; otherwise a queue, by link and
    within a link by age, whose first `current` messages belong to the current round (lockstep). `==` of two states
    compares their parts by `==`; `behaviour.identity` decides whether they are identical.
    """

    nodes: tuple[Any, ...]
    flight: tuple[Any, ...]
    current: int
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One move: `event` is a message or spontaneous event, `choice` the index of the node's outcome."""

    kind: MoveKind
    node: int | None
    event: Any
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A move and its successor state; `after` is None if the move itself failed (it raised, or exceeds the bounds)."""

    move: Move
    after: GlobalState | None


@dataclass(frozen=True, slots=True)
class Path:
    """A path from the initial state to a violated promise, named `broken`; `detail` is an exception's text, if any.

    If `reached`, `broken` is the name of a witness that is seen at its end, and nothing is violated. `note` says why
    the path is not the shortest, or not known to be. A path that breaks a promise of liveness goes on for ever: the
    steps after the first `loop` repeat, or if there are none, its last state.
    """

    initial: GlobalState
    steps: tuple[Step, ...]
    broken: str
    detail: str = ""
    note: str = ""
    reached: bool = False
    loop: int | None = None

    @property
    def conclusion(self) -> str:
        """The violated promise, the witness reached, or the exception raised, and the number of steps."""
        count = len(self.steps)
        if self.loop is not None:
            return f"violated: {self.broken}: {self.rest_of_time}"
        cause = f"the step function raised {self.detail}" if self.detail else self.broken
        verdict = "reached" if self.reached else "violated"
        return f"{verdict}: {cause} after {count} step{'' if count == 1 else 's'}"

    @property
    def rest_of_time(self) -> str:
        """What happens for ever at the end of a path that breaks a promise of liveness."""
        count, loop = len(self.steps), self.loop
        if loop == count:
            return f"after {count} step{'' if count == 1 else 's'} nothing more has to happen"
        if loop == count - 1:
            return f"step {count} repeats for ever"
        return f"steps {(loop or 0) + 1} to {count} repeat for ever"
