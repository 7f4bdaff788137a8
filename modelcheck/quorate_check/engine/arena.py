"""Where a shard's packed states lie: one behind the other, each in as few whole bytes as the fields of its words fill.

Kernels get and give states as rows of 64-bit words; here the bytes that are zero in all of them are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quorate_check.engine import kernel
from quorate_check.engine.layout import WORD_BYTES, Ints, Layout

Bytes = npt.NDArray[np.uint8]
BLOCK = 1 << 16  # states that are repacked at a time


class Arena:
    """Room for states in `memory` bytes, numbered from 0."""

    def __init__(self, memory: int, layout: Layout) -> None:
        # Reserved whole: the operating system hands out a page only when it is first written.
        # The last state is read and written in whole words, too.
        self.bytes: Bytes = np.empty(memory + WORD_BYTES, np.uint8)
        self.layout = layout

    def rows(self, numbers: Ints) -> Ints:
        """Return the words of the states with these numbers."""
        return unpad(self.bytes, numbers, self.layout)

    def block(self, first: int, last: int) -> Ints:
        """Return the words of the states from number `first` to before `last`."""
        return self.rows(np.arange(first, last))

    def tuples(self, first: int, last: int, recent: Ints, rows: Ints) -> Ints:
        """Return the ids of the nodes of states, in some of the `rows`: each tuple once, or a few times.

        Those in their slot of `recent` were met before.
        """
        at, fields = self.layout, (self.layout.word, self.layout.shift, self.layout.mask)
        return rows[: kernel.take_tuples(self.bytes, first, last, at.byte, at.word_mask, *fields, recent, rows)]

    def put(self, states: Ints, first: int) -> None:
        """Store rows of words as the states with numbers from `first` on."""
        kernel.put_in(self.bytes, first, self.layout.byte, self.layout.word_mask, states)

    def part(self, first: int, last: int) -> Bytes:
        """Return the bytes of the states from number `first` to before `last`, as they lie."""
        return self.bytes[first * self.layout.size : last * self.layout.size]

    def widen(self, to: Layout, states: int) -> None:
        """Repack the first `states` for wider ids, in place."""
        at = self.layout
        begins = range(0, states, BLOCK)
        # Never over a state that is still to be read. Wider ids can make a state shorter, where words fill up better.
        for first in begins if to.size <= at.size else reversed(begins):
            self.layout = at
            rows = repack(self.block(first, min(first + BLOCK, states)), at, to)
            self.layout = to
            self.put(rows, first)
        self.layout = to


def unpad(content: Bytes, numbers: Ints, at: Layout) -> Ints:
    """Return the words of some of the states that lie in `content`, which is WORD_BYTES longer than they are."""
    states = np.empty((len(numbers), at.words), np.int64)
    kernel.take_out(content, numbers, at.byte, at.word_mask, states)
    return states


def repack(states: Ints, at: Layout, to: Layout) -> Ints:
    """Return rows of words of one layout as those of another, which is at least as wide."""
    if at is to:
        return states
    rows = np.zeros((len(states), to.words), np.int64)
    kernel.repack(states, at.word, at.shift, at.mask, to.word, to.shift, rows)
    return rows
