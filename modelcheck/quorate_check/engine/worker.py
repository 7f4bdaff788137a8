"""One worker's call of the `expand` kernel, and the buffers that it fills."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from quorate_check.engine import kernel
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.networks import kernel_number
from quorate_check.engine.tables import Tables
from quorate_check.engine.useless import Useless

CHUNK = 1 << 16  # states that a worker takes on at a time: many, for each time costs some 0.4 ms beside the kernels
SUCCESSORS = 4  # records for each state taken on and each shard that there is room for; a worker stops when it is full
MISSING_ROWS = 1 << 16
LONG = 1 << 24  # transitions of a worker; to make so many takes as long as to compile `expand` for one shape
Shape = tuple[int, ...]  # what `sizes` returns
Expand = Callable[..., None]
_for_all: Expand = kernel.expand
_compile: Callable[[Shape], Expand] = kernel.expand_of
_of_shape: dict[Shape, Expand] = {}  # kernels of this process
_lock = Lock()
NOTHING = kernel.Useless(np.zeros(2, np.int64), np.zeros(1, np.int64))  # known of messages


def sizes(tables: Tables, layout: Layout, shards: int) -> Ints:
    """Return the numbers that kernels are given in one array."""
    network = tables.system.network
    numbers = np.zeros(kernel.SIZES, np.int64)
    numbers[kernel.WORDS], numbers[kernel.NODES] = layout.words, len(tables.initial)
    numbers[kernel.CAPACITY], numbers[kernel.KIND] = network.capacity, kernel_number(tables.system)
    numbers[kernel.EVENTS], numbers[kernel.BUDGETS] = len(tables.events), len(tables.budget_limit)
    numbers[kernel.DROPS], numbers[kernel.DUPLICATES] = tables.drops, tables.duplicates
    numbers[kernel.SHARDS], numbers[kernel.PERMUTATIONS] = shards, len(tables.group)
    numbers[kernel.ALIKE] = tables.alike
    numbers[kernel.KEY_WORDS], numbers[kernel.AT_ONCE] = tables.judge.key_words, network.at_once
    numbers[kernel.ENDS] = tables.system.done is not None
    return numbers


class Worker:
    """Expands states of shard `number`: `out[t, :out_counts[t]]` are then the successor records for shard t."""

    def __init__(self, number: int, shards: int, words: int, useless: Useless | None = None) -> None:
        self.number, self.shards, self.useless = number, shards, useless
        self.out = np.empty((shards, SUCCESSORS * CHUNK, words + kernel.EXTRA), np.int64)
        self.out_counts = np.zeros(shards, np.int64)
        self._missing = np.zeros((MISSING_ROWS, 3), np.int64)
        self._retries = np.zeros(CHUNK, np.int64)
        self._undecided = np.zeros((MISSING_ROWS, 2), np.int64)
        self.counts = np.zeros(7, np.int64)
        self._needs_room = False

    def expand(self, tables: Tables, layout: Layout, todo: Ints, states: Ints, numbers: Ints) -> Ints:
        """Expand the states `todo` (at most CHUNK) as far as there is room; return those still to be expanded.

        The rows of `states` are their words.
        Among these are the states with steps that nobody has run yet: `missing` says which.
        """
        self._make_room(layout.words)
        self.out_counts[:] = 0
        self.counts[[kernel.CONSUMED, kernel.MISSING, kernel.RETRIES, kernel.UNDECIDED]] = 0
        t, at = tables, layout
        self._kernel(tuple(numbers.tolist()))(
            todo,
            states,
            self.number,
            numbers,
            kernel.Fields(at.word, at.shift, at.mask, at.budgets_only),
            kernel.StepTable(
                t.pairs, t.program, t.spontaneous, t.event_budget, t.budget_limit, t.beyond, t.done, t.quiet
            ),
            kernel.Messages(t.destination, t.link, t.is_round_end, t.round_ends),
            NOTHING if self.useless is None else self.useless.arrays,
            kernel.Renaming(
                t.permutations,
                t.inverse,
                t.permutation_of,
                t.mates,
                t.mate_before,
                t.mate_count,
                t.rename_local,
                t.rename_message,
                t.orbit,
            ),
            kernel.Results(self.out, self.out_counts, self._missing, self._retries, self._undecided, self.counts),
        )
        self._needs_room = len(todo) > 0 and self.counts[kernel.CONSUMED] == 0
        retries = self._retries[: self.counts[kernel.RETRIES]]
        return np.concatenate([retries, todo[self.counts[kernel.CONSUMED] :]])

    def _kernel(self, shape: Shape) -> Expand:
        """Return the kernel for all systems, or after many transitions the one for systems of this shape."""
        with _lock:
            if shape not in _of_shape:
                if self.transitions < LONG:
                    return _for_all
                _of_shape[shape] = _compile(shape)
            return _of_shape[shape]

    @property
    def missing(self) -> Ints:
        """Rows for `Tables.execute`: (state across shards, local id, message id or -1 - event)."""
        rows = self._missing[: self.counts[kernel.MISSING]].copy()
        rows[:, 0] = rows[:, 0] * self.shards + self.number
        return rows

    @property
    def undecided(self) -> Ints:
        """Messages of which it isn't known whether they are useless: rows of local id, message id."""
        return self._undecided[: self.counts[kernel.UNDECIDED]]

    @property
    def transitions(self) -> int:
        """How many steps were made since the search began."""
        return int(self.counts[kernel.TRANSITIONS])

    @property
    def over_capacity(self) -> int:
        """How many steps were not made because the network is full."""
        return int(self.counts[kernel.OVER_CAPACITY])

    @property
    def beyond(self) -> int:
        """How many states were not expanded because they are beyond the state constraint."""
        return int(self.counts[kernel.BEYOND])

    def _make_room(self, words: int) -> None:
        """Fit the buffers to wider states, and enlarge them if the last call couldn't deal with even one state."""
        rows = self.out.shape[1]
        if self._needs_room:
            rows *= 2
            self._missing = np.zeros((2 * self._missing.shape[0], 3), np.int64)
            self._undecided = np.zeros((2 * self._undecided.shape[0], 2), np.int64)
        if (rows, words + kernel.EXTRA) != self.out.shape[1:]:
            self.out = np.empty((self.shards, rows, words + kernel.EXTRA), np.int64)
