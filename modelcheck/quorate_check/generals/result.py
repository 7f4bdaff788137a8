"""The result of an examination, as values that don't depend on the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from quorate_check.core.verdict import Verdict
from quorate_check.tell.story import Story


class Method(Enum):
    """The method by which all runs were covered.

    ENUMERATION plays every run on the real code. VIEW_PROJECTION evaluates, for every lieutenant or pair of them,
    every choice of the statements that their views read. Z3 searches, for every set of traitors and order, for
    statements that break a promise. EXPLORATION visits every state of a protocol without rounds.
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
class Examination:
    """The result of examining an instance.

    `runs_loyal_commander` and `runs_traitor_commander` are numbers of strategies, of an exploration numbers of states;
    the latter is None without a commander. `evaluations` is the number of evaluations of a view projection or of
    answers of z3. Violations are numbers of runs, of evaluations, or, of an exploration, of setups with a violation.
    View projection and z3 judge IC1 only under a traitor, because under a loyal commander IC2 implies it. `stopped` is
    the reason if not everything was examined.
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
        """VIOLATED if a promise is broken, UNKNOWN if not everything was examined, else HOLDS."""
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
    result: Examination

    @property
    def as_claimed(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.result.verdict is self.expected

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "claim": self.claim,
            "expected": self.expected.value,
            "as_claimed": self.as_claimed,
            **self.result.as_dict(),
        }
