"""Configurations without a completion, because a value is gone that some operation still has to see.

Many replies tell exactly what value a key had just before. When a move takes that value away, whoever needs it and
isn't ordered yet waits for an operation that brings it back. If none is left that was invoked before the first of those
who wait returned, nothing completes this order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from quorate_check.history.inference import growth, leaves, may_leave, needs, only_looks
from quorate_check.history.model import Values
from quorate_check.history.operations import Value
from quorate_check.history.parts import Placed

NEVER = 1 << 62  # a position after all events


@dataclass(frozen=True, slots=True)
class Ordered:
    """The ordered operations of a configuration, in the fields of `search.Configuration`."""

    low: int
    done: int
    free: int
    used: int


class Lookahead:
    """Finds whether a move takes away a value that an operation, other than `overlooking`, still needs.

    Sets of operations are bits at their numbers.
    """

    def __init__(
        self,
        keys: Sequence[str],
        definite: Sequence[Placed],
        possible: Sequence[Placed],
        overlooking: Placed | None = None,
    ) -> None:
        self._keys = [_Key(key, definite, possible, overlooking) for key in keys]

    def in_vain(self, before: Values, after: Values, ordered: Ordered) -> int:
        """Return when an operation returned that needs a lost value, -1 if none; `ordered` includes the move."""
        for key, old, new in zip(self._keys, before, after, strict=True):
            if old != new and (returned := key.in_vain(old, new, ordered)) >= 0:
                return returned
        return -1


class _Key:
    """The operations that need each value of one key, and those that may restore it.

    A key that only grows never comes back to what it was; there, how far it has grown stands for the value.
    """

    def __init__(
        self, key: str, definite: Sequence[Placed], possible: Sequence[Placed], overlooking: Placed | None
    ) -> None:
        self._key, self._definite, self._possible = key, definite, possible
        changing = [_changing(key, definite), _changing(key, possible)]
        self._growth = growth([each.operation for numbered in changing for _, each in numbered])
        self._needing = defaultdict[Value | int, int](int)
        for number, each in enumerate(definite):
            for value in self._needs(each) if each is not overlooking else ():
                self._needing[value] |= 1 << number
        self._levels = sorted(each for each in self._needing if isinstance(each, int))
        self._surely, self._perhaps = (_Bringers(key, numbered) for numbered in changing)

    def _needs(self, placed: Placed) -> list[Value | int]:
        if self._growth is not None and self._key in placed.keys:
            level = self._growth.needed(placed.operation, self._key)
            return [] if level is None else [level]
        return [value for key, value in needs(placed.operation) if key == self._key]

    def in_vain(self, old: Value, new: Value, ordered: Ordered) -> int:
        """Return when an operation returned that waits in vain for the key's former value, -1 if none."""
        if self._growth is None:
            waiting = self._needing.get(old, 0) >> ordered.low & ~ordered.done
            return self._too_late(waiting, self._soonest(old, ordered), ordered.low) if waiting else -1
        grown, further = self._growth.of(old), self._growth.of(new)
        if grown is None or further is None:
            return -1
        for level in self._levels[bisect_left(self._levels, grown) : bisect_left(self._levels, further)]:
            if waiting := self._needing[level] >> ordered.low & ~ordered.done:
                return self._too_late(waiting, NEVER, ordered.low)
        return -1

    def _soonest(self, value: Value, ordered: Ordered) -> int:
        """Return the first invocation of an operation that may yet restore `value`."""
        soonest = NEVER
        if surely := self._surely.of(value) >> ordered.low & (~ordered.done | ordered.free):
            soonest = self._definite[ordered.low + _lowest(surely)].invoked
        if perhaps := self._perhaps.of(value) & ~ordered.used:
            soonest = min(soonest, self._possible[_lowest(perhaps)].invoked)
        return soonest

    def _too_late(self, waiting: int, soonest: int, low: int) -> int:
        """Return when a waiting operation returned, if before `soonest`, -1 if none did."""
        while waiting:
            placed = self._definite[low + _lowest(waiting)]
            waiting &= waiting - 1
            if placed.invoked > soonest:
                break
            if placed.returned is not None and placed.returned < soonest:
                return placed.returned
        return -1


class _Bringers:
    """The operations, among some, that may change a key to a value."""

    def __init__(self, key: str, changing: Sequence[tuple[int, Placed]]) -> None:
        self._key = key
        self._known = defaultdict[Value, int](int)
        self._many: list[tuple[int, Placed]] = []
        self._requested = set[Value]()
        for number, each in changing:
            if (value := leaves(each.operation, key)) is ...:
                self._many.append((number, each))
            else:
                self._known[value] |= 1 << number

    def of(self, value: Value) -> int:
        """Return those that may change the key to `value`."""
        if value not in self._requested:
            self._requested.add(value)
            for number, each in self._many:
                if may_leave(each.operation, self._key, value):
                    self._known[value] |= 1 << number
        return self._known[value]


def _changing(key: str, operations: Sequence[Placed]) -> list[tuple[int, Placed]]:
    """Return, with their numbers, the operations that may change `key`."""
    numbered = enumerate(operations)
    return [(number, each) for number, each in numbered if key in each.keys and not only_looks(each.operation)]


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
