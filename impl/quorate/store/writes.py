"""Operations that change the map; those about time, bits and decimal numbers are in expiring.py, bits.py, floats.py.

Each class has its number in the encoding (`tag`), which is never used again for another: below 16 and from 21 on. The
numbers between are those of operations that contain others (operations.py).
"""

from enum import IntEnum

from quorate.store.expiring import When
from quorate.store.keyspace import Keyspace
from quorate.store.limits import (
    NO_SUCH_KEY,
    NO_TIME,
    NOT_AN_INTEGER,
    OVERFLOW,
    TOO_LONG_VALUE,
    parse_integer,
)
from quorate.store.operation_types import MAX_INTEGER, MIN_INTEGER, Count, Integer, PlainWrite
from quorate.store.replies import DONE, Failure, Reply


class Only(IntEnum):
    """The condition on which a value is set."""

    IF_ABSENT = 1
    IF_PRESENT = 2


class Set(PlainWrite, frozen=True, tag=1):
    """Set a value; the reply is OK, nothing if the condition doesn't hold, and with `get` the old value.

    A condition that is bytes holds if they are the old value, never for an absent key (IFEQ, as in Redis 8.4 and Valkey
    8.1). The key expires at `when`; with `keep` it keeps its old deadline.
    """

    key: bytes
    value: bytes
    condition: Only | bytes | None = None
    get: bool = False
    when: When | None = None
    keep: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Put the value, by the shortest way if there are no options."""
        if self.condition is None and not self.get and self.when is None and not self.keep:
            keys.put(self.key, self.value)
            return DONE
        if self.when is not None and keys.now is None:
            return NO_TIME
        record = keys.record(self.key)
        before = None if record is None else record.value
        holds = self._holds(before)
        if holds:
            deadline = record.deadline if self.keep and record is not None else None
            if self.when is not None and keys.now is not None:
                deadline = self.when.deadline(keys.now)
            keys.put(self.key, self.value, deadline)
        if self.get:
            return before
        return DONE if holds else None

    def _holds(self, before: bytes | None) -> bool:
        if isinstance(self.condition, bytes):
            return before == self.condition
        return self.condition is None or (self.condition is Only.IF_PRESENT) == (before is not None)


class GetSet(PlainWrite, frozen=True, tag=2):
    """Set a value; the reply is the old value, or nothing."""

    key: bytes
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Put the value."""
        before = keys.get(self.key)
        keys.put(self.key, self.value)
        return before


class Delete(PlainWrite, frozen=True, tag=3):
    """Delete keys; the reply is the number of keys that existed."""

    keys: tuple[bytes, ...]

    def do(self, keys: Keyspace) -> Reply:
        """Delete each."""
        return sum(keys.delete(key) for key in self.keys)


class Increment(PlainWrite, frozen=True, tag=4):
    """Add to the integer in a value, 0 if the key is absent; the reply is the sum."""

    key: bytes
    by: Integer

    def do(self, keys: Keyspace) -> Reply:
        """Add, within 64 bits."""
        value = keys.get(self.key)
        before = 0 if value is None else parse_integer(value)
        if before is None:
            return NOT_AN_INTEGER
        after = before + self.by
        if not MIN_INTEGER <= after <= MAX_INTEGER:
            return OVERFLOW
        keep_time(keys, self.key, b"%d" % after)
        return after


class Append(PlainWrite, frozen=True, tag=5):
    """Append to a value, empty if the key is absent; the reply is the new length in bytes."""

    key: bytes
    suffix: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Append, unless the value becomes too long."""
        return keep_time(keys, self.key, (keys.get(self.key) or b"") + self.suffix)


class MultiSet(PlainWrite, frozen=True, tag=6):
    """Set several values at once; the reply is OK."""

    pairs: tuple[tuple[bytes, bytes], ...]

    def do(self, keys: Keyspace) -> Reply:
        """Put the values."""
        for key, value in self.pairs:
            keys.put(key, value)
        return DONE


class SetAllAbsent(PlainWrite, frozen=True, tag=7):
    """Set several values at once if none of the keys exists; the reply is 1, else 0."""

    pairs: tuple[tuple[bytes, bytes], ...]

    def do(self, keys: Keyspace) -> Reply:
        """Put all values or none."""
        if any(key in keys for key, _ in self.pairs):
            return 0
        for key, value in self.pairs:
            keys.put(key, value)
        return 1


class GetDelete(PlainWrite, frozen=True, tag=8):
    """Delete a key; the reply is its value, or nothing."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Delete the key."""
        before = keys.get(self.key)
        keys.delete(self.key)
        return before


class SetRange(PlainWrite, frozen=True, tag=12):
    """Overwrite a value from `offset` on, and pad a shorter value with zeros; the reply is its new length in bytes."""

    key: bytes
    offset: Count
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Overwrite, unless the value becomes too long; an empty `value` creates no key."""
        before, offset, value = keys.get(self.key) or b"", self.offset, self.value
        if not value:
            return len(before)
        if offset + len(value) > keys.most_value_bytes:
            return TOO_LONG_VALUE
        after = before[:offset].ljust(offset, b"\0") + value + before[offset + len(value) :]
        return keep_time(keys, self.key, after)


class Rename(PlainWrite, frozen=True, tag=13):
    """Move a value and its deadline to another key; the reply is OK, or with `if_absent` 1, or 0 if `dest` exists."""

    source: bytes
    dest: bytes
    if_absent: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Delete `source` and put its value at `dest`."""
        record = keys.record(self.source)
        if record is None:
            return NO_SUCH_KEY
        if self.if_absent and self.dest in keys:
            return 0
        keys.delete(self.source)
        keys.put(self.dest, record.value, record.deadline)
        return 1 if self.if_absent else DONE


class Clear(PlainWrite, frozen=True, tag=14):
    """Delete all keys; the reply is OK."""

    def do(self, keys: Keyspace) -> Reply:
        """Delete all keys."""
        keys.clear()
        return DONE


class Copy(PlainWrite, frozen=True, tag=15):
    """Copy a value and its deadline to another key; the reply is 1, or 0 if `source` is absent or `dest` is not."""

    source: bytes
    dest: bytes
    replace: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Put the value at `dest`, too."""
        record = keys.record(self.source)
        if record is None or (not self.replace and self.dest in keys):
            return 0
        keys.put(self.dest, record.value, record.deadline)
        return 1


def keep_time(keys: Keyspace, key: bytes, value: bytes) -> int | Failure:
    """Give a key a new value and keep its deadline; return the new length, or the error if the value is too long."""
    if len(value) > keys.most_value_bytes:
        return TOO_LONG_VALUE
    record = keys.record(key)
    keys.put(key, value, None if record is None else record.deadline)
    return len(value)
