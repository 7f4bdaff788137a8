"""One shard of the states in a process of its own, on whichever machine: it expands its states, and stores others'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quorate_check.engine import kernel
from quorate_check.engine.cluster.machine import OnMachine
from quorate_check.engine.cluster.tables import News, Receiver, Shape
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.shard import Shard
from quorate_check.engine.worker import CHUNK, Worker


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a shard did in one round: its states that are left to be expanded, and counts since the search began.

    `missing` and `undecided` are as `Worker` has them, `successor_bytes` the bytes of what went to other shards.
    """

    pending: int
    transitions: int
    over_capacity: int
    beyond: int
    missing: Ints
    undecided: Ints
    successor_bytes: int


@dataclass(frozen=True, slots=True)
class Insertion:
    """What a shard holds: states, the orbits that they stand for, bytes; and the views that it saw first."""

    states: int
    orbits: int
    memory: int
    fresh: Ints


class Actor(OnMachine):
    """Shard `number` of `shards`."""

    def __init__(self, number: int, shards: int) -> None:
        self.number, self.shards = number, shards

    def begin(self, memory: int, shape: Shape, news: News) -> None:
        """Have no states, in so many bytes of memory."""
        self.table = Receiver(shape)
        self.table.take(news)
        least = self.table.useless is not None
        self.shard = Shard(self.table.tables, news.layout, self.shards, memory, least=least)
        self.worker = Worker(self.number, self.shards, news.layout.words, self.table.useless)
        self.levels = list[tuple[int, int]]()
        self.cursor, self.rest = 0, np.empty(0, np.int64)

    def take(self, news: News) -> None:
        """Know more steps; raise OutOfMemoryError if wider states don't fit."""
        self.table.take(news)
        if self._is_wider(news.layout):
            self.shard.widen(news.layout)

    def _is_wider(self, to: Layout) -> bool:
        at = self.shard.layout
        return (at.local_bits, at.message_bits) != (to.local_bits, to.message_bits)

    def add_first(self, packed: Ints, orbits: int) -> None:
        """Store the initial state."""
        self.shard.add_first(packed, self.number)
        self.shard.counts[kernel.ORBITS] = orbits

    def review_first(self, numbers: Ints) -> Ints:
        """Return the views that the initial state shows."""
        return self.shard.review(0, self.shard.states, numbers)

    def next_level(self) -> None:
        """Go on to the states that were stored since the last level began."""
        self.cursor = self.levels[-1][1] if self.levels else 0
        self.levels.append((self.cursor, self.shard.states))
        self.shard.earlier = self.shard.states

    def expand(self, numbers: Ints) -> tuple[Expansion | Ints, ...]:
        """Expand some states; return what was done, and the successors for each shard but this."""
        end, worker = self.levels[-1][1], self.worker
        fresh = min(CHUNK - len(self.rest), end - self.cursor)
        todo = np.concatenate([self.rest, np.arange(self.cursor, self.cursor + fresh)])
        self.cursor += fresh
        states = self.shard.arena.rows(todo)
        self.rest = worker.expand(self.table.tables, self.shard.layout, todo, states, numbers)
        counts = worker.out_counts.tolist()
        out = [worker.out[t, :n].copy() if t != self.number else worker.out[t, :0] for t, n in enumerate(counts)]
        expansion = Expansion(
            pending=end - self.cursor + len(self.rest),
            transitions=worker.transitions,
            over_capacity=worker.over_capacity,
            beyond=worker.beyond,
            missing=worker.missing,
            undecided=worker.undecided.copy(),
            successor_bytes=sum(part.nbytes for part in out),
        )
        return (expansion, *out)

    def insert(self, numbers: Ints, *successors: Ints) -> Insertion:
        """Store what the shards have sent here, and this one's own; raise OutOfMemoryError if that doesn't fit."""
        fresh = []
        for source, records in enumerate(successors):
            if source == self.number:
                own, count = self.worker.out[source], int(self.worker.out_counts[source])
                fresh.append(self.shard.insert(own, count, numbers))
            else:
                fresh.append(self.shard.insert(np.array(records), len(records), numbers))
        counts = self.shard.counts
        return Insertion(self.shard.states, int(counts[kernel.ORBITS]), self.shard.bytes_used, np.concatenate(fresh))

    def state(self, index: int) -> tuple[list[int], int]:
        """Return a stored state's words, and its parent's index across shards."""
        return self.shard.arena.block(index, index + 1)[0].tolist(), int(self.shard.parents[index])
