"""Promises of liveness: the states in which one waits, and a fair cycle among them."""

from __future__ import annotations

import numpy as np

from quorate_check.core import fair_cycles
from quorate_check.core.fair_cycles import Finding
from quorate_check.core.invariants import Condition
from quorate_check.core.liveness import Eventually, EventuallyAlways, LeadsTo, Liveness
from quorate_check.core.path import Path
from quorate_check.engine.conditions import Bools, Truth
from quorate_check.engine.liveness import kernel
from quorate_check.engine.liveness.graph import Array, StoredGraph
from quorate_check.engine.trace import chain
from quorate_check.engine.worker import CHUNK


class LivenessSearch:
    """Judges the promises of liveness of a system whose states are stored."""

    def __init__(self, graph: StoredGraph) -> None:
        self.graph, self.system, self.states = graph, graph.system, graph.states
        self.queue = np.empty(self.states, np.int32)  # of the kernels

    def judge(self, promise: Liveness) -> Finding:
        """Return whether a fair behaviour breaks `promise`, or in how many states the bounds cut the waiting off."""
        truth = self._truth(promise.condition)
        lasts = isinstance(promise, EventuallyAlways)
        waits = np.ones(self.states, np.bool_) if lasts else ~truth
        origin = np.where(self._begins(promise) & waits, kernel.SEED, kernel.NOWHERE).astype(np.int32)
        kernel.reach(self.graph.arrays, _region(waits), origin, self.queue)
        is_waiting = origin != kernel.NOWHERE
        component = self._fair_component(is_waiting, ~truth if lasts else np.ones(self.states, np.bool_))
        if component is None:
            return Finding(promise, None, int(np.count_nonzero(self.graph.is_cut & is_waiting)))
        return Finding(promise, self._path(promise, origin, component, ~truth if lasts else None), 0)

    def _begins(self, promise: Liveness) -> Bools:
        """Return in which states a behaviour begins to wait for a promise."""
        match promise:
            case Eventually():
                begins: Bools = np.arange(self.states) == 0
                return begins
            case LeadsTo():
                return self._truth(promise.cause)
            case _:
                return np.ones(self.states, np.bool_)

    def _fair_component(self, inside: Bools, recurs: Bools) -> Bools | None:
        """Return the states of the first fair component among those inside, None if there is none.

        A component is fair only if `recurs` is true of one of its states.
        """
        region, demands = _region(inside), len(self.graph.demands) + 1
        component, low, path = (np.empty(self.states, np.int32) for _ in range(3))
        edge_at, classes = np.empty(self.states, np.int64), np.empty(demands, np.int64)
        least, members, rest = self.states, None, 1
        while rest:
            marks = np.full((4, demands), kernel.NOWHERE, np.int64)
            first, rest = kernel.components(
                self.graph.arrays, region, recurs, self.queue, component, low, edge_at, path, marks, classes
            )
            if kernel.NOWHERE < first < least:
                least, members = first, component == component[first]
        return members

    def _truth(self, condition: Condition) -> Bools:
        """Return in which states a condition is true."""
        truth, arena = Truth(self.graph.tables, condition), self.graph.shard.arena
        result = np.empty(self.states, np.bool_)
        for first in range(0, self.states, CHUNK):
            last = min(first + CHUNK, self.states)
            result[first:last] = truth.of(arena.block(first, last), self.graph.layout)
        return result

    def _path(self, promise: Liveness, origin: Array, component: Bools, recurs: Bools | None) -> Path:
        """Return a path to the component and around a fair cycle in it, on the real code."""
        stem = [int(np.flatnonzero(component)[0])]
        while (before := int(origin[stem[-1]])) != kernel.SEED:
            stem.append(before)
        stem.reverse()
        route = fair_cycles.cycle(
            self.system,
            self.graph,
            stem[-1],
            lambda state: bool(component[state]),
            None if recurs is None else lambda state: bool(recurs[state]),
        )
        states = chain(self.graph.tables, self.graph.layout, [self.graph.shard], stem[0])
        loop = len(states) + len(stem) - 2
        states += [self.graph.state(number) for number in [*stem[1:], *(state for _, state in route)]]
        steps = fair_cycles.steps(self.system, states, [*[None] * loop, *(classes for classes, _ in route)])
        path = Path(states[0], steps, promise.name, loop=loop)
        fault = fair_cycles.breach(self.system, promise, path)
        assert fault is None, f"the engine found no fair cycle: {fault}"
        return path


def _region(inside: Bools) -> Array:
    return np.where(inside, kernel.IN, kernel.OUT).astype(np.uint8)
