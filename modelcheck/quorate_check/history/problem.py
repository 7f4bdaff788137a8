"""A part of a history prepared for the search: numbers instead of operations, values and replies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate_check.history.inference import never_reads, only_reads
from quorate_check.history.lookahead import Lookahead
from quorate_check.history.model import Values, agrees, apply, keys_of
from quorate_check.history.operations import Operation, Value
from quorate_check.history.parts import Interval, Part
from quorate_check.history.readers import Readers

MISMATCH = -1


class Transitions:
    """The state after each kind of operation in each state, computed once; kinds and states are numbers.

    State 0 is the initial one. Operations are of one kind if they differ only in their times and clients.
    """

    def __init__(self, keys: tuple[str, ...], initial: Values) -> None:
        self.states: list[Values] = [initial]
        self._ids = {self.states[0]: 0}
        self._slots = {key: slot for slot, key in enumerate(keys)}
        self._kinds: dict[tuple[object, ...], int] = {}
        self._examples: list[tuple[Operation, tuple[int, ...]]] = []
        self._outcomes: list[dict[int, int]] = []

    def kind(self, operation: Operation) -> int:
        """Return the kind of `operation`."""
        name, words, reply = operation.name, operation.arguments, operation.reply
        identity = (name, words, operation.outcome, type(reply), reply)
        if identity not in self._kinds:
            self._kinds[identity] = len(self._examples)
            self._examples.append((operation, tuple(self._slots[key] for key in keys_of(name, words))))
            self._outcomes.append({})
        return self._kinds[identity]

    def after(self, kind: int, state: int) -> int:
        """Return the state after an operation of `kind` in `state`, MISMATCH if its reply doesn't fit there."""
        outcomes = self._outcomes[kind]
        if (number := outcomes.get(state)) is None:
            number = outcomes[state] = self._compute(kind, state)
        return number

    def _compute(self, kind: int, state: int) -> int:
        operation, slots = self._examples[kind]
        before = self.states[state]
        reply, values = apply(operation.name, operation.arguments, tuple(before[slot] for slot in slots))
        if not agrees(operation, reply):
            return MISMATCH
        after = list(before)
        for slot, value in zip(slots, values, strict=True):
            after[slot] = value
        return self._number(tuple(after))

    def _number(self, values: Values) -> int:
        if (number := self._ids.get(values)) is None:
            number = self._ids[values] = len(self.states)
            self.states.append(values)
        return number


@dataclass(frozen=True, slots=True)
class Moves:
    """Operations in the order of their invocations, with a tuple for each of their properties.

    `reads`: whether it can't have changed anything. `blind`: whether it reads nothing and fits in every state. `keys`:
    its keys, as bits.
    """

    intervals: tuple[Interval, ...]
    invoked: tuple[int, ...]
    returned: tuple[int, ...]
    kinds: tuple[int, ...]
    reads: tuple[bool, ...]
    blind: tuple[bool, ...]
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A part to be ordered: an order must contain all `definite` operations, and may contain `possible` ones.

    `invisible` are operations that may have happened, but whose effect no reply can show: an order that contains one
    remains an order without it, so the search leaves them out. `visible[i]` says whether a reply may show the effect of
    the definite operation i. `earlier[i]` is the last possible operation that was invoked before the possible operation
    i and is of the same kind, -1 if there is none.
    """

    keys: tuple[str, ...]
    definite: Moves
    possible: Moves
    earlier: tuple[int, ...]
    invisible: tuple[Interval, ...]
    visible: tuple[bool, ...]
    transitions: Transitions
    lookahead: Lookahead

    def values(self, key: str, states: Iterable[Values]) -> Iterator[Value]:
        """Yield the values of `key` in `states`, and those that invisible operations may give it."""
        for state in states:
            yield state[self.keys.index(key)]
        for each in self.invisible:
            if key in each.keys:
                yield _values_written(each)[key]


def problem(part: Part, exempt: Interval | None = None) -> Problem:
    """Return the problem of ordering `part`.

    `exempt` is an operation that can't be ordered. With it a search finds every state that is possible just before it
    returned: the lookahead doesn't give up for its sake, and writes whose effect may last until then are visible.
    """
    transitions = Transitions(part.keys, part.initial)
    definite = tuple(each for each in part.operations if each.returned is not None)
    maybe = tuple(each for each in part.operations if each.returned is None)
    readers = Readers(part.operations)
    possible, invisible = list[Interval](), list[Interval]()
    for each in maybe:
        (possible if _may_be_visible(each, readers) else invisible).append(each)
    moves = _moves(tuple(possible), part.keys, transitions)
    latest: dict[int, int] = {}
    earlier = []
    for number, kind in enumerate(moves.kinds):
        earlier.append(latest.get(kind, -1))
        latest[kind] = number
    return Problem(
        part.keys,
        _moves(definite, part.keys, transitions),
        moves,
        tuple(earlier),
        tuple(invisible),
        _visible(definite, readers, exempt),
        transitions,
        Lookahead(part.keys, definite, possible, exempt),
    )


def _moves(intervals: tuple[Interval, ...], keys: tuple[str, ...], transitions: Transitions) -> Moves:
    bit = {key: 1 << slot for slot, key in enumerate(keys)}
    kinds = tuple(transitions.kind(each.operation) for each in intervals)
    fits = [transitions.after(kind, 0) != MISMATCH for kind in kinds]
    return Moves(
        intervals,
        tuple(each.invoked for each in intervals),
        tuple(-1 if each.returned is None else each.returned for each in intervals),
        kinds,
        tuple(only_reads(each.operation) for each in intervals),
        tuple(never_reads(each.operation) and fit for each, fit in zip(intervals, fits, strict=True)),
        tuple(sum(bit[key] for key in each.keys) for each in intervals),
    )


def _visible(definite: Sequence[Interval], readers: Readers, before: Interval | None) -> tuple[bool, ...]:
    """Return for each operation whether a reply may show its effect; a write to several keys counts as visible.

    So does one that may be the last blind write to its key before the operation `before`, if that is given.
    """
    latest = defaultdict[str, int](int)
    for each in definite:
        if each is not before and never_reads(each.operation):
            for key in each.keys:
                latest[key] = max(latest[key], each.invoked)

    def lasts(interval: Interval) -> bool:
        return interval.returned is not None and interval.returned > latest[interval.keys[0]]

    return tuple(
        len(each.keys) > 1 or _may_be_visible(each, readers) or (before is not None and lasts(each))
        for each in definite
    )


def _may_be_visible(interval: Interval, readers: Readers) -> bool:
    """Whether a reply may show the effect of this operation.

    The value that a blind write leaves lasts until another operation changes the key. An operation on that key before
    then reads nothing, or its reply fits that value.
    """
    if not never_reads(interval.operation):
        return True
    return any(readers.can_read(interval, *pair) for pair in _values_written(interval).items())


def _values_written(interval: Interval) -> Mapping[str, Value]:
    """Return the values that a blind write leaves, by key."""
    name, words = interval.operation.name, interval.operation.arguments
    _, values = apply(name, words, (None,) * len(interval.keys))
    return dict(zip(interval.keys, values, strict=True))
