"""The result of a search, in words that claim no more than it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate_check.core.path import Path


class Verdict(Enum):
    """HOLDS within the bounds, VIOLATED with a path as evidence, or UNKNOWN for a stated reason."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WitnessResult:
    """`depth` is the fewest steps to the witness; None if it was never seen, or if the number isn't known.

    A search that doesn't find states in the order of their depth sets `is_seen` instead.
    """

    name: str
    depth: int | None
    impossible: str | None = None
    is_seen: bool = False

    @property
    def was_seen(self) -> bool:
        """Whether the witness was seen, after any number of steps."""
        return self.is_seen or self.depth is not None

    @property
    def missed(self) -> bool:
        """Whether the witness was never seen although the bounds allow it."""
        return not self.was_seen and self.impossible is None


@dataclass(frozen=True, slots=True)
class LivenessResult:
    """A promise of liveness that no path breaks; `cut_states` are those in which the bounds end the waiting for it."""

    name: str
    cut_states: int


@dataclass(frozen=True, slots=True)
class CutOff:
    """What a search left out because of its bounds, shown with its verdict everywhere.

    `steps` counts steps that would have exceeded the network's capacity, `beyond` states that the state constraint kept
    from being expanded, and `waiting` states that were not expanded when the search ended.
    """

    steps: int = 0
    beyond: int = 0
    waiting: int = 0

    @staticmethod
    def total(cut_offs: Iterable[CutOff]) -> CutOff:
        """Return the sum over several searches."""
        each = tuple(cut_offs)
        return CutOff(sum(c.steps for c in each), sum(c.beyond for c in each), sum(c.waiting for c in each))

    def after(self, claim: str) -> str:
        """Return a verdict in one line, followed by what was left out."""
        parts = (
            (self.steps, "step", "left out by the network's capacity"),
            (self.beyond, "state", "not expanded by the state constraint"),
            (self.waiting, "state", "found and not expanded"),
        )
        return "; ".join((claim, *(f"{counted(number, noun)} {fate}" for number, noun, fate in parts if number)))

    def as_dict(self) -> dict[str, int]:
        """Return the counts as JSON values; `of_dict` is the inverse."""
        return {
            "steps_by_capacity": self.steps,
            "states_by_constraint": self.beyond,
            "states_not_expanded": self.waiting,
        }

    @staticmethod
    def of_dict(counts: Mapping[str, int]) -> CutOff:
        """Return the counts that `as_dict` wrote."""
        return CutOff(counts["steps_by_capacity"], counts["states_by_constraint"], counts["states_not_expanded"])


