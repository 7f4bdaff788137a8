"""The compiled part of a search on disk: to which part of the states a state belongs."""

from __future__ import annotations

from quorate_check.engine.caching import compiled
from quorate_check.engine.layout import Ints

MIX = -7046029254386353131  # 2**64 / golden ratio, odd, as a signed integer
KEY_BITS = 63


@compiled()
def keys(rows: Ints, fields: int, word: Ints, shift: Ints, mask: Ints, key: Ints) -> None:
    """Write a key of KEY_BITS bits for each of some packed states, made of its first `fields` fields, to `key`.

    Equal fields give equal keys, however they are packed.
    """
    for r in range(rows.shape[0]):
        h = 0
        for f in range(fields):
            h = (h ^ ((rows[r, word[f]] >> shift[f]) & mask[f])) * MIX
            h ^= h >> 32
        key[r] = (h * MIX) & ((1 << KEY_BITS) - 1)
