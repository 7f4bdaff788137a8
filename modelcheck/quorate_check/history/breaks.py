"""The first event up to which a history that isn't linearizable can't be ordered."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from quorate_check.history.impossible import ImpossibleValue, first_impossible_value
from quorate_check.history.operations import Value
from quorate_check.history.parts import Interval, Part
from quorate_check.history.problem import problem
from quorate_check.history.search import ENOUGH, SearchResult, Stop, search

FEWEST = 1 << 18  # configurations that the search for a break may enter
PER_CONFIGURATION = 4  # or so many for each that the violation itself took, if that is more


@dataclass(frozen=True, slots=True)
class Break:
    """The event at which a history stops being linearizable: the return of `broken`, at `position`.

    `part` ends with that event, and can't be ordered. All events before `orderable_until` can be; that is `position`
    unless a limit was reached. `order` is the longest order of operations in `part` that was found. `possible` are all
    the values that the keys of `broken` can have once everything that returned before it is ordered; it is empty if
    these aren't known. `impossible_value` is a reply with a value that no operation can have written by then, if there
    is one.
    """

    part: Part
    broken: Interval
    position: int
    orderable_until: int
    order: tuple[Interval, ...]
    possible: Mapping[str, tuple[Value, ...]]
    impossible_value: ImpossibleValue | None = None

    @property
    def exact(self) -> bool:
        """Whether all events before the break can be ordered."""
        return self.orderable_until == self.position


def first_break(earlier: Break | None, part: Part, cause: SearchResult | ImpossibleValue, stop: Stop) -> Break:
    """Return the first break of `part`, which `cause` shows to be violated, or `earlier` if that comes before it."""
    configurations = cause.configurations if isinstance(cause, SearchResult) else 0
    search_for_break = _BreakSearch(part, stop, max(FEWEST, PER_CONFIGURATION * configurations))
    if earlier is not None and search_for_break.search(part.until(earlier.position)).complete:
        return earlier
    own = search_for_break.by_search(cause) if isinstance(cause, SearchResult) else search_for_break.by_value()
    return own if earlier is None or own.position < earlier.position else earlier


class _BreakSearch:
    """Searches for the first break of `part`, entering at most `remaining` configurations in all."""

    def __init__(self, part: Part, stop: Stop, remaining: int) -> None:
        self._part, self._stop, self._remaining = part, stop, remaining
        self._returns = part.returns

    def search(self, part: Part, exempt: Interval | None = None) -> SearchResult:
        """Search `part`; the result is undecided once no configurations remain."""
        if self._remaining <= 0:
            return SearchResult(stopped=ENOUGH)
        result = search(problem(part, exempt), self._stop, self._remaining)
        self._remaining -= result.configurations
        return result

    def by_search(self, result: SearchResult) -> Break:
        """Return the break at the first return up to which the part can't be ordered; `result` is the search of it all.

        Each prefix of a history that can be ordered can be ordered too, so bisection finds the return. The first guess
        is the last dead end of the search, where the break most often is.
        """
        returns = self._returns
        good, bad, exact = self._before(result.reach), len(returns) - 1, True
        guess = max(good, self._before(result.dead_end)) + 1
        while good + 1 < bad and exact:
            middle = next((each for each in (guess, guess - 1) if good < each < bad), (good + bad) // 2)
            result = self.search(self._part.until(returns[middle]))
            exact = result.stopped is None
            if result.complete:
                good = middle
            elif exact:
                good, bad = max(good, self._before(result.reach)), middle
        return self._break_at(returns[bad], returns[good + 1])

    def by_value(self) -> Break:
        """Return the break at a reply with an impossible value, or an earlier break."""
        number = bisect_left(self._returns, True, key=lambda position: self._impossible_value(position) is not None)  # noqa: FBT003
        position, impossible_value = self._returns[number], self._impossible_value(self._returns[number])
        number -= 1  # the return before it
        result = self.search(self._part.until(self._returns[number])) if number >= 0 else SearchResult(complete=True)
        if not result.complete and result.stopped is None:
            self._part = self._part.until(self._returns[number])
            self._returns = self._part.returns
            return self.by_search(result)
        orderable_until = position if result.complete else self._returns[self._before(result.reach) + 1]
        return replace(self._break_at(position, orderable_until), impossible_value=impossible_value)

    def _impossible_value(self, position: int) -> ImpossibleValue | None:
        return first_impossible_value(self._part.until(position))

    def _break_at(self, position: int, orderable_until: int) -> Break:
        """Return the break at `position`, with its explanation; the exact one is not before `orderable_until`."""
        prefix = self._part.until(position)
        broken = next(each for each in prefix.operations if each.returned == position)
        prefix_problem = problem(prefix, exempt=broken)
        result = search(prefix_problem, self._stop, max(self._remaining, 1))
        possible = dict[str, tuple[Value, ...]]()
        if result.stopped is None and result.reach == position:
            states = [prefix_problem.transitions.states[each] for each in sorted(result.states)]
            possible = {key: tuple(dict.fromkeys(prefix_problem.values(key, states))) for key in broken.keys}
        return Break(prefix, broken, position, orderable_until, result.order, possible)

    def _before(self, event: int) -> int:
        """Return the number of the last return before `event`, -1 if there is none."""
        return bisect_left(self._returns, event) - 1
