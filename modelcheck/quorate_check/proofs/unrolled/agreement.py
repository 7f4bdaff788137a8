"""A broken specification is searched twice, by z3 and state by state: both must find the same, and as short a one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from quorate_check.path import Path
from quorate_check.proofs.unrolled.replay import UnreplayableError, replay
from quorate_check.proofs.unrolled.rules import Bug
from quorate_check.proofs.unrolled.search import Found, shortest
from quorate_check.system import System
from quorate_check.verdict import Exploration, Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both found of `bug` within `depth` steps.

    `path` is what z3 found, as the broken Python specification takes it; `refused` says why it doesn't, if it doesn't.
    """

    bug: Bug
    depth: int
    there: Found
    here: Exploration
    path: Path | None = None
    refused: str | None = None

    @property
    def explicit(self) -> int | None:
        """The fewest steps by the search, None if nothing is broken within the depth."""
        return None if self.here.path is None else len(self.here.path.steps)

    @property
    def verdict(self) -> Verdict:
        """HOLDS if both say the same; UNKNOWN if one of them hasn't come far enough to tell."""
        if self.refused is not None:
            return Verdict.VIOLATED
        if self.here.path is None and self.here.stopped is not None:
            return Verdict.UNKNOWN
        if self.there.length is None and self.there.none_to < self.depth:
            wrong = self.explicit is not None and self.explicit <= self.there.none_to
            return Verdict.VIOLATED if wrong else Verdict.UNKNOWN
        return Verdict.HOLDS if self.there.length == self.explicit else Verdict.VIOLATED

    @property
    def conclusion(self) -> str:
        """What came of it in one line."""
        searched = f"shortest {self.explicit} steps"
        if self.explicit is None:
            ended = self.here.cut_off.after(f"none in {self.depth} steps")
            searched = ended if self.here.stopped is None else self.here.stopped
        if self.refused is not None:
            return f"disagree: what z3 found isn't the specification's: {self.refused}"
        if self.verdict is Verdict.UNKNOWN:
            why = self.there.stopped or self.here.stopped
            return f"unknown: z3 has found none in {self.there.none_to} steps ({why}); the search: {searched}"
        if self.there.length is None:
            return f"{self.verb}: z3 finds none in {self.there.none_to} steps; the search: {searched}"
        return f"{self.verb}: z3's shortest takes {self.there.length} steps; the search: {searched}"

    @property
    def verb(self) -> str:
        """Whether they agree, as the beginning of a sentence."""
        return "agree" if self.verdict is Verdict.HOLDS else "disagree"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "bug": self.bug.id,
            "seen_in": self.bug.seen_in,
            "wrong": self.bug.wrong,
            "breaks": self.bug.breaks,
            "bounds": self.bug.bounds.as_dict(),
            "depth": self.depth,
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "z3": {"none_to": self.there.none_to, "shortest": self.there.length, "seconds": self.there.seconds},
            "search": {"states": self.here.states, "shortest": self.explicit, "seconds": self.here.seconds},
        }


def system_of(bug: Bug) -> System:
    """Return the system in which the bug is looked for, judged by the promise that it breaks."""
    system = bug.bounds.system()
    return replace(system, invariants=tuple(i for i in system.invariants if i.name == bug.breaks), witnesses=())


def compare(
    bug: Bug,
    depth: int,
    limit: float,
    *,
    stop: Callable[[], str | None],
    report: Callable[[int], None],
    search: Callable[[System], Exploration],
) -> Agreement:
    """Let z3 look for the shortest violation of up to `depth` steps, and `search`, and compare."""
    there = shortest(bug, depth, limit, stop, report)
    with bug.in_specification():
        system = system_of(bug)
        here = search(system)
        if there.length is None:
            return Agreement(bug, depth, there, here)
        try:
            return Agreement(bug, depth, there, here, replay(system, there))
        except UnreplayableError as error:
            return Agreement(bug, depth, there, here, refused=str(error))
