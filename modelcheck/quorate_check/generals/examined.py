"""The result of an examination, as a value without any protocol in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from quorate_check.core.verdict import Verdict
from quorate_check.tell.story import Story


class Method(Enum):
    """The method by which all runs were covered.

    ENUMERATION plays every run on the code that runs. VIEW_PROJECTION evaluates, for every lieutenant or pair of them,
    every choice that their views read. Z3 searches, for every set of traitors and order, for words that break a
    promise. EXPLORATION visits every state that messages without rounds can lead to.
    """

    ENUMERATION = "enumeration"
    VIEW_PROJECTION = "view projection"
    Z3 = "z3"
    EXPLORATION = "exploration"


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """One run that breaks a promise: its lines of text, and its picture."""

    broken: str
    lines: tuple[str, ...]
    picture: Story


@dataclass(frozen=True, slots=True)
class Examined:
    """The result of examining an instance.

    Runs are numbers of strategies; of an exploration they are states. `traitor_commander_runs` is None if there is no
    commander. Violations are counted in what was examined: runs; evaluations of view projection (`evaluations` is their
    number), those of IC1 under a traitor only, because IC2 implies it under a loyal commander; or, of an exploration,
    setups in which a shortest violation was found. `stopped` says why not everything was examined, if so.
    """

    protocol: str
    n: int
    traitors: int
    rounds: int | None
    faults: tuple[str, ...]
    method: Method
    runs_loyal_commander: int
    runs_traitor_commander: int | None
    evaluations: int | None
    ic1_violations: int
    ic2_violations: int
    stories: tuple[BrokenRun, ...]
    seconds: float
    stopped: str | None = None

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if anything breaks a promise, UNKNOWN if not everything was examined."""
        if self.ic1_violations or self.ic2_violations:
            return Verdict.VIOLATED
        return Verdict.HOLDS if self.stopped is None else Verdict.UNKNOWN

    @property
    def runs(self) -> int:
        """The number of all runs."""
        return self.runs_loyal_commander + (self.runs_traitor_commander or 0)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "protocol": self.protocol,
            "n": self.n,
            "traitors": self.traitors,
            "rounds": self.rounds,
            "faults": list(self.faults),
            "method": self.method.value,
            "runs_loyal_commander": self.runs_loyal_commander,
            "runs_traitor_commander": self.runs_traitor_commander,
            "evaluations": self.evaluations,
            "ic1_violations": self.ic1_violations,
            "ic2_violations": self.ic2_violations,
            "verdict": self.verdict.value,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
            "counterexamples": [{"broken": s.broken, "story": list(s.lines)} for s in self.stories],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A claim with its result."""

    claim: str
    expected: Verdict
    found: Examined

    @property
    def as_claimed(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.found.verdict is self.expected

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "claim": self.claim,
            "expected": self.expected.value,
            "as_claimed": self.as_claimed,
            **self.found.as_dict(),
        }
