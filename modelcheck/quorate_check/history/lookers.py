"""The operations that can have seen the value of a write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from quorate_check.history.inference import needs, never_looks
from quorate_check.history.lookahead import NEVER
from quorate_check.history.model import agrees, apply, keys_of
from quorate_check.history.operations import Operation, OperationOutcome, Value
from quorate_check.history.parts import Placed


class Lookers:
    """The operations of a part that look at values, each with when it returned."""

    def __init__(self, operations: Iterable[Placed]) -> None:
        self._exact = defaultdict[tuple[str, Value], int](int)
        self._others = defaultdict[str, dict[object, tuple[Operation, int]]](dict)
        for each in operations:
            if not never_looks(each.operation):
                self._add(each, NEVER if each.returned is None else each.returned)

    def _add(self, looker: Placed, returned: int) -> None:
        exact = tuple(needs(looker.operation))
        for pair in exact:
            self._exact[pair] = max(self._exact[pair], returned)
        operation = looker.operation
        alike = (operation.name, operation.arguments, operation.outcome, type(operation.reply), operation.reply)
        for key in set(looker.keys) - {key for key, _ in exact}:
            _, latest = self._others[key].get(alike, (operation, returned))
            self._others[key][alike] = operation, max(latest, returned)

    def can_see(self, written: Placed, key: str, value: Value) -> bool:
        """Whether the reply of an operation that may come after `written` fits when `key` has `value`.

        The answer may be True although none fits.
        """
        if self._exact.get((key, value), -1) > written.invoked:
            return True
        others = self._others[key].values()
        return any(latest > written.invoked and _fits(looker, value) for looker, latest in others)


def _fits(looker: Operation, value: Value) -> bool:
    if looker.outcome is not OperationOutcome.DONE or len(keys_of(looker.name, looker.arguments)) > 1:
        return True
    reply, _ = apply(looker.name, looker.arguments, (value,))
    return agrees(looker, reply)
