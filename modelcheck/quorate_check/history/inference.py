"""Facts that follow from an operation and its reply alone, and so hold in every order that explains the reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from types import EllipsisType

from quorate_check.history.model import Condition, integer
from quorate_check.history.operations import Error, Operation, OperationOutcome, Value

READS = frozenset({"get", "strlen", "getrange", "substr", "exists", "touch", "type", "mget", "dbsize", "keys", "scan"})


def only_reads(operation: Operation) -> bool:
    """Whether the operation, given its reply, can't have changed anything."""
    if operation.name in READS or isinstance(operation.reply, Error):
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


def never_reads(operation: Operation) -> bool:
    """Whether the operation is a blind write: neither its effect nor its reply depends on the values before it."""
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


def values_before(operation: Operation) -> Iterator[tuple[str, Value]]:
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
    """Return the keys whose absence just before the operation follows from the reply."""
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


def value_after(operation: Operation, key: str) -> Value | EllipsisType:
    """Return the only value to which an operation that changes `key` can change it; `...` if there are several."""
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


def may_write(operation: Operation, key: str, value: Value) -> bool:
    """Whether an operation that changes `key` may change it to `value`; True is no proof that it can."""
    if (one := value_after(operation, key)) is not ...:
        return one == value
    if value is None:
        return False
    if operation.name == "append":
        long = operation.outcome is not OperationOutcome.DONE or len(value) == operation.reply
        return long and value.endswith(operation.arguments[1])
    return integer(value) is not None


class Growth(Enum):
    """How a key grows that only additions change: its level, a number or a length, never decreases."""

    NUMBER = "number"
    LENGTH = "length"

    def of(self, value: Value) -> int | None:
        """Return the level of a key with `value`, None if it can't have this value."""
        if self is Growth.LENGTH:
            return len(value or "")
        return integer("0" if value is None else value)

    def level_before(self, operation: Operation, key: str) -> int | None:
        """Return the level of `key` just before the operation, None if that doesn't follow from the reply."""
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
        return next((self.of(value) for name, value in values_before(operation) if name == key), None)


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
    """Return the amount that the operation adds, 0 if its argument is no number: then it changes nothing."""
    match operation.name:
        case "incr":
            return 1
        case "decr":
            return -1
        case "decrby":
            return -(integer(operation.arguments[1]) or 0)
        case _:
            return integer(operation.arguments[1]) or 0
