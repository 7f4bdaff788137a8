"""The map itself, with an order for scans that neither additions nor deletions disturb, and with a time.

The position of a key is its CRC-32: the same on every server and after every restart, so that a cursor means the same
wherever the next call is answered. The leading bits of the position choose one of BUCKETS dictionaries. A scan goes
through the positions in order and never stops between keys with the same position. Such keys are rare, unless a client
chooses them, and then they come in one reply.

The version of a key is the index of the command that changed it last. The version of an absent key is the index of the
latest deletion in its bucket, so that a watcher notices a key that came and went (and, rarely, another key that did).

Time is part of the state, and only `advance` changes it. No key exists at its deadline or later. A command lets at most
MOST_EXPIRED_AT_ONCE keys expire, so that it never takes long: time then stops before the next deadline, and the next
command goes on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Final
from zlib import crc32

from quorate.store.digest import HUGE, Record, pair

BUCKETS: Final = 4_096
MOST_VALUE_BYTES: Final = 16 * 1024 * 1024  # bounds the messages between servers, and their queues
POSITIONS: Final = 2**32
MOST_EXPIRED_AT_ONCE: Final = 1_000
_SHIFT: Final = 20
assert POSITIONS >> _SHIFT == BUCKETS, "the leading bits count the buckets"


class Keyspace:
    """A map from bytes to bytes; `version` is the index of the command that is being applied.

    No command makes a value of more than `most_value_bytes`, which is the same number at all members of a cluster.
    """

    def __init__(
        self,
        now: int | None = None,
        deleted: Mapping[int, int] | None = None,
        most_value_bytes: int = MOST_VALUE_BYTES,
    ) -> None:
        """Begin empty, at `now` in milliseconds since 1970; `deleted` has the latest deletion's index by bucket."""
        self.version = 0
        self.most_value_bytes = most_value_bytes
        self.now = now
        self.deleted = dict(deleted or {})
        self._buckets: defaultdict[int, dict[bytes, Record]] = defaultdict(dict)  # those that were needed
        self.sum = 0  # over all pairs (quorate.store.digest)
        self._huge: dict[bytes, int] = {}  # the digests of pairs with huge values
        self._size = 0
        self._mortal = 0  # how many keys have a deadline
        self._deadlines: list[tuple[int, bytes]] = []  # a heap, which may have outdated deadlines

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size

    def __contains__(self, key: bytes) -> bool:
        """Return whether `key` has a value."""
        return key in self._buckets[crc32(key) >> _SHIFT]

    def __iter__(self) -> Iterator[bytes]:
        """Yield all keys, in an order that depends only on the set of keys."""
        for bucket in self._in_order():
            yield from sorted(bucket)

    def _in_order(self) -> Iterator[dict[bytes, Record]]:
        return (self._buckets[number] for number in sorted(self._buckets))

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if it has none."""
        record = self._buckets[crc32(key) >> _SHIFT].get(key)
        return None if record is None else record.value

    def record(self, key: bytes) -> Record | None:
        """Return the record of `key`, None if it has no value."""
        return self._buckets[crc32(key) >> _SHIFT].get(key)

    def version_of(self, key: bytes) -> int:
        """Return a number that changes whenever `key` is changed."""
        bucket = crc32(key) >> _SHIFT
        record = self._buckets[bucket].get(key)
        return self.deleted.get(bucket, 0) if record is None else record.version

    def put(self, key: bytes, value: bytes, deadline: int | None = None) -> None:
        """Give `key` a value and a deadline, or none; a deadline that has passed deletes the key."""
        bucket = self._buckets[crc32(key) >> _SHIFT]
        before = bucket.get(key)
        if before is None:
            self._size += 1
        else:
            self._forget(key, before)
        bucket[key] = record = Record(value, self.version, deadline)
        digest = pair(key, record)
        self.sum += digest
        if len(value) > HUGE:
            self._huge[key] = digest
        if deadline is not None:
            self._mortal += 1
            self._schedule(deadline, key)

    def delete(self, key: bytes) -> bool:
        """Delete `key` and return whether it existed."""
        number = crc32(key) >> _SHIFT
        record = self._buckets[number].pop(key, None)
        if record is None:
            return False
        self.deleted[number] = self.version
        self._size -= 1
        self._forget(key, record)
        return True

    def _forget(self, key: bytes, record: Record) -> None:
        digest = self._huge.pop(key, None) if self._huge else None
        self.sum -= pair(key, record) if digest is None else digest
        self._mortal -= record.deadline is not None

    def clear(self) -> None:
        """Delete all keys."""
        for number, bucket in self._buckets.items():
            if bucket:
                self.deleted[number] = self.version
        self._buckets = defaultdict(dict)
        self._size = self._mortal = self.sum = 0
        self._huge = {}
        self._deadlines = []

    def _schedule(self, deadline: int, key: bytes) -> None:
        if self.now is not None and deadline <= self.now:
            self.delete(key)
            return
        heappush(self._deadlines, (deadline, key))
        if len(self._deadlines) > 2 * self._mortal + 64:
            self._deadlines = [each for each in set(self._deadlines) if self._is_of(*each)]
            heapify(self._deadlines)

    def _is_of(self, deadline: int, key: bytes) -> bool:
        record = self.record(key)
        return record is not None and record.deadline == deadline

    @property
    def has_deadlines(self) -> bool:
        """Whether any key has a deadline."""
        return self._mortal > 0

    @property
    def next_deadline(self) -> int | None:
        """The earliest deadline, None if no key has one."""
        while self._deadlines and not self._is_of(*self._deadlines[0]):
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def advance(self, now: int) -> None:
        """Let time pass up to `now`, or until MOST_EXPIRED_AT_ONCE keys have expired."""
        if self.now is not None and now <= self.now:
            return
        if not self._deadlines:
            self.now = now
            return
        for _ in range(MOST_EXPIRED_AT_ONCE):
            deadline = self.next_deadline
            if deadline is None or deadline > now:
                break
            self.delete(heappop(self._deadlines)[1])
        deadline = self.next_deadline
        now = now if deadline is None else min(now, deadline - 1)
        self.now = now if self.now is None else max(now, self.now)

    @staticmethod
    def sum_of(piece: Mapping[bytes, Record]) -> int:
        """Return the sum over the pairs of a piece that `copy` returned, computed anew."""
        return sum(pair(key, record) for key, record in piece.items())

    def copy(self) -> list[dict[bytes, Record]]:
        """Return the pairs as they are now, in pieces; the records are shared, not copied."""
        return [bucket.copy() for bucket in self._in_order() if bucket]

    def fill(self, pieces: Iterable[Mapping[bytes, Record]]) -> None:
        """Add all pairs of the pieces that `copy` returned, with their versions."""
        for piece in pieces:
            for key, record in piece.items():
                self.version = record.version
                self.put(key, record.value, record.deadline)

    def scan(self, position: int, count: int, most_bytes: int) -> tuple[int, list[bytes]]:
        """Return the position after the next keys, 0 at the end, and the keys from `position` on.

        There are `count` keys, or fewer if these have `most_bytes` bytes, and then all that share the last key's
        position.
        """
        found_keys: list[bytes] = []
        size = 0
        for number in range(position >> _SHIFT, BUCKETS):
            placed = sorted((crc32(key), key) for key in self._buckets[number])
            for at, key in placed:
                if at < position:
                    continue
                if (len(found_keys) >= count or size >= most_bytes) and at != crc32(found_keys[-1]):
                    return at, found_keys
                found_keys.append(key)
                size += len(key)
        return 0, found_keys

    def nth(self, number: int) -> bytes | None:
        """Return the key at `number` modulo the number of keys, in a fixed order; None if there are none."""
        if not self._size:
            return None
        number %= self._size
        for bucket in self._in_order():
            if number < len(bucket):
                return sorted(bucket)[number]
            number -= len(bucket)
        raise AssertionError("the buckets have as many keys as were counted")
