"""What each query finds in the map. None of them depends on anything but the map, its time included."""

from typing import assert_never

from quorate.kv.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.kv.keyspace import POSITIONS, Keyspace
from quorate.kv.limits import (
    ENOUGH_BATCH_REPLY_BYTES,
    MOST_REPLY_BYTES,
    MOST_SCANNED_KEYS,
    TOO_LONG_PATTERN,
    TOO_LONG_REPLY,
)
from quorate.kv.queries import (
    Exists,
    Get,
    GetRange,
    Keys,
    MultiGet,
    Query,
    RandomKey,
    Scan,
    Size,
    StringLength,
    TimeLeft,
    Type,
    Versions,
)
from quorate.kv.replies import Reply, Status

ALL_KEYS = b"*"
ABSENT, NEVER = -2, -1  # what TTL says of keys that don't expire


def look(keys: Keyspace, query: Query) -> Reply:
    """Return the reply to `query`."""
    match query:
        case Get(key):
            return keys.get(key)
        case MultiGet(names):
            return _multi_get(keys, names)
        case StringLength(key):
            return len(keys.get(key) or b"")
        case GetRange(key, start, end):
            return _range(keys.get(key) or b"", start, end)
        case _:
            return _look_at_keys(keys, query)


def _look_at_keys(keys: Keyspace, query: Exists | Size | Scan | Type | Keys | RandomKey | TimeLeft | Versions) -> Reply:  # noqa: PLR0911  # one for each kind
    match query:
        case Exists(names):
            return sum(key in keys for key in names)
        case TimeLeft():
            return _time_left(keys, query)
        case Versions(names):
            return tuple(keys.version_of(key) for key in names)
        case Type(key):
            return Status("string" if key in keys else "none")
        case Size():
            return len(keys)
        case Scan():
            return _scan(keys, query)
        case Keys(pattern):
            return _matching(keys, pattern)
        case RandomKey(draw):
            return keys.nth(draw)
        case _:
            assert_never(query)


def _multi_get(keys: Keyspace, names: tuple[bytes, ...]) -> Reply:
    values = []
    size = 0
    for key in names:
        value = keys.get(key)
        values.append(value)
        size += len(value or b"")
        if size > MOST_REPLY_BYTES:
            return TOO_LONG_REPLY
    return tuple(values)


def _scan(keys: Keyspace, query: Scan) -> Reply:
    if len(query.match or b"") > MOST_PATTERN_BYTES:
        return TOO_LONG_PATTERN
    if query.cursor >= POSITIONS:
        return b"0", ()
    count = min(max(query.count, 1), MOST_SCANNED_KEYS)
    cursor, found = keys.scan(query.cursor, count, ENOUGH_BATCH_REPLY_BYTES)
    if query.match is not None:
        matches = compile_glob(query.match).fullmatch
        found = [key for key in found if matches(key)]
    return b"%d" % cursor, tuple(found)


def _matching(keys: Keyspace, pattern: bytes) -> Reply:
    if len(pattern) > MOST_PATTERN_BYTES:
        return TOO_LONG_PATTERN
    matches = compile_glob(pattern).fullmatch
    found = []
    size = 0
    for key in keys:
        if pattern == ALL_KEYS or matches(key):
            found.append(key)
            size += len(key)
            if size > MOST_REPLY_BYTES:
                return TOO_LONG_REPLY
    return tuple(found)


def _range(value: bytes, start: int, end: int) -> bytes:
    if start < 0 and end < 0 and start > end:
        return b""
    first, last = (max(at + len(value), 0) if at < 0 else at for at in (start, end))
    return value[first : last + 1]


def _time_left(keys: Keyspace, query: TimeLeft) -> int:
    held = keys.held(query.key)
    if held is None:
        return ABSENT
    if held.deadline is None:
        return NEVER
    assert keys.now is not None, "what expires was written at some time"
    ms = held.deadline if query.absolute else held.deadline - keys.now
    return ms if query.milliseconds else (ms + 500) // 1000
