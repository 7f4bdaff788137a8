"""Dead ends: configurations without a completion, because a value is overwritten that an operation has yet to read.

Many replies determine the value that a key had just before. When a move overwrites that value, unordered operations
that require it wait for another one that restores it. If none is left that was invoked before the first of the waiting
ones returned, no order completes this configuration.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from quorate_check.history.inference import growth, may_write, only_reads, value_after, values_before
from quorate_check.history.model import Values
from quorate_check.history.operations import Value
from quorate_check.history.parts import Interval

NEVER = 1 << 62  # a position after all events


@dataclass(frozen=True, slots=True)
class Ordered:
    """The ordered operations of a configuration, in the fields of `search.Configuration`."""

    low: int
    done: int
    free: int
    used: int


class Lookahead:
    """Finds whether a move overwrites a value that an unordered operation, other than `exempt`, requires.

    A set of operations is an integer with a bit for each, at its number.
    """

    def __init__(
        self,
        keys: Sequence[str],
        definite: Sequence[Interval],
        possible: Sequence[Interval],
        exempt: Interval | None = None,
    ) -> None:
        self._keys = [_Key(key, definite, possible, exempt) for key in keys]

    def dead_end(self, before: Values, after: Values, ordered: Ordered) -> int:
        """Return the return of an operation that waits in vain for an overwritten value, -1 if there is none.

        `before` and `after` are the values around a move, which `ordered` includes.
        """
        for key, old, new in zip(self._keys, before, after, strict=True):
            if old != new and (returned := key.dead_end(old, new, ordered)) >= 0:
                return returned
        return -1


class _Key:
    """The operations that require each value of one key, and those that may write it.

    A key that only grows never returns to an old value; there its level (inference.Growth) stands for the value.
    """

    def __init__(
        self, key: str, definite: Sequence[Interval], possible: Sequence[Interval], exempt: Interval | None
    ) -> None:
        self._key, self._definite, self._possible = key, definite, possible
        changing = [_changing(key, definite), _changing(key, possible)]
        self._growth = growth([each.operation for numbered in changing for _, each in numbered])
        self._readers = defaultdict[Value | int, int](int)
        for number, each in enumerate(definite):
            for value in self._required(each) if each is not exempt else ():
                self._readers[value] |= 1 << number
        self._levels = sorted(each for each in self._readers if isinstance(each, int))
        self._definite_writers, self._possible_writers = (_Writers(key, numbered) for numbered in changing)

    def _required(self, interval: Interval) -> list[Value | int]:
        if self._growth is not None and self._key in interval.keys:
            level = self._growth.level_before(interval.operation, self._key)
            return [] if level is None else [level]
        return [value for key, value in values_before(interval.operation) if key == self._key]

    def dead_end(self, old: Value, new: Value, ordered: Ordered) -> int:
        """Return the return of an operation that waits in vain for the key's old value, -1 if there is none."""
        if self._growth is None:
            waiting = self._readers.get(old, 0) >> ordered.low & ~ordered.done
            return self._first_overdue(waiting, self._earliest_writer(old, ordered), ordered.low) if waiting else -1
        old_level, new_level = self._growth.of(old), self._growth.of(new)
        if old_level is None or new_level is None:
            return -1
        for level in self._levels[bisect_left(self._levels, old_level) : bisect_left(self._levels, new_level)]:
            if waiting := self._readers[level] >> ordered.low & ~ordered.done:
                return self._first_overdue(waiting, NEVER, ordered.low)
        return -1

    def _earliest_writer(self, value: Value, ordered: Ordered) -> int:
        """Return the first invocation of an unordered operation that may restore `value`, NEVER if there is none."""
        earliest = NEVER
        if definite := self._definite_writers.of(value) >> ordered.low & (~ordered.done | ordered.free):
            earliest = self._definite[ordered.low + _lowest(definite)].invoked
        if possible := self._possible_writers.of(value) & ~ordered.used:
            earliest = min(earliest, self._possible[_lowest(possible)].invoked)
        return earliest

    def _first_overdue(self, waiting: int, earliest: int, low: int) -> int:
        """Return the return of a waiting operation that returned before `earliest`, -1 if there is none."""
        while waiting:
            interval = self._definite[low + _lowest(waiting)]
            waiting &= waiting - 1
            if interval.invoked > earliest:
                break
            if interval.returned is not None and interval.returned < earliest:
                return interval.returned
        return -1


class _Writers:
    """The operations among `changing` that may change a key to a value; those are found when it is first asked for."""

    def __init__(self, key: str, changing: Sequence[tuple[int, Interval]]) -> None:
        self._key = key
        self._writers = defaultdict[Value, int](int)
        self._several_values: list[tuple[int, Interval]] = []
        self._values = set[Value]()
        for number, each in changing:
            if (value := value_after(each.operation, key)) is ...:
                self._several_values.append((number, each))
            else:
                self._writers[value] |= 1 << number

    def of(self, value: Value) -> int:
        """Return the operations that may change the key to `value`, as bits."""
        if value not in self._values:
            self._values.add(value)
            for number, each in self._several_values:
                if may_write(each.operation, self._key, value):
                    self._writers[value] |= 1 << number
        return self._writers[value]


def _changing(key: str, operations: Sequence[Interval]) -> list[tuple[int, Interval]]:
    """Return the operations that may change `key`, with their numbers."""
    numbered = enumerate(operations)
    return [(number, each) for number, each in numbered if key in each.keys and not only_reads(each.operation)]


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
