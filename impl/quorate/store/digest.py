"""A sum over all that is applied, kept up to date with every change: equal states have equal sums.

Each part of the state has a digest of 128 bits, and parts are added and subtracted, so the order in which they came
doesn't count. It is against damage and mistakes, not against people: for a large value its CRC-32 and length stand, so
that a change to a large value costs no more than to copy it. What was damaged in memory stays in the sum as it was when
it was put, so that the sum no longer fits when it is made anew, or when the damaged part is changed: but for a huge
value, whose digest is kept for that, since two CRCs of 16 MiB are more than an event loop has time for.
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


class Held(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is kept of a key: its value, its version, and when it expires, in milliseconds since 1970, if it does."""

    value: bytes
    version: int
    deadline: int | None = None


def part(what: object) -> int:
    """Return the digest of one part of the state, a number to add to the sum; `what` is anything msgspec encodes."""
    return _number(blake2b(_encode(what), digest_size=DIGEST_BYTES).digest())


def pair(key: bytes, held: Held) -> int:
    """Return the digest of what is kept of a key; written out, since every write needs it twice."""
    if len(held.value) > LARGE:
        return part((key, crc32(held.value), len(held.value), held.version, held.deadline))
    return _number(blake2b(_encode((key, held)), digest_size=DIGEST_BYTES).digest())


def whole(pairs: int, sessions: int, now: int | None, deleted: Mapping[int, int]) -> bytes:
    """Return the digest of a state from the sums over its pairs and sessions, and what else there is of it."""
    rest = _encode((now, sorted(deleted.items())))
    return blake2b(b"%d %d " % (pairs, sessions) + rest, digest_size=DIGEST_BYTES).digest()
