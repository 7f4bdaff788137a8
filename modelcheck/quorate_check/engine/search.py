"""Breadth-first search in memory: workers expand, shards insert.

In a round every worker expands some states of its own shard and sorts the successors by the shard that owns them; then
every shard inserts what came for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from quorate_check.core import fair_cycles
from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.path import Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration, LivenessResult
from quorate_check.engine import kernel, tuples
from quorate_check.engine.breadth_first import BreadthFirst, Tally
from quorate_check.engine.checkpoint import Checkpoint, SearchParts
from quorate_check.engine.conditions import Truth
from quorate_check.engine.idle_steps import MOST_STATES, NOTE, without_idle_steps
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import GIB, Ceiling, Limits, Progress
from quorate_check.engine.liveness.graph import StoredGraph
from quorate_check.engine.liveness.search import LivenessSearch
from quorate_check.engine.readable import Bounds, most_readable
from quorate_check.engine.shard import OutOfMemoryError, Shard, widen
from quorate_check.engine.trace import Finding, as_it_is, chain, concrete_path
from quorate_check.engine.worker import CHUNK, Worker


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> Exploration:
    """Search `system` exhaustively, or as far as `limits` allow.

    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. What `checkpoint` holds of
    this search isn't searched again. Raises UnusableSystemError
    if the system can't be packed, isn't deterministic, or isn't symmetric although it says so.
    """
    limits = limits or Limits()
    if system.liveness:
        return _judge_liveness(_Search(system, replace(limits, workers=1), stop, report, checkpoint))
    return shorten(system, limits, _Search(system, limits, stop, report, checkpoint).run(), stop)


def _judge_liveness(search: _Search) -> Exploration:
    """Search all states, and then for fair cycles among them."""
    exploration = search.run()
    fairness = tuple(map(str, search.system.fairness))
    if not exploration.exhaustive:
        return replace(exploration, fairness=fairness)
    graph = StoredGraph(search.tables, search.shards[0])
    reason, results = graph.compute_edges(search.stop), list[fair_cycles.Finding]()
    for promise in search.system.liveness if reason is None else ():
        results.append(LivenessSearch(graph).judge(promise))
        if results[-1].path is not None:
            break
    return replace(
        exploration,
        stopped=reason,
        path=next((result.path for result in results if result.path is not None), None),
        liveness=tuple(LivenessResult(r.promise.name, r.cut_states) for r in results if r.path is None),
        fairness=fairness,
    )


def shorten(system: System, limits: Limits, exploration: Exploration, stop: Callable[[], str | None]) -> Exploration:
    """Return `exploration`; where it left useless messages out, with the path that the whole search finds.

    That path has a note if to look for it takes too many states.
    """
    path = exploration.path
    if not exploration.without_useless or path is None or not path.steps:
        return exploration
    ceiling = Ceiling(MOST_STATES, stop)
    path = without_idle_steps(system, path)
    limits_of_path = replace(limits, depth=len(path.steps), reduced=False)
    whole = _Search(replace(system, witnesses=()), limits_of_path, ceiling.stop, ceiling.report, None).run().path
    return replace(exploration, path=replace(path, note=NOTE) if whole is None else whole)


class _Search(BreadthFirst):
    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
        checkpoint: Checkpoint | None,
    ) -> None:
        whole = None if checkpoint is None else "what a checkpoint holds was found without leaving any out"
        super().__init__(system, limits, stop, report, why_whole=whole)
        self.checkpoint = checkpoint

    def _begin(self) -> None:
        super()._begin()
        n = self.limits.workers
        least = self.useless is not None
        self.shards: list[Shard] = []  # lets go of an earlier search's before there are others
        self.shards = [Shard(self.tables, self.layout, n, self.limits.bytes // n, least=least) for _ in range(n)]
        self.workers = [Worker(p, n, self.layout.words, self.useless) for p in range(n)]
        self.pool = ThreadPoolExecutor(n)
        self.truths = dict[str, Truth]()  # of invariants on messages in flight
        self.bounds: Bounds = []  # of the levels that were expanded, or are being

    def _end(self) -> None:
        self.pool.shutdown()

    def _start(self) -> list[int]:
        if self.checkpoint is None or not self._go_on(self.checkpoint):
            self._enter_initial_state()
        return [sum(end - begin for begin, end in level) for level in [*self.bounds, self._next_bounds()]]

    def _next_bounds(self) -> list[tuple[int, int]]:
        """Return where the states of the next level begin and end in each shard."""
        ends = [end for _, end in self.bounds[-1]] if self.bounds else [0] * len(self.shards)
        return [(end, shard.states) for end, shard in zip(ends, self.shards, strict=True)]

    def _parts(self) -> SearchParts:
        return SearchParts(self.tables, self.shards, self.workers, self.bounds, self.witness_depth)

    def _end_level(self) -> str | None:
        """Write the end of a level to the checkpoint; return why it can't be written, if it can't."""
        if self.checkpoint is None or self.findings:
            return None
        try:
            self.checkpoint.write(self._parts(), time.perf_counter() - self.start_time)
        except OSError as error:
            return f"the checkpoint can't be written: {error.strerror}"
        return None

    def _go_on(self, checkpoint: Checkpoint) -> bool:
        """Go to where the search stood when the checkpoint was written, and judge all again; whether there is one."""
        at = checkpoint.read(self.tables, len(self.shards))
        if at is None:
            return False
        try:
            self.layout = checkpoint.restore(at, self._parts())
        except OutOfMemoryError:
            raise checkpoint.refusal(
                f"its states don't fit into {self.limits.bytes / GIB:.3g} GiB; give more"
            ) from None
        self.start_time -= at.seconds
        self.depth = len(self.bounds)
        numbers = self._sizes(len(self.shards))
        for depth, level in enumerate([*self.bounds, self._next_bounds()]):
            for shard, (begin, end) in zip(self.shards, level, strict=True):
                for _, name in self.judge.judge(shard.review(begin, end, numbers), depth):
                    raise checkpoint.refusal(f"{name} is broken by a state that kept it before; give an empty folder")
        return True

    def _add_first(self, packed: Ints, orbits: int) -> int:
        at = self.layout
        home = int(kernel.owner(packed, self._sizes(len(self.shards)), at.word, at.shift, at.mask))
        self.shards[home].add_first(packed, home)
        self.shards[home].counts[kernel.ORBITS] = orbits
        return home

    def _review_first(self) -> Ints:
        numbers = self._sizes(len(self.shards))
        return np.concatenate([shard.review(0, shard.states, numbers) for shard in self.shards])

    def _level(self) -> str | None:
        levels = self._next_bounds()
        self.bounds.append(levels)
        for shard, (_, end) in zip(self.shards, levels, strict=True):
            shard.earlier = end
        cursors = [begin for begin, _ in levels]
        rest = [np.empty(0, np.int64) for _ in levels]  # states taken on but not expanded yet
        while self._count_pending(levels, cursors, rest):
            if (reason := self.stop()) is not None:
                return reason
            for p, (_, end) in enumerate(levels):
                fresh = min(CHUNK - len(rest[p]), end - cursors[p])
                rest[p] = np.concatenate([rest[p], np.arange(cursors[p], cursors[p] + fresh)])
                cursors[p] += fresh
            numbers = self._sizes(len(self.shards))
            rest = list(self.pool.map(self._expand, self.workers, rest, [numbers] * len(rest)))
            self._insert(numbers)
            self._execute(
                np.concatenate([worker.missing for worker in self.workers]),
                np.concatenate([worker.undecided for worker in self.workers]),
            )
            self._make_room()
            self._tell()
            if self.findings:
                return None
        return None

    def _count_pending(self, levels: list[tuple[int, int]], cursors: list[int], rest: list[Ints]) -> bool:
        """Count the states of the level that aren't expanded yet; whether there are any."""
        self.pending = sum(end - c for c, (_, end) in zip(cursors, levels, strict=True)) + sum(map(len, rest))
        return self.pending > 0

    def _expand(self, worker: Worker, todo: Ints, numbers: Ints) -> Ints:
        states = self.shards[worker.number].arena.rows(todo)
        return worker.expand(self.tables, self.layout, todo, states, numbers)

    def _insert(self, numbers: Ints) -> None:
        """Let every shard take what came for it, and judge what it saw for the first time."""

        def take(p: int) -> list[Ints]:
            return [self.shards[p].insert(w.out[p], int(w.out_counts[p]), numbers) for w in self.workers]

        for p, fresh in enumerate(self.pool.map(take, range(len(self.shards)))):
            for rows in fresh:
                for state, name in self.judge.judge(rows, self.depth + 1):
                    self.findings.append(Finding(state * len(self.shards) + p, name, is_step=False))

    def _make_room(self) -> None:
        """Widen the ids if they grew."""
        # A finding ends the search, and is still read with the layout that all states have.
        if not self.findings:
            self.layout = widen(self.tables, self.layout, self.shards)

    def _findings_on_messages(self) -> list[Finding]:
        findings = []
        for invariant in self.system.on_messages:
            truth = self.truths.setdefault(invariant.name, Truth(self.tables, invariant.condition))
            for p, (begin, end) in enumerate(self._next_bounds()):
                for first in range(begin, end, CHUNK):
                    words = self.shards[p].arena.block(first, min(first + CHUNK, end))
                    broken = np.flatnonzero(~truth.of(words, self.layout))[:1] + first
                    findings += [
                        Finding(n * len(self.shards) + p, invariant.name, is_step=False) for n in broken.tolist()
                    ]
        return findings

    def _path(self) -> Path:
        """Return the most readable of the shortest paths to a broken promise."""
        settle = as_it_is if self.useless is None else self.useless.settle
        finding = min(self.findings)
        states = chain(self.tables, self.layout, self.shards, finding.state)
        path = concrete_path(self.tables, states, finding, settle)
        is_simple = path.broken != DEADLOCK and not self.system.on_messages
        if not path.steps or self.leaves_out or not is_simple:
            return path
        return most_readable(self.tables, self.layout, self.shards, self.bounds, path=path, stop=self.stop)

    def _tuples(self) -> int:
        return tuples.count(self.tables, self.shards)

    def _tally(self) -> Tally:
        return Tally(
            states=sum(s.states for s in self.shards),
            transitions=sum(w.transitions for w in self.workers),
            over_capacity=sum(w.over_capacity for w in self.workers),
            beyond=sum(w.beyond for w in self.workers),
            orbits=sum(int(s.counts[kernel.ORBITS]) for s in self.shards),
            memory=sum(s.bytes_used for s in self.shards),
        )
