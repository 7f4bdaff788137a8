"""Breaks that need no search: a reply with a value that no operation invoked by then can have written."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate

from quorate_check.history.inference import Growth, growth, leaves, needs, only_looks, step
from quorate_check.history.model import integer
from quorate_check.history.operations import Operation, OperationOutcome, Value
from quorate_check.history.parts import Part, Placed

NEVER = 1 << 62  # a position after all events


@dataclass(frozen=True, slots=True)
class Unwritten:
    """An operation whose reply gives `key` a value that no operation can have written by then.

    `text` is the value; or how long it was, or how large a number, if that alone is known.
    """

    placed: Placed
    key: str
    text: str


def first_unwritten(part: Part) -> Unwritten | None:
    """Return the first operation of `part` to return with a value that no operation can have written."""
    keys = {key: _Key(part, key, initial) for key, initial in zip(part.keys, part.initial, strict=True)}
    answered = [each for each in part.operations if each.operation.outcome is OperationOutcome.DONE]
    for each in sorted(answered, key=_returned):
        for key, value in needs(each.operation):
            if value is not None and not keys[key].can_be(value, _returned(each)):
                return Unwritten(each, key, value)
        for key in each.keys:
            if (far := keys[key].beyond_reach(each)) is not None:
                return Unwritten(each, key, far)
    return None


def _returned(placed: Placed) -> int:
    return NEVER if placed.returned is None else placed.returned


@dataclass(slots=True)
class _Writers:
    """From which position on a key may be changed: to these values, by appending these words, to numbers not known."""

    values: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: NEVER))
    words: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: NEVER))
    numbers: int = NEVER

    def add(self, invoked: int, operation: Operation, key: str) -> None:
        """Take note of an operation that may change `key`."""
        value = leaves(operation, key)
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
        changing = [each for each in part.operations if key in each.keys and not only_looks(each.operation)]
        self._writers = _Writers()
        if initial is not None:
            self._writers.values[initial] = -1
        for each in changing:
            self._writers.add(each.invoked, each.operation, key)
        self._growth = growth([each.operation for each in changing])
        self._invoked = [each.invoked for each in changing]
        self._steps = [0, *accumulate(self._step(each.operation) for each in changing)]
        self._lengths = sorted({len(word) for word in self._writers.words if word})
        self._since = dict[str, int]()

    def can_be(self, value: str, until: int) -> bool:
        """Whether the key can have had `value` before the position `until`."""
        if value not in self._since:
            self._since[value] = min(self._whole(value), self._appended(value))
        return self._since[value] < until

    def _whole(self, value: str) -> int:
        """Return from which position on an operation may have written `value` at once."""
        written = self._writers.values.get(value, NEVER)
        return written if integer(value) is None else min(written, self._writers.numbers)

    def _appended(self, value: str) -> int:
        """Return from which position on words can have been appended to something so that `value` came about."""
        if not self._lengths and "" not in self._writers.words:
            return NEVER
        since = [NEVER] * (len(value) + 1)  # of each beginning of the value
        since[0] = -1
        whole = {len(each) for each in self._writers.values if value.startswith(each)}
        numbers = set(range(1, 21)) if self._writers.numbers < NEVER else set[int]()  # the most digits and a sign
        for end in range(len(value) + 1):
            if end in whole or end in numbers:
                since[end] = min(since[end], self._whole(value[:end]))
            if since[end] == NEVER:
                continue
            for length in self._lengths:
                if end + length > len(value):
                    break
                appended = max(since[end], self._writers.words.get(value[end : end + length], NEVER))
                since[end + length] = min(since[end + length], appended)
        return since[-1] if value else self._writers.words.get("", NEVER)

    def beyond_reach(self, placed: Placed) -> str | None:
        """Return how far `placed` found the key to have grown if that is farther than it can have, None if it isn't."""
        if self._growth is None or (needed := self._growth.needed(placed.operation, self._key)) is None:
            return None
        most = self._growth.of(self._initial)
        if most is None:
            return None
        most += self._steps[bisect_left(self._invoked, _returned(placed))]
        most -= 0 if only_looks(placed.operation) else self._step(placed.operation)
        if needed <= most:
            return None
        return f"{needed} bytes" if self._growth is Growth.LENGTH else str(needed)

    def _step(self, operation: Operation) -> int:
        match self._growth:
            case Growth.LENGTH:
                return len(operation.arguments[1])
            case Growth.NUMBER:
                return step(operation)
            case None:
                return 0
