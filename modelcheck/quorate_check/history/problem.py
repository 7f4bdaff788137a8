"""A part of a history as the search wants it: numbers instead of operations, values and replies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate_check.history.inference import never_looks, only_looks
from quorate_check.history.lookahead import Lookahead
from quorate_check.history.lookers import Lookers
from quorate_check.history.model import Values, agrees, apply, keys_of
from quorate_check.history.operations import Operation, Value
from quorate_check.history.parts import Part, Placed

MISMATCH = -1


class Transitions:
    """What each kind of operation does to each state, worked out once; kinds and states are numbers, 0 the first state.

    Operations are of one kind if they differ in nothing but their times and clients.
    """

    def __init__(self, keys: tuple[str, ...], initial: Values) -> None:
        self.states: list[Values] = [initial]
        self._ids = {self.states[0]: 0}
        self._slots = {key: slot for slot, key in enumerate(keys)}
        self._kinds: dict[tuple[object, ...], int] = {}
        self._samples: list[tuple[Operation, tuple[int, ...]]] = []
        self._known: list[dict[int, int]] = []

    def kind(self, operation: Operation) -> int:
        """Return the kind of `operation`."""
        name, words, reply = operation.name, operation.arguments, operation.reply
        same = (name, words, operation.outcome, type(reply), reply)
        if same not in self._kinds:
            self._kinds[same] = len(self._samples)
            self._samples.append((operation, tuple(self._slots[key] for key in keys_of(name, words))))
            self._known.append({})
        return self._kinds[same]

    def after(self, kind: int, state: int) -> int:
        """Return the state that an operation leaves, MISMATCH if it would have been replied to otherwise."""
        known = self._known[kind]
        if (found := known.get(state)) is None:
            found = known[state] = self._work_out(kind, state)
        return found

    def _work_out(self, kind: int, state: int) -> int:
        operation, slots = self._samples[kind]
        before = self.states[state]
        reply, values = apply(operation.name, operation.arguments, tuple(before[slot] for slot in slots))
        if not agrees(operation, reply):
            return MISMATCH
        after = list(before)
        for slot, value in zip(slots, values, strict=True):
            after[slot] = value
        return self._number(tuple(after))

    def _number(self, values: Values) -> int:
        if (found := self._ids.get(values)) is None:
            found = self._ids[values] = len(self.states)
            self.states.append(values)
        return found


@dataclass(frozen=True, slots=True)
class Moves:
    """Operations in the order in which they were invoked, one list for each of their properties.

    `looks`: can't have changed anything. `blind`: never looks and never mismatches. `keys`: a bit for each.
    """

    placed: tuple[Placed, ...]
    invoked: tuple[int, ...]
    returned: tuple[int, ...]
    kinds: tuple[int, ...]
    looks: tuple[bool, ...]
    blind: tuple[bool, ...]
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A part to be ordered: `definite` must be, `possible` may be. `unseen` can be left out: nobody can have looked.

    An order with a write in it that nobody can have seen is as good without. `seen` tells of each definite operation
    whether somebody can have seen what it left.

    `earlier[i]` is a possible operation of the same kind as the possible operation i and invoked before it, or -1.
    """

    keys: tuple[str, ...]
    definite: Moves
    possible: Moves
    earlier: tuple[int, ...]
    unseen: tuple[Placed, ...]
    seen: tuple[bool, ...]
    transitions: Transitions
    lookahead: Lookahead

    def values(self, key: str, states: Iterable[Values]) -> Iterator[Value]:
        """Yield the values of `key` in some states, and in what they become by operations that were left out."""
        for state in states:
            yield state[self.keys.index(key)]
        for each in self.unseen:
            if key in each.keys:
                yield _written(each)[key]


def problem(part: Part, overlooking: Placed | None = None) -> Problem:
    """Return the problem of ordering `part`.

    With `overlooking`, an operation that can't be ordered, a search finds every state that can be just before that
    returned: it goes on although that can't come any more, and tries what nobody saw where it may still be there.
    """
    transitions = Transitions(part.keys, part.initial)
    definite = tuple(each for each in part.operations if each.returned is not None)
    maybe = tuple(each for each in part.operations if each.returned is None)
    lookers = Lookers(part.operations)
    possible, unseen = list[Placed](), list[Placed]()
    for each in maybe:
        (possible if _may_be_seen(each, lookers) else unseen).append(each)
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
        tuple(unseen),
        _seen(definite, lookers, overlooking),
        transitions,
        Lookahead(part.keys, definite, possible, overlooking),
    )


def _moves(placed: tuple[Placed, ...], keys: tuple[str, ...], transitions: Transitions) -> Moves:
    bit = {key: 1 << slot for slot, key in enumerate(keys)}
    kinds = tuple(transitions.kind(each.operation) for each in placed)
    fits = [transitions.after(kind, 0) != MISMATCH for kind in kinds]
    return Moves(
        placed,
        tuple(each.invoked for each in placed),
        tuple(-1 if each.returned is None else each.returned for each in placed),
        kinds,
        tuple(only_looks(each.operation) for each in placed),
        tuple(never_looks(each.operation) and fit for each, fit in zip(placed, fits, strict=True)),
        tuple(sum(bit[key] for key in each.keys) for each in placed),
    )


def _seen(definite: Sequence[Placed], lookers: Lookers, before: Placed | None) -> tuple[bool, ...]:
    """Return of each operation whether it matters that it comes where its effect can be seen.

    It doesn't for a write to one key that nobody can have seen, unless it may be the last one `before` an operation
    that is given.
    """
    latest = defaultdict[str, int](int)
    for each in definite:
        if each is not before and never_looks(each.operation):
            for key in each.keys:
                latest[key] = max(latest[key], each.invoked)

    def lasts(placed: Placed) -> bool:
        return placed.returned is not None and placed.returned > latest[placed.keys[0]]

    return tuple(
        len(each.keys) > 1 or _may_be_seen(each, lookers) or (before is not None and lasts(each)) for each in definite
    )


def _may_be_seen(placed: Placed, lookers: Lookers) -> bool:
    """Whether some operation can have seen what this one left.

    What a blind write leaves stays until an operation on that key changes it. Any operation on that key before then
    either never looks, or was replied to as fits the value.
    """
    if not never_looks(placed.operation):
        return True
    return any(lookers.can_see(placed, *pair) for pair in _written(placed).items())


def _written(placed: Placed) -> Mapping[str, Value]:
    """Return what a blind write leaves."""
    name, words = placed.operation.name, placed.operation.arguments
    _, values = apply(name, words, (None,) * len(placed.keys))
    return dict(zip(placed.keys, values, strict=True))
