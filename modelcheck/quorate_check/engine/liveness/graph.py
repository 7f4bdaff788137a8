"""The graph of all stored states: its edges are computed again from the step table, and labelled by their moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quorate_check.core import behaviour
from quorate_check.core.fair_cycles import Demand, demands, is_strong
from quorate_check.core.path import GlobalState, Move, MoveKind, RoundEnd
from quorate_check.engine import kernel
from quorate_check.engine.conditions import fields, locals_in
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.liveness.kernel import BEYOND, Graph
from quorate_check.engine.shard import Shard
from quorate_check.engine.tables import Tables, room
from quorate_check.engine.trace import unpack
from quorate_check.engine.worker import CHUNK, Worker, sizes

Array = npt.NDArray[Any]
KINDS = {kernel.STAYS: MoveKind.DUPLICATE, kernel.IS_LOST: MoveKind.DROP}


class StoredGraph:
    """The states in one shard and the moves between them: `arrays` is what the kernels are given.

    `is_cut` says of each state whether bounds keep a move from being made in it (`core/fair_cycles.py`). States are
    neither renamed nor left out.
    """

    def __init__(self, tables: Tables, shard: Shard) -> None:
        self.tables, self.shard = tables, shard
        self.system = tables.system
        self.states = shard.states
        self.arrays: Graph
        self.demands: list[Demand] = []

    @property
    def layout(self) -> Layout:
        """How the states are packed."""
        return self.shard.layout

    def compute_edges(self, stop: Callable[[], str | None]) -> str | None:
        """Compute all edges; return a reason to end early, if `stop` returns one meanwhile."""
        begins = np.zeros(self.states + 1, np.int64)
        targets, labels, count = np.empty(4 * self.states, np.int32), np.empty(4 * self.states, np.int32), 0
        self.is_end = np.zeros(self.states, np.uint8)
        self.is_cut = np.zeros(self.states, np.bool_)
        over_budget = _OverBudget(self.tables, self.layout)
        numbers = sizes(self.tables, self.layout, 1)
        numbers[kernel.ENDS], numbers[kernel.LABELS] = 0, 1
        worker = Worker(0, 1, self.layout.words)
        for first in range(0, self.states, CHUNK):
            if (reason := stop()) is not None:
                return reason
            last = min(first + CHUNK, self.states)
            rest = np.arange(first, last)
            words = self.shard.arena.rows(rest)
            self.is_end[first:last] = self.tables.beyond[locals_in(words, self.layout, self.tables)].any(axis=1)
            self.is_cut[first:last] = self.is_end[first:last]
            parts = [over_budget.edges(words[self.is_end[first:last] == 0], rest[self.is_end[first:last] == 0])]
            while len(rest):
                rest = worker.expand(self.tables, self.layout, rest, words[rest - first], numbers)
                assert not len(worker.missing), "a search that ended has run every step"
                parts.append(self._edges(worker.out[0], int(worker.out_counts[0])))
            parents, reached, named = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = np.argsort(parents, kind="stable")
            needed = count + len(order)
            targets, labels = room(targets, 0, needed), room(labels, 0, needed)
            targets[count:needed], labels[count:needed] = reached[order], named[order]
            begins[first + 1 : last + 1] = np.bincount(parents - first, minlength=last - first)
            self.is_cut[parents[reached == BEYOND]] = True
            count = needed
        self._number_labels(np.cumsum(begins), targets[:count], labels[:count])
        return None

    def _edges(self, records: Ints, count: int) -> tuple[Array, Array, Array]:
        """Return the parents, targets and labels of successor records, without steps that change nothing."""
        at, words = self.layout, self.layout.words
        parents = records[:count, words] & kernel.PARENT
        labels = records[:count, words + 1] >> 32
        fits = np.flatnonzero(labels & kernel.CUT == 0)
        numbers = np.empty(len(fits), np.int64)
        kernel.locate(
            records[fits], len(fits), self.shard.arena.bytes, self.shard.table, at.byte, at.word_mask, numbers
        )
        targets = np.full(count, BEYOND, np.int64)
        targets[fits] = numbers
        changes = targets != parents
        return parents[changes], targets[changes], (labels & ~kernel.CUT)[changes]

    def _number_labels(self, begins: Ints, targets: Array, labels: Array) -> None:
        """Number the labels that occur, and the classes of fair moves that each belongs to."""
        is_used = np.zeros(int(labels.max(initial=0)) + 1, np.bool_)
        is_used[labels] = True
        number_of = np.cumsum(is_used, dtype=np.int64) - 1
        labels[:] = number_of[labels]
        numbers = dict[Demand, int]()
        classes = [
            [numbers.setdefault(demand, len(numbers)) for demand in demands(self.system, self._move(label))]
            for label in np.flatnonzero(is_used).tolist()
        ]
        self.demands = list(numbers)
        self.classes = [frozenset(self.demands[number] for number in row) for row in classes]
        strong = [is_strong(self.system, demand) for demand in self.demands]
        self.arrays = Graph(
            begins,
            targets,
            labels,
            np.cumsum([0, *map(len, classes)]),
            np.array([number for row in classes for number in row], np.int64),
            np.array(strong, np.uint8),
            self.is_end,
        )

    def _move(self, label: int) -> Move:
        number, how = divmod(label, 4)
        if how != kernel.HAPPENS:
            message = self.tables.messages[number]
            if isinstance(message, RoundEnd):
                return Move(MoveKind.ROUND_END, message.node, self.system.network.round_end)
            return Move(KINDS.get(how, MoveKind.DELIVER), self.system.destination(message), message)
        if number == 0:
            return Move(MoveKind.ROUND, None, None)
        event, node = divmod(number - 1, len(self.tables.initial))
        return Move(MoveKind.SPONTANEOUS, node, self.tables.events[event])

    def successors(self, state: int) -> Iterator[tuple[frozenset[Demand], int]]:
        """Yield the edges to other states: the classes of fair moves taken, and the state reached."""
        for edge in range(self.arrays.begins[state], self.arrays.begins[state + 1]):
            if (target := int(self.arrays.targets[edge])) != BEYOND:
                yield self.classes[self.arrays.labels[edge]], target

    def enabled(self, state: int) -> frozenset[Demand]:
        """Return the classes of fair moves that are enabled in a state."""
        edges = slice(self.arrays.begins[state], self.arrays.begins[state + 1])
        return frozenset[Demand]().union(*(self.classes[label] for label in self.arrays.labels[edges]))

    def state(self, number: int) -> GlobalState:
        """Return the state with this number."""
        (words,) = self.shard.arena.block(number, number + 1).tolist()
        return unpack(self.tables, self.layout, words)


class _OverBudget:
    """Events that fairness demands and only their budgets prevent: moves that bounds cut off."""

    def __init__(self, tables: Tables, layout: Layout) -> None:
        self.tables, self.layout = tables, layout
        system, n = tables.system, len(tables.initial)
        self.events = [
            (number, node, budget)
            for number, (event, budget) in enumerate(zip(tables.events, tables.event_budget.tolist(), strict=True))
            for node in range(n)
            if budget >= 0 and any(demands(system, Move(MoveKind.SPONTANEOUS, node, event)))
        ]
        self.able = dict[tuple[int, int], bool]()

    def edges(self, words: Ints, numbers: Ints) -> tuple[Array, Array, Array]:
        """Return the parents, targets and labels of such moves in the states with these words and numbers."""
        parents, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        n, capacity, at = len(self.tables.initial), self.tables.system.network.capacity, self.layout
        if self.events:
            rests = fields(words, at, n, n + 1)[:, 0] == 0
            if self.tables.system.network.at_once:
                rests &= fields(words, at, n + 1, n + 2)[:, 0] == 0
        for event, node, budget in self.events:
            field = n + 1 + capacity + budget
            full = rests & (fields(words, at, field, field + 1)[:, 0] == self.tables.budget_limit[budget])
            local = fields(words, at, node, node + 1)[:, 0]
            able = [number for number in np.unique(local[full]).tolist() if self._is_able(number, event, node)]
            states = numbers[full & np.isin(local, able)]
            parents.append(states)
            labels.append(np.full(len(states), (event * n + node + 1) << 2 | kernel.HAPPENS))
        everyone = np.concatenate(parents)
        return everyone, np.full(len(everyone), BEYOND), np.concatenate(labels)

    def _is_able(self, local: int, event: int, node: int) -> bool:
        if (local, event) not in self.able:
            move = Move(MoveKind.SPONTANEOUS, node, self.tables.events[event])
            self.able[local, event] = behaviour.can(self.tables.system, self.tables.locals[local], move)
        return self.able[local, event]
