"""Writes that set, remove or compare the times at which keys expire."""

from enum import IntEnum
from typing import assert_never

from msgspec import Struct

from quorate.store.keyspace import Keyspace
from quorate.store.limits import NO_TIME
from quorate.store.operation_types import MAX_INTEGER, Integer, PlainWrite
from quorate.store.replies import Failure, Reply


class When(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A time in milliseconds: since 1970 if it is `absolute`, else from the command on."""

    ms: Integer
    absolute: bool = False

    def deadline(self, now: int) -> int:
        """Return the time in milliseconds since 1970 for a command that is applied at `now`."""
        return self.ms if self.absolute else min(now + self.ms, MAX_INTEGER)


class ExpireIf(IntEnum):
    """The condition on which a key gets a new deadline; a key without a deadline counts as infinitely late."""

    HAS_NONE = 1
    HAS_ONE = 2
    LATER = 3
    EARLIER = 4

    def holds(self, before: int | None, after: int) -> bool:
        """Whether a key with the deadline `before`, None if it has none, may get the deadline `after`."""
        match self:
            case ExpireIf.HAS_NONE:
                return before is None
            case ExpireIf.HAS_ONE:
                return before is not None
            case ExpireIf.LATER:
                return before is not None and after > before
            case ExpireIf.EARLIER:
                return before is None or after < before
            case _:
                assert_never(self)


class Expire(PlainWrite, frozen=True, tag=9):
    """Set the deadline of a key; the reply is 1, or 0 if the key is absent or a condition doesn't hold."""

    key: bytes
    when: When
    conditions: tuple[ExpireIf, ...] = ()

    def do(self, keys: Keyspace) -> Reply:
        """Put the value again, with its new deadline."""
        if keys.now is None:
            return NO_TIME
        record, deadline = keys.record(self.key), self.when.deadline(keys.now)
        if record is None or not all(each.holds(record.deadline, deadline) for each in self.conditions):
            return 0
        keys.put(self.key, record.value, deadline)
        return 1


class Persist(PlainWrite, frozen=True, tag=10):
    """Remove the deadline of a key; the reply is 1, or 0 if the key is absent or has none."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Put the value again, without a deadline."""
        if keys.now is None:
            return NO_TIME
        record = keys.record(self.key)
        if record is None or record.deadline is None:
            return 0
        keys.put(self.key, record.value)
        return 1


class GetExpire(PlainWrite, frozen=True, tag=11):
    """Set the deadline of a key to `when`, or remove it with `persist`; the reply is the value, nothing if absent.

    `error` is set if the time in the request is invalid; it is then the reply if the key exists, and nothing is
    changed.
    """

    key: bytes
    when: When | None = None
    persist: bool = False
    error: str | None = None

    def do(self, keys: Keyspace) -> Reply:
        """Put the value again, if its deadline changes."""
        if keys.now is None:
            return NO_TIME
        record = keys.record(self.key)
        if record is None:
            return None
        if self.error is not None:
            return Failure(self.error)
        if self.when is not None or (self.persist and record.deadline is not None):
            keys.put(self.key, record.value, None if self.when is None else self.when.deadline(keys.now))
        return record.value


class DeleteIfEqual(PlainWrite, frozen=True, tag=21):
    """Delete a key if it has this value; the reply is 1, else 0."""

    key: bytes
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Compare the values, and delete the key if they are equal."""
        return int(keys.get(self.key) == self.value and keys.delete(self.key))


class ExpireIfEqual(PlainWrite, frozen=True, tag=22):
    """Let a key that has this value expire after `ms`, or with `add` `ms` after its deadline; the reply is 1, else 0.

    With `add`, a key without a deadline is left alone.
    """

    key: bytes
    value: bytes
    ms: Integer
    add: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Compare the values, and put the value again with its new deadline if they are equal."""
        if keys.now is None:
            return NO_TIME
        record = keys.record(self.key)
        if record is None or record.value != self.value:
            return 0
        start = record.deadline if self.add else keys.now
        if start is None:
            return 0
        keys.put(self.key, record.value, min(start + self.ms, MAX_INTEGER))
        return 1
