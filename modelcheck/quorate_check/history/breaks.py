"""The place at which a history breaks that is known to be broken."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from quorate_check.history.operations import Value
from quorate_check.history.parts import Part, Placed
from quorate_check.history.problem import problem
from quorate_check.history.search import ENOUGH, Found, Stop, search
from quorate_check.history.unwritten import Unwritten, first_unwritten

FEWEST = 1 << 18  # configurations that looking for one break may take
PER_CONFIGURATION = 4  # or so many for each that it took to know of the break, if that is more


@dataclass(frozen=True, slots=True)
class Break:
    """Where a history stops being linearizable: when `broken` returned, at event `position` of `events`.

    `part` ends with that event, and can't be ordered. All before the event `fine` can be, which is the same one unless
    a limit was reached. `order` is the longest order of operations in `part` that was found. `possible` are the values
    that the keys of `broken` can have when all that returned before it is ordered, without it: all, or none are named.
    `unwritten` is a reply with a value that no operation can have written by then, if there is one.
    """

    part: Part
    broken: Placed
    position: int
    fine: int
    order: tuple[Placed, ...]
    possible: Mapping[str, tuple[Value, ...]]
    unwritten: Unwritten | None = None

    @property
    def exact(self) -> bool:
        """Whether all events before the break can be ordered."""
        return self.fine == self.position


def first_break(known: Break | None, part: Part, why: Found | Unwritten, stop: Stop) -> Break:
    """Return the first break of `part`, which is broken for this reason, or a `known` one if that comes before it."""
    spent = why.configurations if isinstance(why, Found) else 0
    locating = _Locating(part, stop, max(FEWEST, PER_CONFIGURATION * spent))
    if known is not None and locating.search(part.until(known.position)).complete:
        return known
    mine = locating.by_search(why) if isinstance(why, Found) else locating.by_value()
    return mine if known is None or mine.position < known.position else known


class _Locating:
    """Looks for the first break of `part`, for no more than `left` configurations in all."""

    def __init__(self, part: Part, stop: Stop, left: int) -> None:
        self._part, self._stop, self._left = part, stop, left
        self._returns = part.returns

    def search(self, part: Part, overlooking: Placed | None = None) -> Found:
        """Search `part`; the result is undecided once the configurations are used up."""
        if self._left <= 0:
            return Found(stopped=ENOUGH)
        found = search(problem(part, overlooking), self._stop, self._left)
        self._left -= found.configurations
        return found

    def by_search(self, found: Found) -> Break:
        """Return the first return up to which the part can't be ordered, given the search that `found` this.

        A history that can be ordered can be up to any event, so what is between a good and a bad one can be halved.
        First of all come guesses: most often, the break is at the operation for which the search last gave up.
        """
        returns = self._returns
        good, bad, exact = self._before(found.reach), len(returns) - 1, True
        guess = max(good, self._before(found.in_vain)) + 1
        while good + 1 < bad and exact:
            middle = next((each for each in (guess, guess - 1) if good < each < bad), (good + bad) // 2)
            found = self.search(self._part.until(returns[middle]))
            exact = found.stopped is None
            if found.complete:
                good = middle
            elif exact:
                good, bad = max(good, self._before(found.reach)), middle
        return self._explained(returns[bad], returns[good + 1])

    def by_value(self) -> Break:
        """Return the break at a reply with a value that nobody can have written, or an earlier break."""
        number = bisect_left(self._returns, True, key=lambda position: self._unwritten(position) is not None)  # noqa: FBT003
        position, unwritten = self._returns[number], self._unwritten(self._returns[number])
        number -= 1  # the return before it
        found = self.search(self._part.until(self._returns[number])) if number >= 0 else Found(complete=True)
        if not found.complete and found.stopped is None:
            self._part = self._part.until(self._returns[number])
            self._returns = self._part.returns
            return self.by_search(found)
        fine = position if found.complete else self._returns[self._before(found.reach) + 1]
        return replace(self._explained(position, fine), unwritten=unwritten)

    def _unwritten(self, position: int) -> Unwritten | None:
        return first_unwritten(self._part.until(position))

    def _explained(self, position: int, fine: int) -> Break:
        """Return the break at `position`, with its explanation; if it isn't exact, the break lies after `fine`."""
        prefix = self._part.until(position)
        broken = next(each for each in prefix.operations if each.returned == position)
        posed = problem(prefix, overlooking=broken)
        found = search(posed, self._stop, max(self._left, 1))
        possible = dict[str, tuple[Value, ...]]()
        if found.stopped is None and found.reach == position:
            states = [posed.transitions.states[each] for each in sorted(found.states)]
            possible = {key: tuple(dict.fromkeys(posed.values(key, states))) for key in broken.keys}
        return Break(prefix, broken, position, fine, found.order, possible)

    def _before(self, event: int) -> int:
        """Return the number of the last return before `event`, -1 if there is none."""
        return bisect_left(self._returns, event) - 1
