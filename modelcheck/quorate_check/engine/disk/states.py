"""Packed states in files: those of a level, in the order in which they were found, and a part of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from quorate_check.core.path import GlobalState
from quorate_check.engine.disk import kernel as disk_kernel
from quorate_check.engine.disk.folder import Folder, Rows
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import unpack

BLOCK_ROWS = 1 << 14  # that are read at a time


def parts_of(states: Ints, at: Layout, tables: Tables, bits: int) -> Ints:
    """Return for each state, which may have more words behind it, in which of 2**bits parts it lies.

    That depends on its nodes and messages, not on the budgets that it has used, nor on how it is packed.
    """
    fields = len(tables.initial) + 1 + tables.system.network.capacity
    keys = np.empty(len(states), np.int64)
    disk_kernel.keys(states, fields, at.word, at.shift, at.mask, keys)
    return keys >> (disk_kernel.KEY_BITS - bits)


def places_by_part(parts: Ints) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield each part that occurs, and where it does, in order."""
    order = np.argsort(parts.astype(np.uint16), kind="stable")
    sorted_parts = parts[order]
    starts = np.flatnonzero(np.diff(sorted_parts, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(parts)]):
        yield int(sorted_parts[start]), order[start:end]


class States:
    """Packed states of which the later ones may lie in a wider layout."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.folder, self.name = folder, name
        self._pieces: list[tuple[Layout, Rows]] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(rows.count for _, rows in self._pieces)

    def append(self, states: Ints, at: Layout) -> None:
        """Append states of a layout; raise OSError where the disk refuses."""
        if not self._pieces or self._pieces[-1][0] is not at:
            self._pieces.append((at, Rows(self.folder, f"{self.name}-{len(self._pieces)}", at.words)))
        self._pieces[-1][1].append(states)

    def blocks(self) -> Iterator[tuple[Ints, Layout]]:
        """Yield all states, some at a time, each time with their layout."""
        for at, rows in self._pieces:
            for block in rows.blocks(BLOCK_ROWS):
                yield block, at

    def state(self, number: int, tables: Tables) -> GlobalState:
        """Return one state."""
        for at, rows in self._pieces:
            if number < rows.count:
                return unpack(tables, at, rows.row(number))
            number -= rows.count
        raise IndexError(number)

    def clear(self) -> None:
        """Remove the states and their files."""
        for _, rows in self._pieces:
            rows.clear()
        self._pieces.clear()
