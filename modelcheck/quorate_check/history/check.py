"""The verdict on a history, and for a bad one where exactly it broke."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate_check.history.operations import History, Outcome, Value
from quorate_check.history.parts import Part, Placed, place, split
from quorate_check.history.problem import problem
from quorate_check.history.search import Found, Stop, search
from quorate_check.verdict import Verdict

GIB = 1 << 30


@dataclass(slots=True)
class Budget:
    """Says when to stop: after so many seconds from now, beyond so many bytes, or for a reason from outside."""

    seconds: float | None = None
    bytes: int | None = None
    interrupted: Callable[[], str | None] = lambda: None
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self, occupied: int) -> str | None:
        """Return why to stop, None to go on."""
        if (reason := self.interrupted()) is not None:
            return reason
        if self.seconds is not None and time.perf_counter() - self._began >= self.seconds:
            return f"the limit of {self.seconds:g} s was reached"
        if self.bytes is not None and occupied > self.bytes:
            return f"the limit of {self.bytes / GIB:.2g} GiB was reached"
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """One part. `order` is one of all its operations that took effect, if it HOLDS; `stopped` says why it's UNKNOWN."""

    part: Part
    verdict: Verdict
    configurations: int
    seconds: float
    order: tuple[Placed, ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """Where a history stops being linearizable: when `broken` returned, at event `position` of `events`.

    `part` ends with that event, and can't be ordered. All before the event `fine` can be, which is the same one unless
    a limit was reached. `order` is the longest order of operations in `part` that was found. `possible` are the values
    that the keys of `broken` can have when all that returned before it is ordered, without it: all, or none are named.
    """

    part: Part
    broken: Placed
    position: int
    fine: int
    order: tuple[Placed, ...]
    possible: Mapping[str, tuple[Value, ...]]

    @property
    def exact(self) -> bool:
        """Whether all before it can be ordered."""
        return self.fine == self.position


@dataclass(frozen=True, slots=True)
class Judgement:
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
        """How many operations were done: only these can contradict each other."""
        return self.count(Outcome.DONE)

    def count(self, outcome: Outcome) -> int:
        """Return how many operations ended so."""
        return sum(each.outcome is outcome for each in self.history.operations)


def check(history: History, budget: Budget | None = None) -> Judgement:
    """Judge `history`; what `budget` doesn't allow to find out is UNKNOWN."""
    began = time.perf_counter()
    stop = budget or Budget()
    judged, first = list[Judged](), None
    # The smallest first: one that is too hard shouldn't keep the others from being judged.
    for part in sorted(split(place(history.operations)), key=lambda part: (len(part.operations), part.keys)):
        found, seconds = _timed(part, stop)
        verdict = Verdict.HOLDS if found.complete else Verdict.UNKNOWN if found.stopped else Verdict.VIOLATED
        order = found.order if found.complete else ()
        judged.append(Judged(part, verdict, found.configurations, seconds, order, found.stopped))
        if verdict is Verdict.VIOLATED:
            first = _earlier(first, part, found, stop)
    judged.sort(key=lambda each: each.part.keys)
    return Judgement(history, tuple(judged), first, time.perf_counter() - began)


def _timed(part: Part, stop: Stop) -> tuple[Found, float]:
    began = time.perf_counter()
    found = search(problem(part), stop)
    return found, time.perf_counter() - began


def _earlier(known: Break | None, part: Part, found: Found, stop: Stop) -> Break:
    """Return the first break of `part`, whose search is `found`, or a `known` one that comes before it."""
    if known is not None and search(problem(part.until(known.position)), stop).complete:
        return known
    mine = _first_break(part, found, stop)
    return mine if known is None or mine.position < known.position else known


def _first_break(part: Part, found: Found, stop: Stop) -> Break:
    """Return the first return up to which `part` can't be ordered, given the search that `found` this.

    A history that can be ordered can be up to any event, so what is between a good and a bad one can be halved. First
    of all come guesses: most often, the break is at the operation for which the search last gave up.
    """
    returns = part.returns
    good, bad, exact = _before(returns, found.reach), len(returns) - 1, True
    guess = max(good, _before(returns, found.in_vain)) + 1
    while good + 1 < bad and exact:
        middle = next((each for each in (guess, guess - 1) if good < each < bad), (good + bad) // 2)
        found = search(problem(part.until(returns[middle])), stop)
        exact = found.stopped is None
        if found.complete:
            good = middle
        elif exact:
            good, bad = max(good, _before(returns, found.reach)), middle
    return _explained(part, returns[bad], returns[good + 1], stop)


def _explained(part: Part, position: int, fine: int, stop: Stop) -> Break:
    """Return what can be said of a break that is at `position` if it isn't before, which it isn't before `fine`."""
    prefix = part.until(position)
    broken = next(each for each in prefix.operations if each.returned == position)
    posed = problem(prefix, overlooking=broken)
    found = search(posed, stop)
    possible = dict[str, tuple[Value, ...]]()
    if found.stopped is None and found.reach == position:
        states = [posed.transitions.states[each] for each in sorted(found.states)]
        possible = {key: tuple(dict.fromkeys(posed.values(key, states))) for key in broken.keys}
    return Break(prefix, broken, position, fine, found.order, possible)


def _before(returns: tuple[int, ...], event: int) -> int:
    """Return the number of the last return before `event`, -1 if there is none."""
    return bisect_left(returns, event) - 1
