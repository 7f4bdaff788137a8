"""The operations whose replies may show the value of a write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from quorate_check.history.inference import never_reads, values_before
from quorate_check.history.lookahead import NEVER
from quorate_check.history.model import agrees, apply, keys_of
from quorate_check.history.operations import Operation, OperationOutcome, Value
from quorate_check.history.parts import Interval


class Readers:
    """The operations of a part that read values, each with its return."""

    def __init__(self, operations: Iterable[Interval]) -> None:
        self._exact = defaultdict[tuple[str, Value], int](int)
        self._others = defaultdict[str, dict[object, tuple[Operation, int]]](dict)
        for each in operations:
            if not never_reads(each.operation):
                self._add(each, NEVER if each.returned is None else each.returned)

    def _add(self, reader: Interval, returned: int) -> None:
        exact = tuple(values_before(reader.operation))
        for pair in exact:
            self._exact[pair] = max(self._exact[pair], returned)
        operation = reader.operation
        alike = (operation.name, operation.arguments, operation.outcome, type(operation.reply), operation.reply)
        for key in set(reader.keys) - {key for key, _ in exact}:
            _, latest = self._others[key].get(alike, (operation, returned))
            self._others[key][alike] = operation, max(latest, returned)

    def can_read(self, written: Interval, key: str, value: Value) -> bool:
        """Whether an operation that may come after `written` has a reply that fits `value` as the value of `key`.

        False is certain, True is not.
        """
        if self._exact.get((key, value), -1) > written.invoked:
            return True
        others = self._others[key].values()
        return any(latest > written.invoked and _fits(reader, value) for reader, latest in others)


def _fits(reader: Operation, value: Value) -> bool:
    if reader.outcome is not OperationOutcome.DONE or len(keys_of(reader.name, reader.arguments)) > 1:
        return True
    reply, _ = apply(reader.name, reader.arguments, (value,))
    return agrees(reader, reply)
