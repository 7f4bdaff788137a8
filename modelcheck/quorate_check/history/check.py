"""The verdict on a history, and the first event at which one that isn't linearizable breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from quorate_check.core.verdict import Verdict
from quorate_check.history.breaks import Break, first_break
from quorate_check.history.budget import Budget
from quorate_check.history.impossible import ImpossibleValue, first_impossible_value
from quorate_check.history.operations import History, OperationOutcome
from quorate_check.history.parts import Interval, Part, split
from quorate_check.history.problem import problem
from quorate_check.history.search import ENOUGH, SearchResult, search

FIRST_ROUND = 1 << 13  # configurations for each part
GROWTH = 4  # from round to round
LEFT_UNDECIDED = "left undecided, since another part is violated"


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result of one part.

    If it HOLDS, `order` is an order of all its operations that took effect; if it is UNKNOWN, `stopped` says why.
    `configurations` and `seconds` are the sums over its searches.
    """

    part: Part
    verdict: Verdict
    configurations: int
    seconds: float
    order: tuple[Interval, ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """The result of a check: its `parts` in the order of their keys, and the first break if there is one."""

    history: History
    parts: tuple[PartResult, ...]
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
        """The number of operations that were done and have a reply: only these can contradict each other."""
        return self.count(OperationOutcome.DONE)

    def count(self, outcome: OperationOutcome) -> int:
        """Return the number of operations with this outcome."""
        return sum(each.outcome is outcome for each in self.history.operations)


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """The progress of a check: `decided` of `parts`, and the search of the part with these `keys`.

    In that part, the events up to `reach` of `events` can be ordered.
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
    """Return the result for `history`; parts that `budget` leaves undecided are UNKNOWN. `report` gets the progress."""
    run = _Check(history, budget or Budget(), report)
    run.decide()
    return run.judgement()


@dataclass(slots=True)
class _PartSearch:
    """A part with the results of its searches so far."""

    part: Part
    verdict: Verdict = Verdict.UNKNOWN
    configurations: int = 0
    seconds: float = 0.0
    result: SearchResult | None = None
    impossible_value: ImpossibleValue | None = None

    def part_result(self, *, violated: bool) -> PartResult:
        """Return the result of the part so far; `violated` says whether any part is violated."""
        result = self.result or SearchResult()
        order = result.order if self.verdict is Verdict.HOLDS else ()
        stopped = result.stopped if self.verdict is Verdict.UNKNOWN else None
        if violated and stopped == ENOUGH:
            stopped = LEFT_UNDECIDED
        return PartResult(self.part, self.verdict, self.configurations, self.seconds, order, stopped)


class _Check:
    """One check: rounds over the parts, so that easy ones are decided however hard another one is."""

    def __init__(self, history: History, budget: Budget, report: Report | None) -> None:
        self._history, self._budget, self._report = history, budget, report
        self._start_s = time.perf_counter()
        self._parts = [_PartSearch(part) for part in split(history)]
        placed = (operation for each in self._parts for operation in each.part.operations)
        self._events = 1 + max((max(each.invoked, each.returned or 0) for each in placed), default=0)

    def decide(self) -> None:
        """Look for impossible values, then search in rounds that allow each part more and more configurations."""
        for each in self._parts:
            each.impossible_value = first_impossible_value(each.part)
            each.verdict = Verdict.UNKNOWN if each.impossible_value is None else Verdict.VIOLATED
        undecided = [each for each in self._parts if each.impossible_value is None]
        undecided.sort(key=lambda each: (len(each.part.operations), each.part.keys))
        most = FIRST_ROUND
        while undecided:
            # The last undecided part has no other to leave time for.
            bound = most if len(undecided) > 1 or self._violated else None
            for each in undecided:
                self._search(each, bound)
            undecided = [each for each in undecided if each.result is not None and each.result.stopped == ENOUGH]
            most *= GROWTH
            if self._violated:
                return

    @property
    def _violated(self) -> bool:
        return any(each.verdict is Verdict.VIOLATED for each in self._parts)

    def _search(self, each: _PartSearch, most: int | None) -> None:
        start_s = time.perf_counter()
        result = each.result = search(problem(each.part), lambda result: self._stop(each, result), most)
        each.configurations += result.configurations
        each.seconds += time.perf_counter() - start_s
        if result.complete or result.stopped is None:
            each.verdict = Verdict.HOLDS if result.complete else Verdict.VIOLATED

    def _stop(self, each: _PartSearch, result: SearchResult) -> str | None:
        if self._report is not None:
            decided = sum(part.verdict is not Verdict.UNKNOWN for part in self._parts)
            configurations = sum(part.configurations for part in self._parts) + result.configurations
            seconds = time.perf_counter() - self._start_s
            place = max(result.reach, 0), self._events
            self._report(HistoryProgress(decided, len(self._parts), each.part.keys, *place, configurations, seconds))
        return self._budget(result)

    def judgement(self) -> HistoryResult:
        """Return the judgement of all parts, with the first of their breaks."""
        first = None
        for each in self._parts:
            cause = each.impossible_value or each.result
            if each.verdict is Verdict.VIOLATED and cause is not None:
                first = first_break(first, each.part, cause, self._budget)
        parts = tuple(each.part_result(violated=self._violated) for each in self._parts)
        return HistoryResult(self._history, parts, first, time.perf_counter() - self._start_s)
