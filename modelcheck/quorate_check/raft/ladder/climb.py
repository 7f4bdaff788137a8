"""Climbing the ladder: every rung is searched, and its result is compared with its claim."""

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
class Climbed:
    """The result of the search of rung `number`, counted from 1."""

    number: int
    rung: Rung
    found: Exploration

    @property
    def broken(self) -> str | None:
        """The name of the broken promise, None if all hold."""
        return None if self.found.path is None else self.found.path.broken

    @property
    def steps(self) -> int | None:
        """The number of steps after which the promise breaks, None if it holds."""
        return None if self.found.path is None else len(self.found.path.steps)

    @property
    def verdict(self) -> Verdict:
        """HOLDS if the result is as claimed; the claim may be a violation."""
        if self.found.path is None and self.found.verdict is Verdict.UNKNOWN:
            return Verdict.UNKNOWN
        claimed = (self.rung.broken, self.rung.steps) == (self.broken, self.steps)
        return Verdict.HOLDS if claimed else Verdict.VIOLATED

    def lines(self, width: int) -> list[str]:
        """Return the shortest path to the broken promise in words; nothing if none breaks."""
        return [] if self.found.path is None else self.rung.search.lines(self.found.path, width)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        search = self.rung.search
        return {
            "rung": self.number,
            "added": self.rung.added,
            "servers": search.servers,
            "quorum": search.quorum,
            "judged": self.rung.judged,
            "broken": self.broken,
            "steps": self.steps,
            "claimed": {"broken": self.rung.broken, "steps": self.rung.steps},
            "verdict": self.verdict.value,
            "exhaustive": self.found.exhaustive,
            "cut_off": self.found.cut_off.as_dict(),
            "states": self.found.states,
            "seconds": self.found.seconds,
            "path": [line for line in self.lines(JSON_WIDTH) if line],
        }


def climb(number: int, rung: Rung, explore: Explore) -> Climbed:
    """Search one rung; after a violation search again with named servers, for a path that can be read."""
    name = f"rung {number}: {rung.added}"
    found = explore(rung.search.system(named=rung.broken is not None), name)
    if found.path is not None and rung.broken is None:
        found = explore(rung.search.system(named=True), name)
    return Climbed(number, rung, found)


def verdict_of(climbed: list[Climbed], planned: int) -> Verdict:
    """Return HOLDS if every rung is as claimed, UNKNOWN if one wasn't searched to its end."""
    verdicts = {c.verdict for c in climbed}
    if Verdict.VIOLATED in verdicts:
        return Verdict.VIOLATED
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts or len(climbed) < planned else Verdict.HOLDS


def conclusion_of(climbed: list[Climbed], planned: int) -> str:
    """Return the verdict in one line."""
    for c in climbed:
        if c.verdict is Verdict.VIOLATED:
            return f"rung {c.number} isn't as claimed: {c.found.conclusion}"
        if c.verdict is Verdict.UNKNOWN:
            return f"rung {c.number}: {c.found.conclusion}"
    if len(climbed) < planned:
        return f"unknown: {planned - len(climbed)} of {planned} rungs weren't searched"
    if len(climbed) == 1:
        return f"as claimed: {climbed[0].found.conclusion}"
    broken = sum(c.broken is not None for c in climbed)
    held = CutOff.total(c.found.cut_off for c in climbed if c.broken is None)
    return held.after(f"as claimed: {broken} of {planned} rungs break, {planned - broken} hold within their bounds")
