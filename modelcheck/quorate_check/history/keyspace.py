"""Operations on the whole map, reduced to operations on keys: DBSIZE, KEYS and SCAN.

The first two read the map at one instant. They get the keys that they read as arguments: of all keys that the history
names, those that match.

A scan promises less (Redis manual, SCAN): a key that a call returns existed at some time during the call, and a key
that existed all the time, from the first call of an iteration to the end of its last one, is returned by one of the
calls. So a call becomes lookups of single keys: for each key that it returns, an `exists` that replied 1; and at the
end of an iteration, for each key that none of its calls returned, an `exists` that replied 0 at some time between the
iteration's beginning and its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from quorate_check.history.glob import matches
from quorate_check.history.model import keys_of, scan_options
from quorate_check.history.operations import Error, History, Operation, OperationOutcome, ScanPage, Time

WHOLE = frozenset({"dbsize", "keys", "scan"})
BEGINNING = END = "0"
ONLY_TYPE = "string"


@dataclass(frozen=True, slots=True)
class Lookup:
    """An `exists` of one key at some time from the invocation of one operation to the return of another.

    `first` and `last` are the numbers of these two in the history, `operation` is the `exists` with its reply.
    """

    first: int
    last: int
    operation: Operation


@dataclass(frozen=True, slots=True)
class _Iteration:
    """A client's calls that continue each other: the `first` one's number and time, and the keys returned so far."""

    first: int
    invoked: Time
    returned: frozenset[str]


def all_keys(history: History) -> tuple[str, ...]:
    """Return every key that `history` names."""
    keys = set(history.initial)
    for each in history.operations:
        if each.name not in WHOLE:
            keys.update(keys_of(each.name, each.arguments))
        elif isinstance(each.reply, ScanPage):
            keys.update(each.reply.keys)
        elif each.name == "keys" and isinstance(each.reply, tuple):
            keys.update(key for key in each.reply if key is not None)
    return tuple(sorted(keys))


def at_one_instant(operation: Operation, universe: tuple[str, ...]) -> Operation:
    """Return an operation on the whole map with the keys that it reads as its arguments."""
    if operation.name == "dbsize":
        return replace(operation, arguments=universe)
    if operation.name == "scan":  # one whose reply no map gives, by `Scans.lookups`
        return replace(operation, arguments=())
    keys = tuple(key for key in universe if matches(operation.arguments[0], key))
    reply = operation.reply
    if isinstance(reply, tuple):
        reply = tuple(sorted(reply, key=lambda key: key or ""))
    return replace(operation, arguments=keys, reply=reply)


def lookups_of_keys(number: int, operation: Operation) -> Iterator[Lookup]:
    """Yield a lookup of each key that a `keys` operation reads."""
    if operation.outcome is OperationOutcome.DONE and isinstance(operation.reply, tuple):
        for key in operation.arguments:
            yield Lookup(number, number, _exists(operation, operation.invoked, key, int(key in operation.reply)))


class Scans:
    """Reduces scans to lookups, given one by one in the order of their invocations."""

    def __init__(self, universe: tuple[str, ...]) -> None:
        self._universe = universe
        self._open: dict[tuple[str, ...], _Iteration] = {}

    def lookups(self, number: int, call: Operation) -> Iterator[Lookup] | None:
        """Return the lookups of keys that follow from a call, None if no map can reply so."""
        if call.outcome is not OperationOutcome.DONE or isinstance(call.reply, Error):
            return iter(())  # the reply is unknown, or an error
        pattern = scan_options(call.arguments).get("MATCH", "*")
        if not isinstance(call.reply, ScanPage) or not all(matches(pattern, key) for key in call.reply.keys):
            return None
        return self._lookups(number, call, call.reply, pattern)

    def _lookups(self, number: int, call: Operation, page: ScanPage, pattern: str) -> Iterator[Lookup]:
        for key in dict.fromkeys(page.keys):
            yield Lookup(number, number, _exists(call, call.invoked, key, 1))
        kind = scan_options(call.arguments).get("TYPE", ONLY_TYPE).lower()
        cursor = call.arguments[0]
        start = _Iteration(number, call.invoked, frozenset())
        before = start if cursor == BEGINNING else self._open.get((call.client, pattern, kind, cursor))
        if before is None or kind != ONLY_TYPE:
            return
        after = replace(before, returned=before.returned | set(page.keys))
        if page.cursor != END:
            self._open[call.client, pattern, kind, page.cursor] = after
            return
        for key in self._universe:
            if key not in after.returned and matches(pattern, key):
                yield Lookup(after.first, number, _exists(call, after.invoked, key, 0))


def _exists(operation: Operation, invoked: Time, key: str, reply: int) -> Operation:
    return replace(operation, name="exists", arguments=(key,), invoked=invoked, reply=reply)
