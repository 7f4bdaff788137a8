"""What each write does to the map; the reply is bytes, for most are OK."""

from typing import assert_never

from quorate.kv import replies
from quorate.kv.keyspace import Held, Keyspace
from quorate.kv.limits import (
    MOST_VALUE_BYTES,
    NO_SUCH_KEY,
    NO_TIME,
    NOT_AN_INTEGER,
    OVERFLOW,
    TOO_LONG_VALUE,
    parse_integer,
)
from quorate.kv.operation_types import MAX_INTEGER, MIN_INTEGER
from quorate.kv.replies import NOTHING, OK, Failure, Reply
from quorate.kv.writes import (
    Append,
    Clear,
    Copy,
    Delete,
    DeleteIfEqual,
    Expire,
    ExpireIf,
    ExpireIfEqual,
    GetDelete,
    GetExpire,
    GetSet,
    Increment,
    MultiSet,
    Only,
    Persist,
    PlainWrite,
    Rename,
    Set,
    SetAllAbsent,
    SetRange,
    When,
)


def write(keys: Keyspace, command: PlainWrite) -> bytes:  # noqa: PLR0911  # one for each kind
    """Do `command` to `keys` and return the encoded reply; one that fails changes nothing."""
    match command:
        case Set():
            return _set(keys, command)
        case GetSet(key, value):
            return _set(keys, Set(key, value, get=True))
        case Delete(names):
            return replies.encode(sum(keys.delete(key) for key in names))
        case Increment(key, by):
            return replies.encode(_increment(keys, key, by))
        case Append(key, suffix):
            before = keys.get(key) or b""
            return replies.encode(_keep_time(keys, key, before + suffix))
        case MultiSet(pairs):
            for key, value in pairs:
                keys.put(key, value)
            return OK
        case Rename() | Copy():
            return _move(keys, command)
        case Expire() | Persist() | GetExpire() | ExpireIfEqual():
            return replies.encode(_expire(keys, command))
        case _:
            return replies.encode(_write_rarer(keys, command))


def _write_rarer(keys: Keyspace, command: SetAllAbsent | GetDelete | SetRange | Clear | DeleteIfEqual) -> Reply:
    match command:
        case SetAllAbsent(pairs):
            if any(key in keys for key, _ in pairs):
                return 0
            for key, value in pairs:
                keys.put(key, value)
            return 1
        case GetDelete(key):
            before = keys.get(key)
            keys.delete(key)
            return before
        case SetRange(key, offset, value):
            return _set_range(keys, key, offset, value)
        case Clear():
            keys.clear()
            return replies.Status("OK")
        case DeleteIfEqual(key, value):
            return int(keys.get(key) == value and keys.delete(key))
        case _:
            assert_never(command)


def _set(keys: Keyspace, command: Set) -> bytes:
    key, condition = command.key, command.condition
    if condition is None and not command.get and command.when is None and not command.keep:
        keys.put(key, command.value)
        return OK
    if command.when is not None and keys.now is None:
        return replies.encode(NO_TIME)
    held = keys.held(key)
    before = None if held is None else held.value
    holds = condition is None or (
        before == condition if isinstance(condition, bytes) else (condition is Only.IF_PRESENT) == (before is not None)
    )
    if holds:
        kept = held.deadline if command.keep and held is not None else None
        keys.put(key, command.value, kept if command.when is None else _deadline(keys, command.when))
    if command.get:
        return replies.encode(before)
    return OK if holds else NOTHING


def _increment(keys: Keyspace, key: bytes, by: int) -> int | Failure:
    value = keys.get(key)
    before = 0 if value is None else parse_integer(value)
    if before is None:
        return NOT_AN_INTEGER
    after = before + by
    if not MIN_INTEGER <= after <= MAX_INTEGER:
        return OVERFLOW
    _keep_time(keys, key, b"%d" % after)
    return after


def _set_range(keys: Keyspace, key: bytes, offset: int, value: bytes) -> int | Failure:
    before = keys.get(key) or b""
    if not value:
        return len(before)
    if offset + len(value) > MOST_VALUE_BYTES:
        return TOO_LONG_VALUE
    after = before[:offset].ljust(offset, b"\0") + value + before[offset + len(value) :]
    return _keep_time(keys, key, after)


def _keep_time(keys: Keyspace, key: bytes, value: bytes) -> int | Failure:
    """Give a key another value and leave it the time at which it expires; return the length."""
    if len(value) > MOST_VALUE_BYTES:
        return TOO_LONG_VALUE
    held = keys.held(key)
    keys.put(key, value, None if held is None else held.deadline)
    return len(value)


def _move(keys: Keyspace, command: Rename | Copy) -> bytes:
    held = keys.held(command.source)
    copies = isinstance(command, Copy)
    if held is None:
        return replies.encode(0 if copies else NO_SUCH_KEY)
    replaces = command.replace if isinstance(command, Copy) else not command.if_absent
    if not replaces and command.dest in keys:
        return replies.encode(0)
    if not copies:
        keys.delete(command.source)
    keys.put(command.dest, held.value, held.deadline)
    return replies.encode(1) if copies or not replaces else OK


# Time.


def _deadline(keys: Keyspace, when: When) -> int:
    assert keys.now is not None
    return when.ms if when.absolute else min(keys.now + when.ms, MAX_INTEGER)


def _expire(keys: Keyspace, command: Expire | Persist | GetExpire | ExpireIfEqual) -> Reply:
    if keys.now is None:
        return NO_TIME
    held = keys.held(command.key)
    if held is None:
        return None if isinstance(command, GetExpire) else 0
    match command:
        case Expire(key, when, conditions):
            deadline = _deadline(keys, when)
            holds = all(_holds(condition, held.deadline, deadline) for condition in conditions)
            if holds:
                keys.put(key, held.value, deadline)
            return int(holds)
        case Persist(key):
            if held.deadline is not None:
                keys.put(key, held.value)
            return int(held.deadline is not None)
        case GetExpire():
            return _get_expire(keys, command, held)
        case ExpireIfEqual():
            return _expire_if_equal(keys, command, held)
        case _:
            assert_never(command)


def _get_expire(keys: Keyspace, command: GetExpire, held: Held) -> bytes | Failure:
    if command.error is not None:
        return Failure(command.error)
    if command.when is not None or (command.persist and held.deadline is not None):
        keys.put(command.key, held.value, None if command.when is None else _deadline(keys, command.when))
    return held.value


def _expire_if_equal(keys: Keyspace, command: ExpireIfEqual, held: Held) -> int:
    if held.value != command.value or (command.add and held.deadline is None):
        return 0
    start = held.deadline if command.add else keys.now
    assert start is not None
    keys.put(command.key, held.value, min(start + command.ms, MAX_INTEGER))
    return 1


def _holds(condition: ExpireIf, before: int | None, after: int) -> bool:
    match condition:
        case ExpireIf.HAS_NONE:
            return before is None
        case ExpireIf.HAS_ONE:
            return before is not None
        case ExpireIf.LATER:
            return before is not None and after > before
        case ExpireIf.EARLIER:
            return before is None or after < before
        case _:
            assert_never(condition)
