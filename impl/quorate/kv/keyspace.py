"""The map itself, with an order to go through it that neither additions nor deletions disturb.

A key's position is its CRC-32: the same on every server and after every restart, so that a cursor means the same
wherever the next call is answered. The leading bits of the position choose one of BUCKETS dictionaries. A scan goes
through the positions in order and never stops between keys that share one. That is rare, unless somebody wants it: who
fills the map with such keys gets them all in one reply.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from zlib import crc32

BUCKETS: Final = 4_096
POSITIONS: Final = 2**32
_SHIFT: Final = 20
assert POSITIONS >> _SHIFT == BUCKETS, "the leading bits count the buckets"


class Keyspace:
    """A map from bytes to bytes."""

    def __init__(self) -> None:
        """Begin empty."""
        self._buckets: list[dict[bytes, bytes]] = [{} for _ in range(BUCKETS)]
        self._size = 0

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size

    def __contains__(self, key: bytes) -> bool:
        """Return whether `key` has a value."""
        return key in self._buckets[crc32(key) >> _SHIFT]

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if it has none."""
        return self._buckets[crc32(key) >> _SHIFT].get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Give `key` a value."""
        bucket = self._buckets[crc32(key) >> _SHIFT]
        before = len(bucket)
        bucket[key] = value
        self._size += len(bucket) - before

    def delete(self, key: bytes) -> bool:
        """Take the value of `key` away and return whether it had one."""
        found = self._buckets[crc32(key) >> _SHIFT].pop(key, None) is not None
        self._size -= found
        return found

    def copy(self) -> list[dict[bytes, bytes]]:
        """Return the pairs as they are now, in pieces; the bytes are shared."""
        return [bucket.copy() for bucket in self._buckets if bucket]

    def fill(self, pieces: Iterable[Mapping[bytes, bytes]]) -> None:
        """Put in all pairs of the pieces that `copy` returned."""
        for piece in pieces:
            for key, value in piece.items():
                self.put(key, value)

    def scan(self, position: int, count: int, most_bytes: int) -> tuple[int, list[bytes]]:
        """Return the keys from `position` on and the position after them, 0 after the last of all.

        They are `count`, or those with `most_bytes` bytes, whichever is less, and then as many as share the last
        one's position.
        """
        found: list[bytes] = []
        size = 0
        for number in range(position >> _SHIFT, BUCKETS):
            placed = sorted((crc32(key), key) for key in self._buckets[number])
            for at, key in placed:
                if at < position:
                    continue
                if (len(found) >= count or size >= most_bytes) and at != crc32(found[-1]):
                    return at, found
                found.append(key)
                size += len(key)
        return 0, found
