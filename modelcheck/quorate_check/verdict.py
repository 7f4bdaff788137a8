"""What a search found, in words that claim no more than it did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quorate_check.path import Path


class Verdict(Enum):
    """HOLDS within the bounds that were searched, VIOLATED with a path to show, or UNKNOWN for a stated reason."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WitnessResult:
    """`depth` is the fewest moves after which the witness was seen, None if it never was."""

    name: str
    depth: int | None
    impossible: str | None = None

    @property
    def missed(self) -> bool:
        """Whether it was never seen although nothing excludes it."""
        return self.depth is None and self.impossible is None


@dataclass(frozen=True, slots=True)
class Exploration:
    """The result of one search.

    `levels[d]` is the number of distinct states first reached after d moves, `transitions` the number of moves made
    from expanded states (those that lead to known states included), `over_capacity` the moves that weren't made because
    the network would have held more messages than it may. `orbit_sum` counts, under symmetry reduction, the states that
    the representatives stand for; it is None without. `step_executions` is how often the system's own step function
    ran. `stopped` says why the search ended early; `depth_limit` is the depth at which the caller had it end.
    """

    subject: str
    levels: tuple[int, ...]
    transitions: int
    over_capacity: int
    step_executions: int
    seconds: float
    invariants: tuple[str, ...]
    witnesses: tuple[WitnessResult, ...]
    orbit_sum: int | None = None
    bytes_per_state: float | None = None
    path: Path | None = None
    stopped: str | None = None
    depth_limit: int | None = None

    @property
    def states(self) -> int:
        """The number of distinct states found."""
        return sum(self.levels)

    @property
    def depth(self) -> int:
        """The number of moves to the farthest state found."""
        return len(self.levels) - 1

    @property
    def exhaustive(self) -> bool:
        """Whether every state within the bounds was found and expanded."""
        return self.path is None and self.stopped is None and self.depth_limit is None

    @property
    def missed(self) -> tuple[str, ...]:
        """The names of the witnesses that were never seen although the bounds allow them."""
        return tuple(w.name for w in self.witnesses if w.missed)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a path shows it; UNKNOWN if the search was stopped or saw too little; else HOLDS."""
        if self.path is not None:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if self.stopped or self.missed else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        if self.path is not None:
            return f"violated: {self.path.broken} after {len(self.path.steps)} moves"
        if self.stopped is not None:
            return f"unknown: {self.stopped}"
        if self.missed:
            reach = "exhaustive" if self.exhaustive else f"searched to depth {self.depth_limit}"
            return f"unknown: {reach}, but never seen: {', '.join(self.missed)}"
        if self.depth_limit is not None:
            return f"holds to depth {self.depth_limit}"
        return "holds, exhaustive within bounds"

    def of_invariant(self, name: str) -> Verdict:
        """Return the verdict of one invariant: a search that ended early proves nothing about the others."""
        if self.path is not None and self.path.broken == name:
            return Verdict.VIOLATED
        return Verdict.HOLDS if self.path is None and self.stopped is None else Verdict.UNKNOWN
