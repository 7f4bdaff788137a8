"""The map itself, with an order to go through it that neither additions nor deletions disturb, and with time.

A key's position is its CRC-32: the same on every server and after every restart, so that a cursor means the same
wherever the next call is answered. The leading bits of the position choose one of BUCKETS dictionaries. A scan goes
through the positions in order and never stops between keys that share one. That is rare, unless somebody wants it: who
fills the map with such keys gets them all in one reply.

Each key has the index of the command that changed it last as its version. A key that is absent has the index of the
latest deletion in its bucket: so whoever watches it sees that it came and went, and, rarely, that another one did.

Time is what `advance` says, and part of the state. No key is there at its time or later. So that a command never takes
long, it lets only so many keys expire: time then stops short of the next one, and the next command goes on.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Final
from zlib import crc32

from quorate.store.digest import HUGE, Held, pair

BUCKETS: Final = 4_096
MOST_VALUE_BYTES: Final = 16 * 1024 * 1024  # what travels between servers and waits in their queues is bounded by it
POSITIONS: Final = 2**32
MOST_EXPIRED_AT_ONCE: Final = 1_000
_SHIFT: Final = 20
assert POSITIONS >> _SHIFT == BUCKETS, "the leading bits count the buckets"


class Keyspace:
    """A map from bytes to bytes. `version` is the index of the command that changes it now.

    Commands make no value of more than `most_value_bytes`, which is the same number at all members of a cluster.
    """

    def __init__(
        self,
        now: int | None = None,
        deleted: Mapping[int, int] | None = None,
        most_value_bytes: int = MOST_VALUE_BYTES,
    ) -> None:
        """Begin empty, `now` in milliseconds since 1970, and with the latest deletions, by bucket, of another."""
        self.version = 0
        self.most_value_bytes = most_value_bytes
        self.now = now
        self.deleted = dict(deleted or {})
        self._buckets: list[dict[bytes, Held]] = [{} for _ in range(BUCKETS)]
        self.sum = 0  # over all pairs (quorate.store.digest)
        self._huge: dict[bytes, int] = {}  # the digests of those with huge values
        self._size = 0
        self._mortal = 0  # how many keys have a deadline
        self._deadlines: list[tuple[int, bytes]] = []  # a heap of them, and of some that no key has any more

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size

    def __contains__(self, key: bytes) -> bool:
        """Return whether `key` has a value."""
        return key in self._buckets[crc32(key) >> _SHIFT]

    def __iter__(self) -> Iterator[bytes]:
        """Yield all keys, in an order that depends on nothing but them."""
        for bucket in self._buckets:
            yield from sorted(bucket)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if it has none."""
        held = self._buckets[crc32(key) >> _SHIFT].get(key)
        return None if held is None else held.value

    def held(self, key: bytes) -> Held | None:
        """Return all that is kept of `key`, None if it has no value."""
        return self._buckets[crc32(key) >> _SHIFT].get(key)

    def version_of(self, key: bytes) -> int:
        """Return a number that differs whenever `key` was changed in between."""
        bucket = crc32(key) >> _SHIFT
        held = self._buckets[bucket].get(key)
        return self.deleted.get(bucket, 0) if held is None else held.version

    def put(self, key: bytes, value: bytes, deadline: int | None = None) -> None:
        """Give `key` a value, and a time to expire at, or none; one that has come deletes it."""
        bucket = self._buckets[crc32(key) >> _SHIFT]
        before = bucket.get(key)
        if before is None:
            self._size += 1
        else:
            self._forget(key, before)
        bucket[key] = held = Held(value, self.version, deadline)
        digest = pair(key, held)
        self.sum += digest
        if len(value) > HUGE:
            self._huge[key] = digest
        if deadline is not None:
            self._mortal += 1
            self._schedule(deadline, key)

    def delete(self, key: bytes) -> bool:
        """Take the value of `key` away and return whether it had one."""
        number = crc32(key) >> _SHIFT
        held = self._buckets[number].pop(key, None)
        if held is None:
            return False
        self.deleted[number] = self.version
        self._size -= 1
        self._forget(key, held)
        return True

    def _forget(self, key: bytes, held: Held) -> None:
        kept = self._huge.pop(key, None) if self._huge else None
        self.sum -= pair(key, held) if kept is None else kept
        self._mortal -= held.deadline is not None

    def clear(self) -> None:
        """Take all values away."""
        for number, bucket in enumerate(self._buckets):
            if bucket:
                self.deleted[number] = self.version
        self._buckets = [{} for _ in range(BUCKETS)]
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
        held = self.held(key)
        return held is not None and held.deadline == deadline

    @property
    def has_deadlines(self) -> bool:
        """Whether any key expires some day."""
        return self._mortal > 0

    @property
    def next_deadline(self) -> int | None:
        """When the next key expires, None if none does."""
        while self._deadlines and not self._is_of(*self._deadlines[0]):
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def advance(self, now: int) -> None:
        """Let time pass up to `now`, or to where as many keys have expired as may at once."""
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
    def sum_of(piece: Mapping[bytes, Held]) -> int:
        """Return the sum over the pairs of a piece that `copy` returned, made anew."""
        return sum(pair(key, held) for key, held in piece.items())

    def copy(self) -> list[dict[bytes, Held]]:
        """Return the pairs as they are now, in pieces; what is kept of a key is shared."""
        return [bucket.copy() for bucket in self._buckets if bucket]

    def fill(self, pieces: Iterable[Mapping[bytes, Held]]) -> None:
        """Put in all pairs of the pieces that `copy` returned, with their versions."""
        for piece in pieces:
            for key, held in piece.items():
                self.version = held.version
                self.put(key, held.value, held.deadline)

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

    def nth(self, number: int) -> bytes | None:
        """Return the key that stands at `number`, counted from 0 and around, in an order of all; None if none does."""
        if not self._size:
            return None
        number %= self._size
        for bucket in self._buckets:
            if number < len(bucket):
                return sorted(bucket)[number]
            number -= len(bucket)
        raise AssertionError("the buckets have as many keys as were counted")
