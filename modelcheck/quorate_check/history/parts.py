"""A history in the order of its events, cut after any of them, and split into parts that can be judged separately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from quorate_check.history.inference import only_reads
from quorate_check.history.keyspace import WHOLE, Lookup, Scans, all_keys, at_one_instant, lookups_of_keys
from quorate_check.history.model import Values, keys_of
from quorate_check.history.operations import History, Operation, OperationOutcome, Time


@dataclass(frozen=True, slots=True)
class Interval:
    """An operation with the positions of its invocation and its return among all events of its history.

    `returned` is None if its outcome is unknown: it may have taken effect at any time after `invoked`, or never.
    """

    operation: Operation
    invoked: int
    returned: int | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the operation reads or writes."""
        return keys_of(self.operation.name, self.operation.arguments)


@dataclass(frozen=True, slots=True)
class Part:
    """The operations on `keys`, in the order of their invocations, and the initial values of these keys.

    Other operations on these keys are only those that read the keys of several parts at one instant.
    """

    keys: tuple[str, ...]
    operations: tuple[Interval, ...]
    initial: Values

    @property
    def returns(self) -> tuple[int, ...]:
        """The positions of the returns, in order."""
        return tuple(sorted(each.returned for each in self.operations if each.returned is not None))

    def until(self, position: int) -> Part:
        """Return the events up to `position`, inclusively; an operation that hadn't returned has an unknown outcome."""
        operations = tuple(filter(_matters, (_cut(each, position) for each in self.operations)))
        return replace(self, operations=operations)


@dataclass(slots=True)
class Placement:
    """The operations of a history that matter, each list in the order of their invocations.

    `plain` are those that name their keys, and the lookups that follow from scans; `instants` are those that read the
    whole map at one instant; `lookups` are the lookups of single keys that follow from these.
    """

    plain: list[Interval] = field(default_factory=list)
    instants: list[Interval] = field(default_factory=list)
    lookups: list[Interval] = field(default_factory=list)


def place(history: History) -> Placement:
    """Return the operations of `history` with the positions of their events.

    At equal times invocations come before returns, so that the operations overlap: the clock can't tell them apart.
    """
    invoked, returned = _positions(history.operations)
    universe = all_keys(history) if any(each.name in WHOLE for each in history.operations) else ()
    scans, result = Scans(universe), Placement()

    def intervals(lookups: Iterable[Lookup]) -> Iterable[Interval]:
        return (Interval(each.operation, invoked[each.first], returned[each.last]) for each in lookups)

    for number in invoked:
        operation = history.operations[number]
        if operation.name == "scan" and (lookups := scans.lookups(number, operation)) is not None:
            result.plain += intervals(lookups)
        elif operation.name in WHOLE:
            whole = at_one_instant(operation, universe)
            result.instants.append(Interval(whole, invoked[number], returned.get(number)))
            result.lookups += intervals(lookups_of_keys(number, whole) if whole.name == "keys" else ())
        else:
            result.plain.append(Interval(operation, invoked[number], returned.get(number)))
    result.plain = sorted(filter(_matters, result.plain), key=_invoked)
    result.instants = list(filter(_matters, result.instants))
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


def _invoked(interval: Interval) -> int:
    return interval.invoked


def _matters(interval: Interval) -> bool:
    """Whether an operation has a reply to explain, or may have had an effect."""
    match interval.operation.outcome:
        case OperationOutcome.DONE:
            return True
        case OperationOutcome.NOT_DONE:
            return False
        case OperationOutcome.APPLIED | OperationOutcome.UNKNOWN:
            return not only_reads(interval.operation)


def _cut(interval: Interval, position: int) -> Interval:
    if interval.invoked > position:
        return Interval(replace(interval.operation, outcome=OperationOutcome.NOT_DONE), interval.invoked, None)
    if interval.returned is None or interval.returned <= position:
        return interval
    return Interval(replace(interval.operation, outcome=OperationOutcome.UNKNOWN, reply=None), interval.invoked, None)


def split(history: History) -> tuple[Part, ...]:
    """Return the parts of a history, each as small as the operations on many keys allow.

    A history is linearizable if and only if each part is: parts share no object, and linearizability is local (Herlihy
    and Wing, 1990, theorem 1). Operations that read many keys at one instant make one large part of these keys. If its
    operations can be ordered with those reads, they can be without; so the keys are judged separately as well.
    """
    placement = place(history)
    small = _split([*placement.plain, *placement.lookups], history)
    instants = {id(each) for each in placement.instants}
    large = [
        part
        for part in _split([*placement.plain, *placement.instants], history)
        if any(id(each) in instants for each in part.operations)
    ]
    keys_of_large = {part.keys for part in large}
    return (*(part for part in small if part.keys not in keys_of_large), *large)


def _split(operations: Iterable[Interval], history: History) -> list[Part]:
    """Return parts that share no key, in the order of their keys; what names no key is a part of its own."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    intervals = sorted(operations, key=_invoked)
    for each in intervals:
        for key in each.keys:
            parent[root(key)] = root(each.keys[0])
    keys, members = defaultdict[str, list[str]](list), defaultdict[str, list[Interval]](list)
    for key in sorted(parent):
        keys[root(key)].append(key)
    for each in intervals:
        if each.keys:
            members[root(each.keys[0])].append(each)
    parts = [
        Part(tuple(keys[name]), tuple(members[name]), tuple(history.initial.get(key) for key in keys[name]))
        for name in sorted(members, key=lambda name: keys[name])
    ]
    return [*(Part((), (each,), ()) for each in intervals if not each.keys), *parts]
