"""The verdict on a history, and the exact place at which a bad one breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from quorate_check.core.verdict import Verdict
from quorate_check.history.breaks import Break, first_break
from quorate_check.history.budget import Budget
from quorate_check.history.operations import History, OperationOutcome
from quorate_check.history.parts import Part, Placed, split
from quorate_check.history.problem import problem
from quorate_check.history.search import ENOUGH, Found, search
from quorate_check.history.unwritten import Unwritten, first_unwritten

FIRST_ROUND = 1 << 13  # configurations for each part
GROWTH = 4  # from round to round
LEFT_UNDECIDED = "left undecided, since another part is violated"


@dataclass(frozen=True, slots=True)
class Judged:
    """One part. `order` is one of all its operations that took effect, if it HOLDS; `stopped` says why it's UNKNOWN.

    `configurations` and `seconds` are those of all its searches.
    """

    part: Part
    verdict: Verdict
    configurations: int
    seconds: float
    order: tuple[Placed, ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """The result: `parts` in the order of their keys, and the first break if there is one."""

    history: History
    parts: tuple[Judged, ...]
    first_break: Break | None
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a part is, UNKNOWN if one wasn't decided or nothing was done at all, else HOLDS."""
        verdicts = {each.verdict for each in self.parts}
        if Verdict.VIOLATED in verdicts:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts or not self.done else Verdict.HOLDS

    @property
    def done(self) -> int:
        """How many operations were done and have a reply: only these can contradict each other."""
        return self.count(OperationOutcome.DONE)

    def count(self, outcome: OperationOutcome) -> int:
        """Return how many operations ended so."""
        return sum(each.outcome is outcome for each in self.history.operations)


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """The progress of a check: `decided` of `parts`, and the search of one of them up to `reach` of `events`.

    Between these, in this part, nothing is explained yet.
    """

    decided: int
    parts: int
    keys: tuple[str, ...]
    reach: int
    events: int
    configurations: int
    seconds: float


Report: TypeAlias = Callable[[HistoryProgress], None]


def check(history: History, budget: Budget | None = None, report: Report | None = None) -> HistoryResult:
    """Judge `history`; parts that `budget` leaves undecided are UNKNOWN. `report` receives the progress."""
    run = _Check(history, budget or Budget(), report)
    run.decide()
    return run.judgement()


@dataclass(slots=True)
class _Open:
    """A part with the results of its searches so far."""

    part: Part
    verdict: Verdict = Verdict.UNKNOWN
    configurations: int = 0
    seconds: float = 0.0
    found: Found | None = None
    unwritten: Unwritten | None = None

    def judged(self, *, violated: bool) -> Judged:
        """Return the present judgement of the part; `violated` says that another part may be."""
        found = self.found or Found()
        order = found.order if self.verdict is Verdict.HOLDS else ()
        stopped = found.stopped if self.verdict is Verdict.UNKNOWN else None
        if violated and stopped == ENOUGH:
            stopped = LEFT_UNDECIDED
        return Judged(self.part, self.verdict, self.configurations, self.seconds, order, stopped)


class _Check:
    """One check: rounds over the parts, so that those that are easy are decided however hard another one is."""

    def __init__(self, history: History, budget: Budget, report: Report | None) -> None:
        self._history, self._budget, self._report = history, budget, report
        self._began = time.perf_counter()
        self._parts = [_Open(part) for part in split(history)]
        placed = (operation for each in self._parts for operation in each.part.operations)
        self._events = 1 + max((max(each.invoked, each.returned or 0) for each in placed), default=0)

    def decide(self) -> None:
        """Look for values from nowhere, then search in rounds that allow each part more and more."""
        for each in self._parts:
            each.unwritten = first_unwritten(each.part)
            each.verdict = Verdict.UNKNOWN if each.unwritten is None else Verdict.VIOLATED
        left = [each for each in self._parts if each.unwritten is None]
        left.sort(key=lambda each: (len(each.part.operations), each.part.keys))
        most = FIRST_ROUND
        while left:
            # The last one has nobody to leave time for.
            bound = most if len(left) > 1 or self._violated else None
            for each in left:
                self._search(each, bound)
            left = [each for each in left if each.found is not None and each.found.stopped == ENOUGH]
            most *= GROWTH
            if self._violated:
                return

    @property
    def _violated(self) -> bool:
        return any(each.verdict is Verdict.VIOLATED for each in self._parts)

    def _search(self, each: _Open, most: int | None) -> None:
        began = time.perf_counter()
        found = each.found = search(problem(each.part), lambda found: self._stop(each, found), most)
        each.configurations += found.configurations
        each.seconds += time.perf_counter() - began
        if found.complete or found.stopped is None:
            each.verdict = Verdict.HOLDS if found.complete else Verdict.VIOLATED

    def _stop(self, each: _Open, found: Found) -> str | None:
        if self._report is not None:
            decided = sum(part.verdict is not Verdict.UNKNOWN for part in self._parts)
            configurations = sum(part.configurations for part in self._parts) + found.configurations
            seconds = time.perf_counter() - self._began
            place = max(found.reach, 0), self._events
            self._report(HistoryProgress(decided, len(self._parts), each.part.keys, *place, configurations, seconds))
        return self._budget(found)

    def judgement(self) -> HistoryResult:
        """Return the judgement of all parts, with the first of their breaks."""
        first = None
        for each in self._parts:
            why = each.unwritten or each.found
            if each.verdict is Verdict.VIOLATED and why is not None:
                first = first_break(first, each.part, why, self._budget)
        parts = tuple(each.judged(violated=self._violated) for each in self._parts)
        return HistoryResult(self._history, parts, first, time.perf_counter() - self._began)
