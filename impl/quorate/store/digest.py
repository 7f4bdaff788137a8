"""A sum over the applied state, updated with every change: equal states have equal sums.

Each part of the state has a digest of 128 bits; digests are added and subtracted, so the order of changes doesn't
matter. The sum detects damage and mistakes, not attacks: a large value is represented by its CRC-32 and length, so that
a change to a large value costs no more than to copy it. A part that is damaged in memory stays in the sum with the
digest that it had when it was written, so the sum no longer fits when it is computed anew, or when the damaged part is
changed. The digest of a huge value is kept instead of computed again for the change, since two CRCs of 16 MiB would
take the event loop too long.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from zlib import crc32

from msgspec import Struct
from msgspec.msgpack import Encoder

from quorate.runtime.interfaces import DIGEST_BYTES

LARGE: Final = 4_096  # bytes
HUGE: Final = 1 << 18

_encode: Final = Encoder().encode
_number: Final = int.from_bytes


class Record(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The value of a key, its version, and its `deadline` in milliseconds since 1970, None if it doesn't expire."""

    value: bytes
    version: int
    deadline: int | None = None


def part(what: object) -> int:
    """Return the digest of one part of the state, a number to add; `what` is anything that msgspec encodes."""
    return _number(blake2b(_encode(what), digest_size=DIGEST_BYTES).digest())


def pair(key: bytes, record: Record) -> int:
    """Return the digest of a key and its record; written out for speed, since every write needs it twice."""
    if len(record.value) > LARGE:
        return part((key, crc32(record.value), len(record.value), record.version, record.deadline))
    return _number(blake2b(_encode((key, record)), digest_size=DIGEST_BYTES).digest())


def whole(pairs: int, sessions: int, now: int | None, deleted: Mapping[int, int]) -> bytes:
    """Return the digest of a state: of the sums over its pairs and sessions, its time and its latest deletions."""
    rest = _encode((now, sorted(deleted.items())))
    return blake2b(b"%d %d " % (pairs, sessions) + rest, digest_size=DIGEST_BYTES).digest()
