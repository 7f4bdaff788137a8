"""A history in the order of its events, cut at any of them, and split into parts that can be judged alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from quorate_check.history.inference import only_looks
from quorate_check.history.model import keys_of
from quorate_check.history.operations import Operation, Outcome, Time


@dataclass(frozen=True, slots=True)
class Placed:
    """An operation with the positions of its two events among all events of its history.

    `returned` is None if it need not have taken effect at any time: its outcome is unknown.
    """

    operation: Operation
    invoked: int
    returned: int | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that it touches."""
        return keys_of(self.operation.name, self.operation.arguments)


@dataclass(frozen=True, slots=True)
class Part:
    """The operations on `keys`, in the order in which they were invoked; no other operation touches these keys."""

    keys: tuple[str, ...]
    operations: tuple[Placed, ...]

    @property
    def returns(self) -> tuple[int, ...]:
        """The positions of the returns, in order."""
        return tuple(sorted(each.returned for each in self.operations if each.returned is not None))

    def until(self, position: int) -> Part:
        """Return the events up to `position`, that one included: what hadn't returned by then may yet, in any way."""
        return Part(self.keys, tuple(filter(_matters, (_cut(each, position) for each in self.operations))))


def place(operations: Sequence[Operation]) -> tuple[Placed, ...]:
    """Return the operations that can matter, in the order in which they were invoked.

    Of events at equal times invocations come first, so that the operations overlap: clocks are no finer than that.
    """
    events: list[tuple[Time, int, int]] = []
    for number, each in enumerate(operations):
        events.append((each.invoked, 0, number))
        if each.outcome is Outcome.DONE and each.returned is not None:
            events.append((each.returned, 1, number))
    invoked, returned = dict[int, int](), dict[int, int]()
    for position, (_, is_return, number) in enumerate(sorted(events)):
        (returned if is_return else invoked)[number] = position
    placed = (Placed(operations[number], at, returned.get(number)) for number, at in invoked.items())
    return tuple(filter(_matters, placed))


def _matters(placed: Placed) -> bool:
    """Whether it was done, or may have been with an effect."""
    match placed.operation.outcome:
        case Outcome.DONE:
            return True
        case Outcome.NOT_DONE:
            return False
        case Outcome.UNKNOWN:
            return not only_looks(placed.operation)


def _cut(placed: Placed, position: int) -> Placed:
    if placed.invoked > position:
        return Placed(replace(placed.operation, outcome=Outcome.NOT_DONE), placed.invoked, None)
    if placed.returned is None or placed.returned <= position:
        return placed
    return Placed(replace(placed.operation, outcome=Outcome.UNKNOWN, reply=None), placed.invoked, None)


def split(placed: Iterable[Placed]) -> tuple[Part, ...]:
    """Return the parts of a history, each as small as the operations on many keys allow.

    A history is linearizable if and only if each part is: parts share no object, and linearizability is local (Herlihy
    and Wing, 1990, theorem 1).
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    operations = tuple(placed)
    for each in operations:
        first, *others = each.keys
        root(first)
        for key in others:
            parent[root(key)] = root(first)
    keys, members = defaultdict[str, list[str]](list), defaultdict[str, list[Placed]](list)
    for key in sorted(parent):
        keys[root(key)].append(key)
    for each in operations:
        members[root(each.keys[0])].append(each)
    return tuple(Part(tuple(keys[name]), tuple(members[name])) for name in sorted(members, key=lambda k: keys[k]))
