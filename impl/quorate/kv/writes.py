"""What changes the map, one command each; their numbers on the wire are below 16, and 21 and 22."""

from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from quorate.kv.operation_types import Count, Integer, Operation


class Only(IntEnum):
    """On what condition a value is set."""

    IF_ABSENT = 1
    IF_PRESENT = 2


class When(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A time in milliseconds: since 1970 if it is `absolute`, else after the command."""

    ms: Integer
    absolute: bool = False


class Set(Operation, frozen=True, tag=1):
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


class GetSet(Operation, frozen=True, tag=2):
    """Set a value; the reply is the value before, or nothing."""

    key: bytes
    value: bytes


class Delete(Operation, frozen=True, tag=3):
    """Delete keys; the reply is how many there were."""

    keys: tuple[bytes, ...]


class Increment(Operation, frozen=True, tag=4):
    """Add to the integer that a value spells, 0 if it is absent; the reply is the sum."""

    key: bytes
    by: Integer


class Append(Operation, frozen=True, tag=5):
    """Append to a value, empty if it is absent; the reply is the new length in bytes."""

    key: bytes
    suffix: bytes


class MultiSet(Operation, frozen=True, tag=6):
    """Set several values at once; the reply is OK."""

    pairs: tuple[tuple[bytes, bytes], ...]


class SetAllAbsent(Operation, frozen=True, tag=7):
    """Set several values at once if none of the keys has one; the reply is 1, else 0."""

    pairs: tuple[tuple[bytes, bytes], ...]


class GetDelete(Operation, frozen=True, tag=8):
    """Delete a key; the reply is its value, or nothing."""

    key: bytes


class ExpireIf(IntEnum):
    """On what condition a key gets another time to expire at; one that never does counts as infinitely late."""

    HAS_NONE = 1
    HAS_ONE = 2
    LATER = 3
    EARLIER = 4


class Expire(Operation, frozen=True, tag=9):
    """Have a key expire; the reply is 1, or 0 if it is absent or a condition doesn't hold."""

    key: bytes
    when: When
    conditions: tuple[ExpireIf, ...] = ()


class Persist(Operation, frozen=True, tag=10):
    """Let a key not expire; the reply is 1, or 0 if it wouldn't have."""

    key: bytes


class GetExpire(Operation, frozen=True, tag=11):
    """Have a key expire `when` it is said, or with `persist` never; the reply is its value, or nothing.

    An `error` is the reply instead if the key is there, for a time that can't be; then nothing is done.
    """

    key: bytes
    when: When | None = None
    persist: bool = False
    error: str | None = None


class SetRange(Operation, frozen=True, tag=12):
    """Overwrite a value from a byte on, after zeros if it is shorter; the reply is its new length in bytes."""

    key: bytes
    offset: Count
    value: bytes


class Rename(Operation, frozen=True, tag=13):
    """Move a value with its time to another key; the reply is OK, or with `if_absent` 1, or 0 if that has a value."""

    source: bytes
    dest: bytes
    if_absent: bool = False


class Clear(Operation, frozen=True, tag=14):
    """Delete all keys; the reply is OK."""


class Copy(Operation, frozen=True, tag=15):
    """Copy a value with its time to another key; the reply is 1, or 0 without `source`, or if `dest` is in the way."""

    source: bytes
    dest: bytes
    replace: bool = False


class DeleteIfEqual(Operation, frozen=True, tag=21):
    """Delete a key that has this value; the reply is 1, else 0."""

    key: bytes
    value: bytes


class ExpireIfEqual(Operation, frozen=True, tag=22):
    """Have a key that has this value expire so much later, if `add` later than it would have; the reply is 1, else 0.

    With `add`, a key that doesn't expire is left alone.
    """

    key: bytes
    value: bytes
    ms: Integer
    add: bool = False


PlainWrite: TypeAlias = (
    Set
    | GetSet
    | Delete
    | Increment
    | Append
    | MultiSet
    | SetAllAbsent
    | GetDelete
    | Expire
    | Persist
    | GetExpire
    | SetRange
    | Rename
    | Clear
    | Copy
    | DeleteIfEqual
    | ExpireIfEqual
)
