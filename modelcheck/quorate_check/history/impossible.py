"""Breaks that are found without a search: a reply with a value that no operation invoked by then can have written."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate

from quorate_check.history.inference import Growth, growth, only_reads, step, value_after, values_before
from quorate_check.history.model import integer
from quorate_check.history.operations import Operation, OperationOutcome, Value
from quorate_check.history.parts import Interval, Part

NEVER = 1 << 62  # a position after all events


@dataclass(frozen=True, slots=True)
class ImpossibleValue:
    """An operation whose reply implies a value of `key` that no operation can have written by then.

    `text` is the value or, where the reply implies only that, its length or its number.
    """

    interval: Interval
    key: str
    text: str


def first_impossible_value(part: Part) -> ImpossibleValue | None:
    """Return the first return in `part` that implies a value that no operation can have written, None if none does."""
    keys = {key: _Key(part, key, initial) for key, initial in zip(part.keys, part.initial, strict=True)}
    replies = [each for each in part.operations if each.operation.outcome is OperationOutcome.DONE]
    for each in sorted(replies, key=_returned):
        for key, value in values_before(each.operation):
            if value is not None and not keys[key].may_have(value, _returned(each)):
                return ImpossibleValue(each, key, value)
        for key in each.keys:
            if (excess := keys[key].excess(each)) is not None:
                return ImpossibleValue(each, key, excess)
    return None


def _returned(interval: Interval) -> int:
    return NEVER if interval.returned is None else interval.returned


@dataclass(slots=True)
class _Writers:
    """The position from which a key may be changed: to each value, by appending each word, to an unknown number."""

    values: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: NEVER))
    words: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: NEVER))
    numbers: int = NEVER

    def add(self, invoked: int, operation: Operation, key: str) -> None:
        """Add an operation that may change `key`."""
        value = value_after(operation, key)
        if isinstance(value, str):
            self.values[value] = min(self.values[value], invoked)
        elif operation.name == "append":
            word = operation.arguments[1]
            self.words[word] = min(self.words[word], invoked)
        elif value is ...:
            self.numbers = min(self.numbers, invoked)


class _Key:
    """The possible values of one key over time."""

    def __init__(self, part: Part, key: str, initial: Value) -> None:
        self._key, self._initial = key, initial
        changing = [each for each in part.operations if key in each.keys and not only_reads(each.operation)]
        self._writers = _Writers()
        if initial is not None:
            self._writers.values[initial] = -1
        for each in changing:
            self._writers.add(each.invoked, each.operation, key)
        self._growth = growth([each.operation for each in changing])
        self._invoked = [each.invoked for each in changing]
        self._steps = [0, *accumulate(self._step(each.operation) for each in changing)]
        self._lengths = sorted({len(word) for word in self._writers.words if word})
        self._earliest = dict[str, int]()

    def may_have(self, value: str, until: int) -> bool:
        """Whether the key can have had `value` before the position `until`."""
        if value not in self._earliest:
            self._earliest[value] = min(self._earliest_write(value), self._earliest_append(value))
        return self._earliest[value] < until

    def _earliest_write(self, value: str) -> int:
        """Return the earliest position at which one operation may have written all of `value`."""
        earliest = self._writers.values.get(value, NEVER)
        return earliest if integer(value) is None else min(earliest, self._writers.numbers)

    def _earliest_append(self, value: str) -> int:
        """Return the earliest position at which appended words may have made `value`."""
        if not self._lengths and "" not in self._writers.words:
            return NEVER
        earliest = [NEVER] * (len(value) + 1)  # by the length of a prefix of the value
        earliest[0] = -1
        whole = {len(each) for each in self._writers.values if value.startswith(each)}
        numbers = set(range(1, 21)) if self._writers.numbers < NEVER else set[int]()  # 19 digits and a sign
        for end in range(len(value) + 1):
            if end in whole or end in numbers:
                earliest[end] = min(earliest[end], self._earliest_write(value[:end]))
            if earliest[end] == NEVER:
                continue
            for length in self._lengths:
                if end + length > len(value):
                    break
                appended = max(earliest[end], self._writers.words.get(value[end : end + length], NEVER))
                earliest[end + length] = min(earliest[end + length], appended)
        return earliest[-1] if value else self._writers.words.get("", NEVER)

    def excess(self, interval: Interval) -> str | None:
        """Return the level that the reply of `interval` implies, None if the key can have grown to it by then."""
        if self._growth is None or (level := self._growth.level_before(interval.operation, self._key)) is None:
            return None
        most = self._growth.of(self._initial)
        if most is None:
            return None
        most += self._steps[bisect_left(self._invoked, _returned(interval))]
        most -= 0 if only_reads(interval.operation) else self._step(interval.operation)
        if level <= most:
            return None
        return f"{level} bytes" if self._growth is Growth.LENGTH else str(level)

    def _step(self, operation: Operation) -> int:
        match self._growth:
            case Growth.LENGTH:
                return len(operation.arguments[1])
            case Growth.NUMBER:
                return step(operation)
            case None:
                return 0
