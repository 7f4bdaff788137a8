"""Facts that follow from an operation and its reply alone: each holds in every order that fits the reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from types import EllipsisType

from quorate_check.history.model import Condition, integer
from quorate_check.history.operations import Error, Operation, OperationOutcome, Value

LOOKING = frozenset(
    {"get", "strlen", "getrange", "substr", "exists", "touch", "type", "mget", "dbsize", "keys", "scan"}
)


def only_looks(operation: Operation) -> bool:
    """Whether the operation, replied to as it was, can have changed nothing."""
    if operation.name in LOOKING or isinstance(operation.reply, Error):
        return True
    if operation.outcome is not OperationOutcome.DONE:
        return False
    match operation.name:
        case "set":
            return not _condition(operation).get and operation.reply is None
        case "del" | "unlink" | "setnx" | "msetnx":
            return operation.reply == 0
        case "getdel":
            return operation.reply is None
        case _:
            return False


def never_looks(operation: Operation) -> bool:
    """Whether neither the effect nor the fit of the reply depends on the values before it."""
    match operation.name:
        case "mset":
            return True
        case "set":
            condition = _condition(operation)
            return condition.always and (operation.outcome is not OperationOutcome.DONE or not condition.get)
        case "getset" | "getdel" | "del" | "unlink":
            return operation.outcome is not OperationOutcome.DONE
        case _:
            return False


def needs(operation: Operation) -> Iterator[tuple[str, Value]]:
    """Yield each key whose value just before the operation follows from the reply, with that value."""
    if operation.outcome is not OperationOutcome.DONE:
        return
    words, reply = operation.arguments, operation.reply
    match operation.name, reply:
        case (("get" | "getset" | "getdel"), (None | str())):
            yield words[0], reply
        case "set", (None | str()):
            condition = _condition(operation)
            if condition.get:
                yield words[0], reply
            elif reply is not None and (condition.nx or condition.ifeq is not None):
                yield words[0], condition.ifeq
        case "mget", tuple():
            yield from zip(words, reply, strict=False)
        case (("incr" | "decr" | "incrby" | "decrby"), int()) if (before := reply - step(operation)) != 0:
            yield words[0], str(before)  # before 0 there may be no value at all
        case _:
            yield from ((key, None) for key in _absent(operation))


def _absent(operation: Operation) -> Sequence[str]:
    """Return the keys that were absent just before the operation, as far as that follows from the reply."""
    words, reply = operation.arguments, operation.reply
    match operation.name, reply:
        case "keys", tuple():
            return [key for key in words if key not in reply]
        case (("del" | "unlink" | "exists" | "touch" | "dbsize"), 0) | ("type", "none"):
            return words
        case (("setnx" | "msetnx"), 1):
            return words[::2]
        case _:
            return ()


def leaves(operation: Operation, key: str) -> Value | EllipsisType:
    """Return the one value to which an operation that changes `key` may change it; `...` if there are several."""
    words, reply = operation.arguments, operation.reply
    match operation.name:
        case "set" | "getset":
            return words[1]
        case "mset" | "setnx" | "msetnx":
            return dict(zip(words[::2], words[1::2], strict=True))[key]
        case "del" | "unlink" | "getdel":
            return None
        case "incr" | "decr" | "incrby" | "decrby" if operation.outcome is OperationOutcome.DONE:
            return str(reply)
        case _:
            return ...


def may_leave(operation: Operation, key: str, value: Value) -> bool:
    """Whether an operation that changes `key` may change it to `value`; it may say so although it can't."""
    if (one := leaves(operation, key)) is not ...:
        return one == value
    if value is None:
        return False
    if operation.name == "append":
        long = operation.outcome is not OperationOutcome.DONE or len(value) == operation.reply
        return long and value.endswith(operation.arguments[1])
    return integer(value) is not None


class Growth(Enum):
    """The growth of a key that only adding operations change: in its number, or in its length."""

    NUMBER = "number"
    LENGTH = "length"

    def of(self, value: Value) -> int | None:
        """Return how far a key with `value` has grown, None if it never has this value."""
        if self is Growth.LENGTH:
            return len(value or "")
        return integer("0" if value is None else value)

    def needed(self, operation: Operation, key: str) -> int | None:
        """Return how far `key` has grown just before the operation, None if its reply doesn't tell."""
        reply = operation.reply
        if operation.outcome is OperationOutcome.DONE and isinstance(reply, int):
            match operation.name:
                case "incr" | "incrby" | "decr" | "decrby":
                    return reply - step(operation)
                case "append":
                    return reply - len(operation.arguments[1])
                case "strlen" if self is Growth.LENGTH:
                    return reply
                case _:
                    pass
        return next((self.of(value) for needed, value in needs(operation) if needed == key), None)


def growth(operations: Sequence[Operation]) -> Growth | None:
    """Return how a key grows that only these operations may change, None if it may shrink."""
    if all(each.name == "append" for each in operations):
        return Growth.LENGTH
    if all(each.name in {"incr", "incrby", "decr", "decrby"} and step(each) >= 0 for each in operations):
        return Growth.NUMBER
    return None


def _condition(operation: Operation) -> Condition:
    return Condition.of(operation.arguments[2:])


def step(operation: Operation) -> int:
    """Return the amount that the operation adds; one whose amount is no number changes nothing."""
    match operation.name:
        case "incr":
            return 1
        case "decr":
            return -1
        case "decrby":
            return -(integer(operation.arguments[1]) or 0)
        case _:
            return integer(operation.arguments[1]) or 0
