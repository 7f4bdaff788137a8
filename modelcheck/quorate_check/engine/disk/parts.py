"""All states that a search on disk has found, in parts of which one at a time is in memory to be compared with.

Successors are collected, each for the part that it belongs to. When a level ends, or ids outgrow the layout, every part
that has any is loaded into a `Shard`, as a search in memory has them, and the shard tells which of the successors are
new. What a shard does is exact, so this is. A part that outgrows its share of the memory is split, and all others with
it, by one more bit of the states' keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quorate_check.engine import kernel
from quorate_check.engine.arena import repack
from quorate_check.engine.disk.folder import Folder, Rows
from quorate_check.engine.disk.states import BLOCK_ROWS, States, parts_of, places_by_part
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.shard import PARENT_BYTES, OutOfMemoryError, Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.views import SeenViews

MOST_BITS = 14
BUFFER_SHARE = 4  # of the memory: one in so many bytes is for successors that wait
LEAST_SHARE = 4 << 20  # bytes for one part in memory
# Of a shard's table for each state. A shard that lacks room has a table of which 85 % are full, and that half as large
# again doesn't fit beside it: 2.5 times 4 bytes / 0.85. The rest is for the last block of records.
SLOT_BYTES = 13


class Part:
    """The states of one part, of which the first `earlier` are of earlier levels, and successors that may be new.

    A row of `waiting` is a successor record and the number of its parent in the level; those `rows` aren't in the file.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.folder, self.name = folder, name
        self.states = States(folder, f"states-{name}")
        self.earlier = 0
        self.waiting: Rows | None = None
        self.rows: list[Ints] = []

    @property
    def waits(self) -> bool:
        """Whether there are successors."""
        return bool(self.rows) or self.waiting is not None

    def successors(self) -> Iterator[Ints]:
        """Yield the successors, some at a time."""
        if self.waiting is not None:
            yield from self.waiting.blocks(BLOCK_ROWS)
        for rows in self.rows:
            for first in range(0, len(rows), BLOCK_ROWS):
                yield rows[first : first + BLOCK_ROWS]

    def write(self) -> None:
        """Write the successors in memory to the file."""
        for rows in self.rows:
            self.waiting = self.waiting or Rows(self.folder, f"successors-{self.name}", rows.shape[1])
            self.waiting.append(rows)
        self.rows.clear()

    def settle(self) -> None:
        """Forget the successors."""
        self.rows.clear()
        if self.waiting is not None:
            self.waiting.clear()
        self.waiting = None


@dataclass(frozen=True, slots=True)
class NewStates:
    """What a part took of its successors: the states, their parents' numbers, what they show first, and their orbits.

    `whole` says that no successor was left for want of room; otherwise some of them come again.
    """

    states: Ints
    parents: Ints
    fresh: Ints
    orbits: int
    whole: bool


class Parts:
    """The parts of all states; `memory` bytes are for them and what waits for them, `at_once` may be loaded."""

    def __init__(self, tables: Tables, folder: Folder, memory: int, workers: int, *, least: bool) -> None:
        self.tables, self.folder, self.least = tables, folder, least
        self.at_once = max(1, min(workers, memory // 2 // LEAST_SHARE))
        self.share = memory // 2 // self.at_once
        self.most_buffer_bytes = memory // BUFFER_SHARE
        self.buffer_bytes = 0
        self.bits = (workers - 1).bit_length()
        self.parts = self._empty()
        self.views = [SeenViews(tables.judge) for _ in range(self.at_once)]

    def _empty(self) -> list[Part]:
        return [Part(self.folder, f"{self.bits}-{number}") for number in range(1 << self.bits)]

    def add(self, number: int, successors: Ints) -> None:
        """Keep successors for a part; raise OSError where the disk refuses."""
        self.parts[number].rows.append(successors)
        self.buffer_bytes += successors.nbytes
        if self.buffer_bytes > self.most_buffer_bytes:
            for part in self.parts:
                part.write()
            self.buffer_bytes = 0

    def shard(self, part: Part, at: Layout, slot: int) -> Shard:
        """Load a part; raise OutOfMemoryError if there is no room, OSError if it can't be read."""
        shard = Shard(self.tables, at, 1, self.share, least=self.least)
        shard.views = self.views[slot]
        shard.counts[kernel.STATES] = part.states.count
        shard.begin(at, shard.counts.tolist())
        shard.earlier = part.earlier
        first = 0
        for states, lies in part.states.blocks():
            shard.enter(repack(states, lies, at), first)
            first += len(states)
        return shard

    def most_states(self, at: Layout) -> int:
        """Return how many states surely fit into a part in memory."""
        return self.share // (at.size + PARENT_BYTES + SLOT_BYTES)

    def take(self, part: Part, at: Layout, numbers: Ints, slot: int) -> NewStates:
        """Compare a part's successors with its states; return those that are new."""
        most = self.most_states(at)
        if part.states.count + BLOCK_ROWS > most:
            nothing = np.empty((0, at.words), np.int64)
            return NewStates(nothing, nothing[:, 0], np.empty((0, 2), np.int64), 0, whole=False)
        shard = self.shard(part, at, slot)
        before, parents, fresh, whole = shard.states, [np.empty(0, np.int64)], [shard.fresh[:0]], True
        for rows in part.successors():
            if shard.states + len(rows) > most:
                whole = False
                break
            records, first = np.ascontiguousarray(rows[:, :-1]), shard.states
            # The shard keeps 32 bits of a parent's number: enough to say which of these rows a new state came from.
            records[:, at.words] = (records[:, at.words] >> 32 << 32) | np.arange(len(rows))
            fresh.append(shard.insert(records, len(records), numbers))
            parents.append(rows[shard.parents[first : shard.states], -1])
        new = shard.arena.block(before, shard.states)
        rows_of_views = np.concatenate(fresh)
        rows_of_views[:, 1] -= before
        return NewStates(new, np.concatenate(parents), rows_of_views, int(shard.counts[kernel.ORBITS]), whole)

    def next_level(self) -> None:
        """Have all states known to be of earlier levels."""
        for part in self.parts:
            part.earlier = part.states.count

    def split(self, at: Layout) -> None:
        """Make two parts of each; raise OutOfMemoryError if there are too many."""
        if self.bits == MOST_BITS:
            raise OutOfMemoryError
        self.bits += 1
        old, self.parts, self.buffer_bytes = self.parts, self._empty(), 0
        for part in old:
            first = 0
            for states, lies in part.states.blocks():
                block = repack(states, lies, at)
                for number, places in places_by_part(parts_of(block, at, self.tables, self.bits)):
                    self.parts[number].states.append(block[places], at)
                    self.parts[number].earlier += int(np.count_nonzero(first + places < part.earlier))
                first += len(block)
            part.states.clear()
            for rows in part.successors():
                for number, places in places_by_part(parts_of(rows, at, self.tables, self.bits)):
                    self.add(number, rows[places])
            part.settle()
