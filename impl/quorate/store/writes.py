"""What changes the map, but for what is about time (expiring.py) or numbers of other kinds (bits.py, floats.py).

Each class has its number on the wire (`tag`), which is never used again for another: below 16, from 21 on, and between
these what is made of others (operations.py).
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
    """On what condition a value is set."""

    IF_ABSENT = 1
    IF_PRESENT = 2


class Set(PlainWrite, frozen=True, tag=1):
    """Set a value; the reply is OK or, if the condition doesn't hold, nothing, and with `get` the value before.

    A condition that is bytes holds if these are the present value; as of a key that is absent, it doesn't hold then
    (IFEQ, as in Redis 8.4 and Valkey 8.1). The key expires `when` it is said, or with `keep` when it would have before.
    """

    key: bytes
    value: bytes
    condition: Only | bytes | None = None
    get: bool = False
    when: When | None = None
    keep: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Put it in, the quickest way if nothing else is asked."""
        if self.condition is None and not self.get and self.when is None and not self.keep:
            keys.put(self.key, self.value)
            return DONE
        if self.when is not None and keys.now is None:
            return NO_TIME
        held = keys.held(self.key)
        before = None if held is None else held.value
        holds = self._holds(before)
        if holds:
            deadline = held.deadline if self.keep and held is not None else None
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
    """Set a value; the reply is the value before, or nothing."""

    key: bytes
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Put it in."""
        before = keys.get(self.key)
        keys.put(self.key, self.value)
        return before


class Delete(PlainWrite, frozen=True, tag=3):
    """Delete keys; the reply is how many there were."""

    keys: tuple[bytes, ...]

    def do(self, keys: Keyspace) -> Reply:
        """Delete each."""
        return sum(keys.delete(key) for key in self.keys)


class Increment(PlainWrite, frozen=True, tag=4):
    """Add to the integer that a value spells, 0 if it is absent; the reply is the sum."""

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
    """Append to a value, empty if it is absent; the reply is the new length in bytes."""

    key: bytes
    suffix: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Append, as far as a value may be so long."""
        return keep_time(keys, self.key, (keys.get(self.key) or b"") + self.suffix)


class MultiSet(PlainWrite, frozen=True, tag=6):
    """Set several values at once; the reply is OK."""

    pairs: tuple[tuple[bytes, bytes], ...]

    def do(self, keys: Keyspace) -> Reply:
        """Put them in."""
        for key, value in self.pairs:
            keys.put(key, value)
        return DONE


class SetAllAbsent(PlainWrite, frozen=True, tag=7):
    """Set several values at once if none of the keys has one; the reply is 1, else 0."""

    pairs: tuple[tuple[bytes, bytes], ...]

    def do(self, keys: Keyspace) -> Reply:
        """Put them in, or none."""
        if any(key in keys for key, _ in self.pairs):
            return 0
        for key, value in self.pairs:
            keys.put(key, value)
        return 1


class GetDelete(PlainWrite, frozen=True, tag=8):
    """Delete a key; the reply is its value, or nothing."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Delete it."""
        before = keys.get(self.key)
        keys.delete(self.key)
        return before


class SetRange(PlainWrite, frozen=True, tag=12):
    """Overwrite a value from a byte on, after zeros if it is shorter; the reply is its new length in bytes."""

    key: bytes
    offset: Count
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Overwrite, as far as a value may be so long; nothing makes no key."""
        before, offset, value = keys.get(self.key) or b"", self.offset, self.value
        if not value:
            return len(before)
        if offset + len(value) > keys.most_value_bytes:
            return TOO_LONG_VALUE
        after = before[:offset].ljust(offset, b"\0") + value + before[offset + len(value) :]
        return keep_time(keys, self.key, after)


class Rename(PlainWrite, frozen=True, tag=13):
    """Move a value with its time to another key; the reply is OK, or with `if_absent` 1, or 0 if that has a value."""

    source: bytes
    dest: bytes
    if_absent: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Delete it here, and put it in there."""
        held = keys.held(self.source)
        if held is None:
            return NO_SUCH_KEY
        if self.if_absent and self.dest in keys:
            return 0
        keys.delete(self.source)
        keys.put(self.dest, held.value, held.deadline)
        return 1 if self.if_absent else DONE


class Clear(PlainWrite, frozen=True, tag=14):
    """Delete all keys; the reply is OK."""

    def do(self, keys: Keyspace) -> Reply:
        """Delete them."""
        keys.clear()
        return DONE


class Copy(PlainWrite, frozen=True, tag=15):
    """Copy a value with its time to another key; the reply is 1, or 0 without `source`, or if `dest` is in the way."""

    source: bytes
    dest: bytes
    replace: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Put it in there, too."""
        held = keys.held(self.source)
        if held is None or (not self.replace and self.dest in keys):
            return 0
        keys.put(self.dest, held.value, held.deadline)
        return 1


def keep_time(keys: Keyspace, key: bytes, value: bytes) -> int | Failure:
    """Give a key another value and leave it the time at which it expires; return the length, or why it can't be."""
    if len(value) > keys.most_value_bytes:
        return TOO_LONG_VALUE
    held = keys.held(key)
    keys.put(key, value, None if held is None else held.deadline)
    return len(value)
