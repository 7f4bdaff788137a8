"""One shard of the visited states: the arena they lie in, the table that finds them, the sets of views it has seen.

A search has one shard per worker. A shard is written only by its own worker, so there are no locks.
It owns a state by the ids of its nodes, which stay the same when wider ids have states packed anew. For the same reason
representatives of orbits are chosen by ids: by packed words, one orbit had two.
"""

from __future__ import annotations

import numpy as np

from quorate_check.engine import kernel
from quorate_check.engine.arena import Arena
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.tables import Tables
from quorate_check.engine.views import SeenViews

FIRST_SLOTS = 1 << 16
USUAL_LOAD = 0.75
FULL_LOAD = 0.85  # of a table that memory doesn't let grow
GROWTH = 1.5  # of a table
MOST_SLOTS = 1 << 32  # of a table, as of `kernel.insert`
FRESH_ROWS = 1 << 14
REVIEWED = 1 << 16  # states that are reviewed at a time
SLOT_BYTES = 4
PARENT_BYTES = 4
LEAST_BYTES = 8  # of a state, its parent link and its place in the table
MOST_STATES = 3 << 30  # of all shards: a state's index across them has 32 bits, and tables have room to spare


class OutOfMemoryError(Exception):
    """The states found so far fill the memory that the search may use."""


class Shard:
    """Stores distinct packed states, in the order in which they were found: one of `shards`, in `memory` bytes.

    If `least`, a state is left out if one of the first `earlier` has the same nodes and messages and used no more.
    """

    def __init__(self, tables: Tables, layout: Layout, shards: int, memory: int, *, least: bool = False) -> None:
        self.tables, self.memory, self.least = tables, memory, least
        self.earlier = 0
        self.arena = Arena(memory, layout)
        self.parents = np.empty(memory // LEAST_BYTES, np.uint32)  # reserved whole, as the arena is
        self.most_states = min(MOST_STATES // shards, len(self.parents))
        self.table = np.zeros(FIRST_SLOTS, np.uint32)
        judge = tables.judge
        self.views = SeenViews(judge)
        most = kernel.BLOCK * judge.per_state * judge.nodes  # `review` takes each node for one that acted
        self.fresh = np.zeros((FRESH_ROWS + most, 2 + judge.key_words), np.int64)
        self.counts = np.zeros(3, np.int64)

    @property
    def layout(self) -> Layout:
        """How the states are packed."""
        return self.arena.layout

    @property
    def ignored(self) -> Ints:
        """The bits of a state by which those may differ of which one is left out."""
        return self.layout.budgets_only if self.least else np.zeros_like(self.layout.budgets_only)

    @property
    def states(self) -> int:
        """The number of states in the shard."""
        return int(self.counts[kernel.STATES])

    @property
    def bytes_used(self) -> int:
        """The memory that the states take: words, parent links, table."""
        return self.states * (self.layout.size + PARENT_BYTES) + self.table.nbytes

    def insert(self, records: Ints, count: int, sizes: Ints) -> Ints:
        """Insert records[:count]; return the view tuples first seen, as rows of `kernel.note_views`.

        Raises OutOfMemoryError when there is no room for more states.
        """
        done, fresh = 0, []
        while True:
            at, arrays = self.layout, self.views.arrays(self.tables.view_of)
            done = kernel.insert(
                records, done, count, self.arena.bytes, self.parents, self.table, self._state_limit(), sizes,
                at.word, at.shift, at.mask, at.byte, at.word_mask, self.ignored, self.earlier, arrays,
                self.views.limit(kernel.BLOCK), self.fresh, FRESH_ROWS, self.counts,
            )  # fmt: skip
            fresh.append(self.fresh[: self.counts[kernel.FRESH]].copy())
            self.counts[kernel.FRESH] = 0
            if done == count:
                return np.concatenate(fresh)
            if self.states + kernel.BLOCK > self._state_limit():
                self._grow_table()
            self.views.make_room(2 * kernel.BLOCK)

    def _state_limit(self) -> int:
        may_grow = self.bytes_used + GROWTH * self.table.nbytes <= self.memory
        limit = int(self.table.shape[0] * (USUAL_LOAD if may_grow else FULL_LOAD))
        fits = (self.memory - self.table.nbytes) // (self.layout.size + PARENT_BYTES)
        return min(limit, fits, self.most_states)

    def _larger(self) -> int:
        """Return how many slots the next larger table has; raise OutOfMemoryError if there is no room for it."""
        slots = min(int(GROWTH * self.table.shape[0]), MOST_SLOTS)
        if self.states + kernel.BLOCK > self.most_states or self.bytes_used + slots * SLOT_BYTES > self.memory:
            raise OutOfMemoryError
        return slots

    def _grow_table(self) -> None:
        slots = self._larger()
        del self.table
        self.table = np.zeros(slots, np.uint32)
        self._reindex()

    def _reindex(self) -> None:
        at = self.layout
        kernel.reindex(self.table, self.arena.bytes, self.states, at.byte, at.word_mask, self.ignored)

    def add_first(self, packed: Ints, state: int) -> None:
        """Enter the initial state, whose index across shards is `state`; it is its own parent."""
        self.arena.put(packed.reshape(1, -1), 0)
        self.parents[0] = state
        self.counts[kernel.STATES] = 1
        self._reindex()

    def begin(self, at: Layout, counts: list[int]) -> None:
        """Make room for the states of an earlier search, which had these counts; `enter` brings them.

        Raises OutOfMemoryError if there is no room for them.
        """
        self.arena.layout = at
        self.counts[:] = counts
        while self.states + kernel.BLOCK > self._state_limit():
            self.table = np.zeros(self._larger(), np.uint32)

    def enter(self, states: Ints, first: int) -> None:
        """Enter rows of words as the states numbered from `first` on; all have to be there before any is found."""
        self.arena.put(states, first)
        if first + len(states) == self.states:
            self._reindex()

    def review(self, first: int, last: int, sizes: Ints) -> Ints:
        """Return the view tuples that states first to last show and none before, as rows of `kernel.note_views`."""
        at, judge, fresh = self.layout, self.tables.judge, []
        new_view = np.full((len(judge.groups), 1), -1, np.int32)
        view_of = np.hstack([self.tables.view_of, new_view])  # the last is of no local state: it differs from all
        for begin in range(first, last, REVIEWED):
            states, done = self.arena.block(begin, min(begin + REVIEWED, last)), 0
            while done < len(states):
                self.views.make_room(2 * kernel.BLOCK * judge.nodes)
                done = kernel.review(
                    states, done, begin, sizes, at.word, at.shift, at.mask, self.views.arrays(view_of),
                    self.views.limit(kernel.BLOCK * judge.nodes), self.fresh, FRESH_ROWS, self.counts,
                )  # fmt: skip
                fresh.append(self.fresh[: self.counts[kernel.FRESH]].copy())
                self.counts[kernel.FRESH] = 0
        return np.concatenate(fresh) if fresh else self.fresh[:0]

    def widen(self, to: Layout) -> None:
        """Repack every state for wider ids."""
        if self.states * (to.size + PARENT_BYTES) + self.table.nbytes > self.memory:
            raise OutOfMemoryError
        self.arena.widen(to, self.states)
        self.table[:] = 0
        self._reindex()


def widen(tables: Tables, at: Layout, shards: list[Shard]) -> Layout:
    """Return the layout that holds all ids handed out so far: `at`, or a wider one, for which shards are repacked."""
    if not tables.outgrow(at):
        return at
    to = tables.layout(at)
    for shard in shards:
        shard.widen(to)
    return to