def counted(number: int, noun: str) -> str:
    """Return `1 step`, `2 steps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@dataclass(frozen=True, slots=True)
class Exploration:
    """The result of one search.

    `levels[d]` is the number of distinct states first reached after d steps, `transitions` the number of steps from
    expanded states (those to known states included), `over_capacity` the steps that would have exceeded the network's
    capacity. `beyond` counts the states that the state constraint kept from being expanded, `waiting` those that were
    not expanded when the search ended. `orbit_sum` counts, under symmetry reduction, the states that the
    representatives stand for; it is None without. `step_executions` is how often the system's own step function ran.
    `tuples` is how many tuples of local states were reached, under every name of the nodes; None where states lie
    elsewhere, and they weren't counted. On `any_network` what was sent stays, and states are not found in the order of
    their depth. `liveness` has the promises that no path breaks, in behaviours that meet the demands `fairness`, in
    words. `without_useless` says that messages that change nothing, or states that have only used up more, were
    left out, and `why_whole` why none was, though that was asked for. `stopped` says why the search ended early;
    `depth_limit` is the depth at which the caller had it end. `stored` has figures by name if states lay elsewhere than
    in this process's memory. `coverage` says what of the system the search came across (`engine/coverage.py`).
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
    beyond: int = 0
    waiting: int = 0
    tuples: int | None = None
    without_useless: bool = False
    why_whole: str | None = None
    stored: Mapping[str, int] | None = None
    any_network: bool = False
    liveness: tuple[LivenessResult, ...] = ()
    fairness: tuple[str, ...] = ()
    coverage: Any = None

    def __str__(self) -> str:
        """Return the result in one line."""
        size = f"{counted(self.states, 'state')}, depth {self.depth}"
        if self.any_network and self.tuples is not None:
            size = f"{counted(self.tuples, 'tuple')} of local states, {counted(self.states, 'state')}"
        return f"{self.subject}: {size}, {self.conclusion}"

    @property
    def cut_off(self) -> CutOff:
        """What the search left out because of its bounds."""
        return CutOff(self.over_capacity, self.beyond, self.waiting)

    @property
    def states(self) -> int:
        """The number of distinct states found."""
        return sum(self.levels)

    @property
    def depth(self) -> int:
        """The number of steps to the farthest state found."""
        return len(self.levels) - 1

    @property
    def exhaustive(self) -> bool:
        """Whether every state within the bounds was found, and expanded unless it is beyond the state constraint."""
        return self.path is None and self.stopped is None and self.depth_limit is None

    @property
    def missed(self) -> tuple[str, ...]:
        """The names of the witnesses that were never seen although the bounds allow them."""
        return tuple(w.name for w in self.witnesses if w.missed)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if there is a path; UNKNOWN if the search was stopped or missed a witness; else HOLDS."""
        if self.path is not None:
            return Verdict.HOLDS if self.path.reached else Verdict.VIOLATED
        return Verdict.UNKNOWN if self.stopped or self.missed else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line, with what was left out and the events never enabled, unless a path decides it."""
        if self.path is not None:
            return self.path.conclusion
        leaves_out = self.without_useless and self.verdict is Verdict.HOLDS and not self.any_network
        fewer = ", useless messages left out" if leaves_out else ""
        idle = () if self.coverage is None or self.stopped else self.coverage.never_enabled
        never = f"; never enabled: {', '.join(idle)}" if idle else ""
        return f"{self.cut_off.after(f'{self._claim}{fewer}')}{never}"

    def of_liveness(self, name: str) -> Verdict:
        """Return the verdict of one promise of liveness; HOLDS also where bounds cut behaviours off."""
        if self.path is not None and self.path.broken == name:
            return Verdict.VIOLATED
        return Verdict.HOLDS if any(result.name == name for result in self.liveness) else Verdict.UNKNOWN

    def liveness_text(self, name: str) -> str:
        """Return the verdict of one promise of liveness in words, with what the bounds cut off."""
        cut_states = next((result.cut_states for result in self.liveness if result.name == name), 0)
        verdict = self.of_liveness(name).value
        return f"{verdict} unless cut off: {counted(cut_states, 'state')}" if cut_states else verdict

    @property
    def cut_states(self) -> int:
        """In how many states, at least, the bounds end behaviours that wait for a promise of liveness."""
        return max((result.cut_states for result in self.liveness), default=0)

    @property
    def _claim(self) -> str:
        if self.stopped is not None:
            return f"unknown: {self.stopped}"
        if self.missed:
            reach = "exhaustive" if self.exhaustive else f"searched to depth {self.depth_limit}"
            return f"unknown: {reach}, but never seen: {', '.join(self.missed)}"
        if self.depth_limit is not None:
            unjudged = ", promises of liveness not judged" if self.fairness else ""
            return f"holds to depth {self.depth_limit}{unjudged}"
        network = ", whatever the network loses, repeats and reorders" if self.any_network else ""
        fair = f", where {', '.join(self.fairness)}" if self.fairness else ""
        if self.cut_states:
            return f"holds{fair}, unless cut off: the bounds end behaviours in {counted(self.cut_states, 'state')}"
        return f"holds, exhaustive within bounds{network}{fair}"

    def of_invariant(self, name: str) -> Verdict:
        """Return the verdict of one invariant: a search that ended early shows nothing about the others."""
        if self.path is not None and self.path.broken == name:
            return Verdict.VIOLATED
        is_known = self.path is None or self.path.loop is not None  # liveness is judged when all states are
        return Verdict.HOLDS if is_known and self.stopped is None else Verdict.UNKNOWN
