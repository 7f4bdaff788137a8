"""The search of the rungs of the ladder, and the comparison of each result with the rung's claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quorate_check.core.system import System
from quorate_check.core.verdict import CutOff, Exploration, Verdict
from quorate_check.raft.ladder.rungs import Rung

Explore = Callable[[System, str], Exploration]
JSON_WIDTH = 100


@dataclass(frozen=True, slots=True)
class RungResult:
    """The result of the search of rung `number`, counted from 1."""

    number: int
    rung: Rung
    exploration: Exploration

    @property
    def broken(self) -> str | None:
        """The name of the broken promise, None if all hold."""
        return None if self.exploration.path is None else self.exploration.path.broken

    @property
    def steps(self) -> int | None:
        """The number of steps after which the promise breaks, None if it holds."""
        return None if self.exploration.path is None else len(self.exploration.path.steps)

    @property
    def verdict(self) -> Verdict:
        """HOLDS if the result is as claimed (which may be a violation), UNKNOWN if the search ended early."""
        if self.exploration.path is None and self.exploration.verdict is Verdict.UNKNOWN:
            return Verdict.UNKNOWN
        as_claimed = (self.rung.broken, self.rung.steps) == (self.broken, self.steps)
        return Verdict.HOLDS if as_claimed else Verdict.VIOLATED

    def lines(self, width: int) -> list[str]:
        """Return the shortest path to the broken promise in words; nothing if none breaks."""
        return [] if self.exploration.path is None else self.rung.search.lines(self.exploration.path, width)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        search = self.rung.search
        return {
            "rung": self.number,
            "added": self.rung.added,
            "servers": search.servers,
            "quorum": search.quorum,
            "judged": self.rung.promises,
            "broken": self.broken,
            "steps": self.steps,
            "claimed": {"broken": self.rung.broken, "steps": self.rung.steps},
            "verdict": self.verdict.value,
            "exhaustive": self.exploration.exhaustive,
            "cut_off": self.exploration.cut_off.as_dict(),
            "states": self.exploration.states,
            "seconds": self.exploration.seconds,
            "path": [line for line in self.lines(JSON_WIDTH) if line],
        }


def climb(number: int, rung: Rung, explore: Explore) -> RungResult:
    """Search one rung; after an unexpected violation search again with named servers, for a readable path."""
    name = f"rung {number}: {rung.added}"
    exploration = explore(rung.search.system(named=rung.broken is not None), name)
    if exploration.path is not None and rung.broken is None:
        exploration = explore(rung.search.system(named=True), name)
    return RungResult(number, rung, exploration)


def verdict_of(results: list[RungResult], planned: int) -> Verdict:
    """Return HOLDS if every rung is as claimed, UNKNOWN if one wasn't searched to its end."""
    verdicts = {c.verdict for c in results}
    if Verdict.VIOLATED in verdicts:
        return Verdict.VIOLATED
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts or len(results) < planned else Verdict.HOLDS


def conclusion_of(results: list[RungResult], planned: int) -> str:
    """Return the verdict in one line."""
    for c in results:
        if c.verdict is Verdict.VIOLATED:
            return f"rung {c.number} isn't as claimed: {c.exploration.conclusion}"
        if c.verdict is Verdict.UNKNOWN:
            return f"rung {c.number}: {c.exploration.conclusion}"
    if len(results) < planned:
        return f"unknown: {planned - len(results)} of {planned} rungs weren't searched"
    if len(results) == 1:
        return f"as claimed: {results[0].exploration.conclusion}"
    broken = sum(c.broken is not None for c in results)
    cut_off = CutOff.total(c.exploration.cut_off for c in results if c.broken is None)
    return cut_off.after(f"as claimed: {broken} of {planned} rungs break, {planned - broken} hold within their bounds")
