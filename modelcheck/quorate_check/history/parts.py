"""A history in the order of its events, cut at any of them, and split into parts that can be judged alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from quorate_check.history.inference import only_looks
from quorate_check.history.keyspace import WHOLE, Lookup, Scans, all_keys, at_one_moment, lookups_of_keys
from quorate_check.history.model import Values, keys_of
from quorate_check.history.operations import History, Operation, OperationOutcome, Time


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
    """The operations on `keys`, in the order in which they were invoked, and the values that the keys had before.

    No other operation touches these keys, but for those that look at one moment at keys of several parts.
    """

    keys: tuple[str, ...]
    operations: tuple[Placed, ...]
    initial: Values

    @property
    def returns(self) -> tuple[int, ...]:
        """The positions of the returns, in order."""
        return tuple(sorted(each.returned for each in self.operations if each.returned is not None))

    def until(self, position: int) -> Part:
        """Return the events up to `position`, that one included: what hadn't returned by then may yet, in any way."""
        operations = tuple(filter(_matters, (_cut(each, position) for each in self.operations)))
        return replace(self, operations=operations)


@dataclass(slots=True)
class Placement:
    """The operations of a history that can matter, each list in the order in which they were invoked.

    `plain` are those on keys that they name, and the lookups that follow from scans; `moments` are those that look at
    the whole map at one moment; `alone` are the lookups of single keys that follow from them.
    """

    plain: list[Placed] = field(default_factory=list)
    moments: list[Placed] = field(default_factory=list)
    alone: list[Placed] = field(default_factory=list)


def place(history: History) -> Placement:
    """Place the operations of `history` by their events.

    Of events at equal times invocations come first, so that the operations overlap: clocks are no finer than that.
    """
    invoked, returned = _positions(history.operations)
    universe = all_keys(history) if any(each.name in WHOLE for each in history.operations) else ()
    scans, result = Scans(universe), Placement()

    def looked_up(lookups: Iterable[Lookup]) -> Iterable[Placed]:
        return (Placed(each.operation, invoked[each.first], returned[each.last]) for each in lookups)

    for number in invoked:
        operation = history.operations[number]
        if operation.name == "scan" and (lookups := scans.lookups(number, operation)) is not None:
            result.plain += looked_up(lookups)
        elif operation.name in WHOLE:
            whole = at_one_moment(operation, universe)
            result.moments.append(Placed(whole, invoked[number], returned.get(number)))
            result.alone += looked_up(lookups_of_keys(number, whole) if whole.name == "keys" else ())
        else:
            result.plain.append(Placed(operation, invoked[number], returned.get(number)))
    result.plain = sorted(filter(_matters, result.plain), key=_invoked)
    result.moments = list(filter(_matters, result.moments))
    return result


def _positions(operations: Sequence[Operation]) -> tuple[dict[int, int], dict[int, int]]:
    """Return the positions of invocations, in order, and of returns by the numbers of the operations."""
    events: list[tuple[Time, int, int]] = []
    for number, each in enumerate(operations):
        events.append((each.invoked, 0, number))
        if each.outcome in {OperationOutcome.DONE, OperationOutcome.APPLIED} and each.returned is not None:
            events.append((each.returned, 1, number))
    invoked, returned = dict[int, int](), dict[int, int]()
    for position, (_, is_return, number) in enumerate(sorted(events)):
        (returned if is_return else invoked)[number] = position
    return invoked, returned


def _invoked(placed: Placed) -> int:
    return placed.invoked


def _matters(placed: Placed) -> bool:
    """Whether an operation has a known reply or may have had an effect: others don't matter."""
    match placed.operation.outcome:
        case OperationOutcome.DONE:
            return True
        case OperationOutcome.NOT_DONE:
            return False
        case OperationOutcome.APPLIED | OperationOutcome.UNKNOWN:
            return not only_looks(placed.operation)


def _cut(placed: Placed, position: int) -> Placed:
    if placed.invoked > position:
        return Placed(replace(placed.operation, outcome=OperationOutcome.NOT_DONE), placed.invoked, None)
    if placed.returned is None or placed.returned <= position:
        return placed
    return Placed(replace(placed.operation, outcome=OperationOutcome.UNKNOWN, reply=None), placed.invoked, None)


def split(history: History) -> tuple[Part, ...]:
    """Return the parts of a history, each as small as the operations on many keys allow.

    A history is linearizable if and only if each part is: parts share no object, and linearizability is local (Herlihy
    and Wing, 1990, theorem 1). Operations that look at one moment at many keys make one large part of theirs. They
    change nothing, so what can be ordered with them can be without them: it is judged key by key as well.
    """
    placed = place(history)
    small = _split([*placed.plain, *placed.alone], history)
    moments = {id(each) for each in placed.moments}
    large = [
        part
        for part in _split([*placed.plain, *placed.moments], history)
        if any(id(each) in moments for each in part.operations)
    ]
    again = {part.keys for part in large}
    return (*(part for part in small if part.keys not in again), *large)


def _split(operations: Iterable[Placed], history: History) -> list[Part]:
    """Return parts that share no key, in the order of their keys; what names no key is a part of its own."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    placed = sorted(operations, key=_invoked)
    for each in placed:
        for key in each.keys:
            parent[root(key)] = root(each.keys[0])
    keys, members = defaultdict[str, list[str]](list), defaultdict[str, list[Placed]](list)
    for key in sorted(parent):
        keys[root(key)].append(key)
    for each in placed:
        if each.keys:
            members[root(each.keys[0])].append(each)
    parts = [
        Part(tuple(keys[name]), tuple(members[name]), tuple(history.initial.get(key) for key in keys[name]))
        for name in sorted(members, key=lambda name: keys[name])
    ]
    return [*(Part((), (each,), ()) for each in placed if not each.keys), *parts]
