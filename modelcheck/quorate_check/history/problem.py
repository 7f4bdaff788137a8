"""A part of a history as the search wants it: numbers instead of operations, values and replies."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_check.history.inference import never_looks, only_looks
from quorate_check.history.lookahead import Lookahead
from quorate_check.history.lookers import Lookers
from quorate_check.history.model import Values, agrees, apply, keys_of
from quorate_check.history.operations import Operation
from quorate_check.history.parts import Part, Placed

MISMATCH = -1


class Transitions:
    """What each kind of operation does to each state, worked out once; states and kinds are numbers, state 0 is empty.

    Operations are of one kind if they differ in nothing but their times and clients.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.states: list[Values] = [(None,) * len(keys)]
        self.bytes = 0
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
            self.bytes += sum(len(value) for value in values if value is not None)
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

    `earlier[i]` is a possible operation of the same kind as the possible operation i and invoked before it, or -1.
    """

    definite: Moves
    possible: Moves
    earlier: tuple[int, ...]
    unseen: tuple[Placed, ...]
    seen: tuple[bool, ...]
    transitions: Transitions
    lookahead: Lookahead


def problem(part: Part, overlooking: Placed | None = None) -> Problem:
    """Return the problem of ordering `part`.

    The search gives up on a configuration as soon as it can't be completed; if that were only since one operation can't
    come any more, it won't with this one as `overlooking`. So it finds out how far it gets without that.
    """
    transitions = Transitions(part.keys)
    definite = tuple(each for each in part.operations if each.returned is not None)
    maybe = tuple(each for each in part.operations if each.returned is None)
    lookers = Lookers(part.operations)
    possible, unseen = list[Placed](), list[Placed]()
    for each in maybe:
        (unseen if _nobody_looks(each, lookers) else possible).append(each)
    moves = _moves(tuple(possible), part.keys, transitions)
    latest: dict[int, int] = {}
    earlier = []
    for number, kind in enumerate(moves.kinds):
        earlier.append(latest.get(kind, -1))
        latest[kind] = number
    return Problem(
        _moves(definite, part.keys, transitions),
        moves,
        tuple(earlier),
        tuple(unseen),
        tuple(len(each.keys) > 1 or not _nobody_looks(each, lookers) for each in definite),
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


def _nobody_looks(written: Placed, lookers: Lookers) -> bool:
    """Whether no operation can have seen what a blind write wrote.

    What it wrote stays until an operation on that key changes it. Any operation on that key before then either never
    looks, or was replied to as fits the value.
    """
    if not never_looks(written.operation):
        return False
    name, words = written.operation.name, written.operation.arguments
    _, values = apply(name, words, (None,) * len(written.keys))
    return not any(lookers.can_see(written, *pair) for pair in zip(written.keys, values, strict=True))
