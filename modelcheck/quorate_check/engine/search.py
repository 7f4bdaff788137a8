"""Breadth-first search, level by level: workers expand, shards insert, Python runs the steps that nobody has run yet.

A level is searched in rounds. In a round every worker expands some states of its own shard and sorts the successors by
the shard that owns them; then every shard inserts what came for it. Between rounds, with no worker running, Python
executes the pairs that were unknown, judges the tuples of views that were new, and looks whether to stop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from quorate_check import behaviour
from quorate_check.engine import kernel
from quorate_check.engine.layout import KINDS, MAX_PERMUTED_NODES, Ints, Layout, layout
from quorate_check.engine.shard import OutOfMemoryError, Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import Finding, concrete_path, pack
from quorate_check.engine.views import Judge
from quorate_check.invariants import StepWitness, Witness
from quorate_check.system import System, UnusableSystemError
from quorate_check.verdict import Exploration, WitnessResult

ROWS = 1 << 15  # successor records that a worker may write for one shard in a round
CHUNK = 1 << 13  # states that a worker takes on in a round
GIB = 1 << 30
DEFAULT_SHARE = 0.7  # of the machine's memory
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """How far and with what a search may go: moves from the initial state, threads, bytes."""

    depth: int | None = None
    workers: int = 1
    memory: int | None = None

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be searched."""
        if self.depth is not None and self.depth < 0:
            raise UnusableSystemError(f"depth {self.depth} is negative")
        if not 1 <= self.workers <= MOST_WORKERS:
            raise UnusableSystemError(f"{self.workers} workers; between 1 and {MOST_WORKERS} can share the work")
        if self.memory is not None and self.memory < GIB >> 6:
            raise UnusableSystemError(f"{self.memory} bytes of memory are too few to search in; give at least 16 MiB")

    @property
    def bytes(self) -> int:
        """The memory for states: what was given, or 70 % of what the machine has."""
        if self.memory is not None:
            return self.memory
        return int(DEFAULT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands."""

    depth: int
    states: int
    transitions: int
    step_executions: int
    seconds: float


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Search `system` exhaustively, or as far as `limits` allow.

    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. Raises UnusableSystemError
    if the system can't be packed, isn't deterministic, or isn't symmetric although it says so.
    """
    return _Search(system, limits or Limits(), stop, report).run()


class _Search:
    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
    ) -> None:
        if system.symmetry is not None and len(system.initial) > MAX_PERMUTED_NODES:
            raise UnusableSystemError(
                f"{system.name}: symmetry is reduced for at most {MAX_PERMUTED_NODES} nodes; check without it"
            )
        self.began = time.perf_counter()
        self.system, self.limits, self.stop, self.report = system, limits, stop, report
        self.judge = Judge(system)
        self.tables = Tables(system, self.judge)
        self.layout = layout(system, *self._id_bits())
        self.shards = [Shard(self.tables, self.layout, limits.bytes // limits.workers) for _ in range(limits.workers)]
        self.out = [self._new_out(ROWS) for _ in self.shards]
        self.out_counts = [np.zeros(limits.workers, np.int64) for _ in self.shards]
        self.missing = [np.zeros((ROWS, 3), np.int64) for _ in self.shards]
        self.retries = [np.zeros(CHUNK, np.int64) for _ in self.shards]
        self.counts = [np.zeros(5, np.int64) for _ in self.shards]
        self.pool = ThreadPoolExecutor(limits.workers)
        self.depth = 0  # of the states that are being expanded
        self.findings: list[Finding] = []
        self.witness_depth: dict[str, int] = {}

    def run(self) -> Exploration:
        """Search, and say what was found."""
        stopped = None
        self._enter_initial_state()
        levels = [[0, s.states] for s in self.shards]  # where each shard's current level begins and ends
        found = [sum(s.states for s in self.shards)]
        try:
            while found[-1] and not self.findings and self.depth != self.limits.depth:
                stopped = self._level(levels)
                levels = [[end, shard.states] for (_, end), shard in zip(levels, self.shards, strict=True)]
                found.append(sum(end - begin for begin, end in levels))
                if stopped is not None:
                    break
                self.depth += 1
        except OutOfMemoryError:
            stopped = f"{self.limits.bytes / GIB:.1f} GiB of memory are full at depth {self.depth + 1}"
            found.append(sum(s.states for s in self.shards) - sum(found))
        finally:
            self.pool.shutdown()
        return self._conclude(tuple(f for f in found if f), stopped, unexplored=found[-1] > 0)

    def _id_bits(self) -> tuple[int, int]:
        """Return the widths that the ids handed out so far need, with a bit to spare."""
        return len(self.tables.locals).bit_length() + 1, len(self.tables.messages).bit_length() + 1

    def _new_out(self, rows: int) -> Ints:
        return np.empty((self.limits.workers, rows, self.layout.words + kernel.EXTRA), np.int64)

    def _enter_initial_state(self) -> None:
        first = behaviour.start(self.system)
        at = self.layout
        packed = np.array(pack(self.tables, at, first), np.int64)
        home = kernel.owner(packed, self._sizes(), at.word, at.shift, at.mask)
        self.shards[home].add_first(packed, home)
        self.shards[home].counts[kernel.ORBITS] = self._orbit_of_initial_state()
        if (name := behaviour.broken(self.system, first)) is not None:
            self.findings.append(Finding(home, name, is_step=False))
        for witness in self.system.witnesses:
            if isinstance(witness, Witness):
                views = [witness.view(local) for local in first.nodes]
                if any(witness.seen(t) for t in behaviour.tuples(views, witness.over)):
                    self.judge.seen[witness.name] = 0

    def _orbit_of_initial_state(self) -> int:
        group, ids = self.tables.group, self.tables.initial
        if not group:
            return 1
        images = {tuple(self.tables.rename_local[p, ids[j]] for j in self.tables.inverse[p]) for p in range(len(group))}
        return len(images)

    def _sizes(self) -> Ints:
        t, n = self.tables, self.system.network
        sizes = np.zeros(kernel.SIZES, np.int64)
        sizes[kernel.WORDS], sizes[kernel.NODES] = self.layout.words, len(t.initial)
        sizes[kernel.CAPACITY], sizes[kernel.KIND] = n.capacity, KINDS[n.kind]
        sizes[kernel.EVENTS], sizes[kernel.BUDGETS] = len(t.events), len(t.budget_limit)
        sizes[kernel.DROPS], sizes[kernel.DUPLICATES] = t.drops, t.duplicates
        sizes[kernel.SHARDS], sizes[kernel.PERMUTATIONS] = self.limits.workers, len(t.group)
        sizes[kernel.KEY_WORDS] = self.judge.key_words
        return sizes

    def _level(self, levels: list[list[int]]) -> str | None:
        """Expand one level; return why it was left early, if it was."""
        cursors = [begin for begin, _ in levels]
        retry = [np.empty(0, np.int64) for _ in levels]
        while any(c < end for c, (_, end) in zip(cursors, levels, strict=True)) or any(map(len, retry)):
            if (reason := self.stop()) is not None:
                return reason
            todo = []
            for p, (_, end) in enumerate(levels):
                first = cursors[p]
                # Retries before new states; both bounded by the room in `retries`.
                todo.append(retry[p][:CHUNK] if len(retry[p]) else np.arange(first, min(first + CHUNK, end)))
            sizes = self._sizes()
            list(self.pool.map(lambda p: self._expand(p, todo[p], sizes), range(len(levels))))
            for p, counts in enumerate(self.counts):
                consumed = int(counts[kernel.CONSUMED])
                again = self.retries[p][: counts[kernel.RETRIES]].copy()
                if len(retry[p]):
                    retry[p] = np.concatenate([retry[p][consumed:], again])
                else:
                    cursors[p] += consumed
                    retry[p] = again
            self._insert(sizes)
            self._execute()
            self._make_room([len(t) for t in todo])
            self._tell()
            if self.findings:
                return None
        return None

    def _expand(self, p: int, todo: Ints, sizes: Ints) -> None:
        t, at, counts = self.tables, self.layout, self.counts[p]
        self.out_counts[p][:] = 0
        counts[[kernel.CONSUMED, kernel.MISSING, kernel.RETRIES]] = 0
        kernel.expand(
            todo, self.shards[p].arena, p, sizes, at.word, at.shift, at.mask, at.budgets_only,
            t.pairs, t.program, t.spontaneous, t.event_budget, t.budget_limit,
            t.destination, t.link, t.is_round_end, t.round_ends, t.beyond,
            t.permutations, t.inverse, t.rename_local, t.rename_message, t.orbit,
            self.out[p], self.out_counts[p], self.missing[p], self.retries[p], counts,
        )  # fmt: skip

    def _insert(self, sizes: Ints) -> None:
        """Let every shard take what came for it, and judge what it saw for the first time."""

        def take(p: int) -> list[Ints]:
            return [
                self.shards[p].insert(out[p], int(counts[p]), sizes)
                for out, counts in zip(self.out, self.out_counts, strict=True)
            ]

        for p, fresh in enumerate(self.pool.map(take, range(len(self.shards)))):
            for rows in fresh:
                for state, name in self.judge.judge(rows, self.depth + 1):
                    self.findings.append(Finding(state * len(self.shards) + p, name, is_step=False))

    def _execute(self) -> None:
        """Run the real step function for the pairs that the workers didn't know; widen the ids if they grew."""
        missing = []
        for p, counts in enumerate(self.counts):
            rows = self.missing[p][: counts[kernel.MISSING]].copy()
            rows[:, 0] = rows[:, 0] * len(self.shards) + p
            missing.append(rows)
        if not any(map(len, missing)):
            return
        for state, name, detail in self.tables.execute(np.concatenate(missing)):
            self.findings.append(Finding(state, name, is_step=True, detail=detail))
        for name in self.tables.seen:
            self.witness_depth.setdefault(name, self.depth + 1)
        needed = self._id_bits()
        if needed[0] - 1 > self.layout.local_bits or needed[1] - 1 > self.layout.message_bits:
            self._widen(layout(self.system, *map(max, needed, (self.layout.local_bits, self.layout.message_bits))))

    def _widen(self, to: Layout) -> None:
        for shard in self.shards:
            shard.widen(to)
        self.layout = to
        self.out = [self._new_out(out.shape[1]) for out in self.out]

    def _make_room(self, asked: list[int]) -> None:
        """Enlarge the buffers of a worker that couldn't deal with even one state."""
        for p, counts in enumerate(self.counts):
            if asked[p] and counts[kernel.CONSUMED] == 0:
                self.out[p] = self._new_out(2 * self.out[p].shape[1])
                self.missing[p] = np.zeros((2 * self.missing[p].shape[0], 3), np.int64)

    def _tell(self) -> None:
        states = sum(s.states for s in self.shards)
        transitions = sum(int(c[kernel.TRANSITIONS]) for c in self.counts)
        spent = time.perf_counter() - self.began
        self.report(Progress(self.depth, states, transitions, self.tables.step_executions, spent))

    def _conclude(self, levels: tuple[int, ...], stopped: str | None, *, unexplored: bool) -> Exploration:
        def seen(witness: Witness | StepWitness) -> int | None:
            found: dict[str, Any] = self.judge.seen if isinstance(witness, Witness) else self.witness_depth
            return found.get(witness.name)

        path = concrete_path(self.tables, self.layout, self.shards, min(self.findings)) if self.findings else None
        states = sum(s.states for s in self.shards)
        limited = self.limits.depth is not None and unexplored and not self.findings and stopped is None
        return Exploration(
            subject=self.system.name,
            levels=levels,
            transitions=sum(int(c[kernel.TRANSITIONS]) for c in self.counts),
            over_capacity=sum(int(c[kernel.OVER_CAPACITY]) for c in self.counts),
            step_executions=self.tables.step_executions,
            seconds=time.perf_counter() - self.began,
            invariants=tuple(i.name for i in self.system.invariants),
            witnesses=tuple(WitnessResult(w.name, seen(w), w.impossible) for w in self.system.witnesses),
            orbit_sum=sum(int(s.counts[kernel.ORBITS]) for s in self.shards) if self.tables.group else None,
            bytes_per_state=sum(s.bytes_used for s in self.shards) / states,
            path=path,
            stopped=stopped,
            depth_limit=self.limits.depth if limited else None,
        )
