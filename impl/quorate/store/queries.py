"""Operations that only read the map; their numbers in the encoding (`tag`) are 32 to 47."""

from typing import Final

from quorate.store.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.store.keyspace import POSITIONS, Keyspace
from quorate.store.limits import (
    ENOUGH_BATCH_REPLY_BYTES,
    MOST_REPLY_BYTES,
    MOST_SCANNED_KEYS,
    TOO_LONG_PATTERN,
    TOO_LONG_REPLY,
)
from quorate.store.operation_types import Count, Integer, Query
from quorate.store.replies import Reply, SimpleString

ALL_KEYS: Final = b"*"
ABSENT, NEVER = -2, -1  # the replies of TTL for keys that are absent or have no deadline


class Get(Query, frozen=True, tag=32):
    """The reply is the value, or nothing."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Look."""
        return keys.get(self.key)


class Exists(Query, frozen=True, tag=33):
    """The reply is the number of keys that exist; a key that is named twice counts twice."""

    keys: tuple[bytes, ...]

    def do(self, keys: Keyspace) -> Reply:
        """Count."""
        return sum(key in keys for key in self.keys)


class StringLength(Query, frozen=True, tag=34):
    """The reply is the length of the value in bytes, 0 if it is absent."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Look."""
        return len(keys.get(self.key) or b"")


class MultiGet(Query, frozen=True, tag=35):
    """The reply is the values, with nothing in the places of the absent ones."""

    keys: tuple[bytes, ...]

    def do(self, keys: Keyspace) -> Reply:
        """Read each value, unless the reply becomes too long."""
        values = []
        size = 0
        for key in self.keys:
            value = keys.get(key)
            values.append(value)
            size += len(value or b"")
            if size > MOST_REPLY_BYTES:
                return TOO_LONG_REPLY
        return tuple(values)


class Size(Query, frozen=True, tag=36):
    """The reply is the number of keys."""

    def do(self, keys: Keyspace) -> Reply:
        """Look."""
        return len(keys)


class Scan(Query, frozen=True, tag=37):
    """Scan keys from `cursor` on; the reply is the next cursor, as text, and the keys that match.

    The first cursor is 0, and so is the one after the last keys. One call scans about `count` keys. A key that exists
    from the first call to the last is found, whatever keys are added and deleted meanwhile.
    """

    cursor: Count
    match: bytes | None
    count: Count

    def do(self, keys: Keyspace) -> Reply:
        """Scan at most MOST_SCANNED_KEYS keys, or ENOUGH_BATCH_REPLY_BYTES bytes of keys."""
        if len(self.match or b"") > MOST_PATTERN_BYTES:
            return TOO_LONG_PATTERN
        if self.cursor >= POSITIONS:
            return b"0", ()
        count = min(max(self.count, 1), MOST_SCANNED_KEYS)
        cursor, names = keys.scan(self.cursor, count, ENOUGH_BATCH_REPLY_BYTES)
        if self.match is not None:
            matches = compile_glob(self.match).fullmatch
            names = [key for key in names if matches(key)]
        return b"%d" % cursor, tuple(names)


class GetRange(Query, frozen=True, tag=38):
    """The reply is the bytes of a value from `start` to `end`, both included; negative indexes count from its end."""

    key: bytes
    start: Integer
    end: Integer

    def do(self, keys: Keyspace) -> Reply:
        """Cut the bytes out."""
        value, start, end = keys.get(self.key) or b"", self.start, self.end
        if start < 0 and end < 0 and start > end:
            return b""
        first, last = (max(at + len(value), 0) if at < 0 else at for at in (start, end))
        return value[first : last + 1]


class Type(Query, frozen=True, tag=39):
    """The reply is the word "string", or "none" if the key is absent."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Look."""
        return SimpleString("string" if self.key in keys else "none")


class Keys(Query, frozen=True, tag=40):
    """The reply is all keys that match a pattern."""

    match: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Compare each key, unless the reply becomes too long."""
        if len(self.match) > MOST_PATTERN_BYTES:
            return TOO_LONG_PATTERN
        matches = compile_glob(self.match).fullmatch
        names = []
        size = 0
        for key in keys:
            if self.match == ALL_KEYS or matches(key):
                names.append(key)
                size += len(key)
                if size > MOST_REPLY_BYTES:
                    return TOO_LONG_REPLY
        return tuple(names)


class RandomKey(Query, frozen=True, tag=41):
    """The reply is the key that the random number `draw` chooses, nothing if the map is empty."""

    draw: Count

    def do(self, keys: Keyspace) -> Reply:
        """Count up to the key."""
        return keys.nth(self.draw)


class TimeLeft(Query, frozen=True, tag=42):
    """The reply is when a key expires, -1 if it has no deadline, -2 if it is absent.

    The unit is seconds or `milliseconds`, counted from now on or, if `absolute`, since 1970.
    """

    key: bytes
    milliseconds: bool
    absolute: bool

    def do(self, keys: Keyspace) -> Reply:
        """Subtract the time from the deadline."""
        record = keys.record(self.key)
        if record is None:
            return ABSENT
        if record.deadline is None:
            return NEVER
        assert keys.now is not None, "what expires was written at some time"
        ms = record.deadline if self.absolute else record.deadline - keys.now
        return ms if self.milliseconds else (ms + 500) // 1000


class Versions(Query, frozen=True, tag=43):
    """The reply is a number for each key that changes whenever the key is changed."""

    keys: tuple[bytes, ...]

    def do(self, keys: Keyspace) -> Reply:
        """Look."""
        return tuple(keys.version_of(key) for key in self.keys)
