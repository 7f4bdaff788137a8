"""How many tuples of local states a search has stored: what searches of the same system can be compared by.

Whatever is in flight, and however much of budgets is used, states with the same nodes show one tuple. Bounded networks
with more and more room, with useless messages and without, and a network of any number of messages have them in common.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quorate_check.engine.layout import Ints
from quorate_check.engine.shard import Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.views import recent_tuples

CHUNK = 1 << 20  # states that are looked at in one go
BITS = 63  # of a word that a tuple is packed into: as many words as it needs


def count(tables: Tables, shards: Iterable[Shard]) -> int:
    """Return how many tuples the shards' states show, under every name of the nodes."""
    nodes, bits = len(tables.initial), len(tables.locals).bit_length()
    recent, buffer = recent_tuples(nodes), np.empty((CHUNK, nodes), np.int64)
    tuples, unsorted, waiting = _pack(np.empty((0, nodes), np.int64), bits), list[Ints](), 0
    for shard in shards:
        for first in range(0, shard.states, CHUNK):
            rows = shard.arena.tuples(first, min(first + CHUNK, shard.states), recent, buffer)
            unsorted.append(_pack(rows, bits))
            waiting += len(rows)
            if waiting > max(CHUNK, len(tuples)):  # so that, all in all, few are sorted more than twice
                tuples, unsorted, waiting = _distinct(np.concatenate([tuples, *unsorted])), [], 0
    tuples = _distinct(np.concatenate([tuples, *unsorted]))
    return _under_every_name(tables, tuples, bits) if tables.group else len(tuples)


def _under_every_name(tables: Tables, tuples: Ints, bits: int) -> int:
    """Return how many tuples `tuples` are with all their renamings, of which more than one may be there."""
    nodes = _unpack(tuples, len(tables.initial), bits)
    least, symmetries = tuples, np.zeros(len(tuples), np.int64)
    for number, inverse in enumerate(tables.inverse):
        renamed = _pack(tables.rename_local[number][nodes[:, inverse]].astype(np.int64), bits)
        symmetries += (renamed == tuples).all(axis=1)
        least = np.where(_is_less(renamed, least)[:, None], renamed, least)
    order = np.lexsort(least.T)
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(least[order], axis=0) != 0).any(axis=1)
    return int((len(tables.group) // symmetries[order][first]).sum())


def _pack(nodes: Ints, bits: int) -> Ints:
    """Return tuples of local ids, `bits` bits each, in as few words as hold them."""
    each = BITS // bits
    words = [
        sum(nodes[:, first + i] << (bits * i) for i in range(min(each, nodes.shape[1] - first)))
        for first in range(0, nodes.shape[1], each)
    ]
    return np.stack(words, axis=1)


def _unpack(packed: Ints, nodes: int, bits: int) -> Ints:
    each = BITS // bits
    return np.stack([(packed[:, i // each] >> (bits * (i % each))) & ((1 << bits) - 1) for i in range(nodes)], axis=1)


def _distinct(rows: Ints) -> Ints:
    if rows.shape[1] == 1:
        return np.unique(rows[:, 0])[:, None]
    rows = rows[np.lexsort(rows.T)]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (np.diff(rows, axis=0) != 0).any(axis=1)
    return rows[first]


def _is_less(one: Ints, other: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return, row by row, whether the first is less."""
    less = np.zeros(len(one), np.bool_)
    for a, b in zip(one.T[::-1], other.T[::-1], strict=True):
        less = (a < b) | ((a == b) & less)
    return less
