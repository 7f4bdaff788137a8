"""What writes do about the times at which keys expire."""

from enum import IntEnum
from typing import assert_never

from msgspec import Struct

from quorate.store.keyspace import Keyspace
from quorate.store.limits import NO_TIME
from quorate.store.operation_types import MAX_INTEGER, Integer, PlainWrite
from quorate.store.replies import Failure, Reply


class When(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A time in milliseconds: since 1970 if it is `absolute`, else after the command."""

    ms: Integer
    absolute: bool = False

    def deadline(self, now: int) -> int:
        """Return the time in milliseconds since 1970, where it is `now`."""
        return self.ms if self.absolute else min(now + self.ms, MAX_INTEGER)


class ExpireIf(IntEnum):
    """On what condition a key gets another time to expire at; one that never does counts as infinitely late."""

    HAS_NONE = 1
    HAS_ONE = 2
    LATER = 3
    EARLIER = 4

    def holds(self, before: int | None, after: int) -> bool:
        """Whether a key that would have expired at `before`, or never, may do so at `after`."""
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
    """Have a key expire; the reply is 1, or 0 if it is absent or a condition doesn't hold."""

    key: bytes
    when: When
    conditions: tuple[ExpireIf, ...] = ()

    def do(self, keys: Keyspace) -> Reply:
        """Put the value in again, with its time."""
        if keys.now is None:
            return NO_TIME
        held, deadline = keys.held(self.key), self.when.deadline(keys.now)
        if held is None or not all(each.holds(held.deadline, deadline) for each in self.conditions):
            return 0
        keys.put(self.key, held.value, deadline)
        return 1


class Persist(PlainWrite, frozen=True, tag=10):
    """Let a key not expire; the reply is 1, or 0 if it wouldn't have."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Put the value in again, without a time."""
        if keys.now is None:
            return NO_TIME
        held = keys.held(self.key)
        if held is None or held.deadline is None:
            return 0
        keys.put(self.key, held.value)
        return 1


class GetExpire(PlainWrite, frozen=True, tag=11):
    """Have a key expire `when` it is said, or with `persist` never; the reply is its value, or nothing.

    An `error` is the reply instead if the key is there, for a time that can't be; then nothing is done.
    """

    key: bytes
    when: When | None = None
    persist: bool = False
    error: str | None = None

    def do(self, keys: Keyspace) -> Reply:
        """Put the value in again, if anything changes."""
        if keys.now is None:
            return NO_TIME
        held = keys.held(self.key)
        if held is None:
            return None
        if self.error is not None:
            return Failure(self.error)
        if self.when is not None or (self.persist and held.deadline is not None):
            keys.put(self.key, held.value, None if self.when is None else self.when.deadline(keys.now))
        return held.value


class DeleteIfEqual(PlainWrite, frozen=True, tag=21):
    """Delete a key that has this value; the reply is 1, else 0."""

    key: bytes
    value: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Compare, and delete."""
        return int(keys.get(self.key) == self.value and keys.delete(self.key))


class ExpireIfEqual(PlainWrite, frozen=True, tag=22):
    """Have a key that has this value expire so much later, if `add` later than it would have; the reply is 1, else 0.

    With `add`, a key that doesn't expire is left alone.
    """

    key: bytes
    value: bytes
    ms: Integer
    add: bool = False

    def do(self, keys: Keyspace) -> Reply:
        """Compare, and put the value in again."""
        if keys.now is None:
            return NO_TIME
        held = keys.held(self.key)
        if held is None or held.value != self.value:
            return 0
        start = held.deadline if self.add else keys.now
        if start is None:
            return 0
        keys.put(self.key, held.value, min(start + self.ms, MAX_INTEGER))
        return 1
