"""Breadth-first search, level by level: workers expand, shards insert, Python runs the steps that nobody has run yet.

A level is searched in rounds. In a round every worker expands some states of its own shard and sorts the successors by
the shard that owns them; then every shard inserts what came for it. Between rounds, with no worker running, Python
executes the pairs that were unknown, judges the tuples of views that were new, and looks whether to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.invariants import StepWitness, Witness
from quorate_check.core.path import Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration, WitnessResult
from quorate_check.engine import kernel
from quorate_check.engine.checkpoint import Checkpoint, Searched
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import GIB, Ceiling, Limits, Progress
from quorate_check.engine.readable import Bounds, most_readable
from quorate_check.engine.shard import OutOfMemoryError, Shard, widened
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import Finding, as_it_is, concrete_path, pack
from quorate_check.engine.unremoved import MOST_STATES, NOTE, without_idle_steps
from quorate_check.engine.useless import Useless, removable
from quorate_check.engine.views import Judge
from quorate_check.engine.worker import Worker, sizes


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
    search = _Search(system, limits or Limits(), stop, report, checkpoint)
    found = search.run()
    if search.useless is None or found.path is None:
        return found
    del search  # and all its states
    return replace(found, path=_shortest(system, limits or Limits(), found.path, stop))


def _shortest(system: System, limits: Limits, path: Path, stop: Callable[[], str | None]) -> Path:
    """Return the path that the whole search finds, or `path` with a note if that takes too many states."""
    if not path.steps:
        return path
    ceiling = Ceiling(MOST_STATES, stop)
    path = without_idle_steps(system, path)
    within = replace(limits, depth=len(path.steps), reduced=False)
    found = _Search(replace(system, witnesses=()), within, ceiling.stop, ceiling.report, None).run().path
    return replace(path, note=NOTE) if found is None else found


class _Search:
    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
        checkpoint: Checkpoint | None,
    ) -> None:
        self.began = time.perf_counter()
        self.system, self.limits, self.stop, self.report, self.checkpoint = system, limits, stop, report, checkpoint
        self.judge = Judge(system)
        self.tables = Tables(system, self.judge)
        # What was found before a search was killed was found without removing any.
        removing = limits.reduced and checkpoint is None and removable(system)
        self.useless = Useless(self.tables) if removing else None
        self._begin()

    def _begin(self) -> None:
        self.layout = self.tables.layout()
        n = self.limits.workers
        least = self.useless is not None
        self.shards: list[Shard] = []  # lets go of an earlier search's before there are others
        self.shards = [Shard(self.tables, self.layout, n, self.limits.bytes // n, least=least) for _ in range(n)]
        self.workers = [Worker(p, n, self.layout.words, self.useless) for p in range(n)]
        self.pool = ThreadPoolExecutor(n)
        self.depth = 0  # of the states that are being expanded
        self.findings: list[Finding] = []
        self.bounds: Bounds = []  # of the levels that were expanded, or are being
        self.witness_depth: dict[str, int] = {}
        self.pending = 0  # states of the level that weren't expanded yet

    def run(self) -> Exploration:
        """Search until what was taken for useless was, and say what was found."""
        while True:
            found, stopped = self._search()
            if self.useless is None or stopped is not None or self.findings or self.useless.stands():
                return self._conclude(tuple(f for f in found if f), stopped, unexplored=found[-1] > 0)
            for part in (self.useless, self.tables, self.judge):
                part.begin_again()
            self._begin()

    def _search(self) -> tuple[list[int], str | None]:
        """Search; return how many states were found on each level, and why the search ended early, if it did."""
        stopped, found = None, [1]  # states on each level
        try:
            if self.checkpoint is None or not self._go_on(self.checkpoint):
                self._enter_initial_state()
            found = [sum(end - begin for begin, end in level) for level in self.bounds]
            # Where each shard's current level begins and ends.
            levels = [[end, s.states] for end, s in zip(self._ends(), self.shards, strict=True)]
            found.append(sum(end - begin for begin, end in levels))
            while found[-1] and not self.findings and self.depth != self.limits.depth:
                stopped = self._level(levels)
                levels = [[end, shard.states] for (_, end), shard in zip(levels, self.shards, strict=True)]
                found.append(sum(end - begin for begin, end in levels))
                if stopped is not None:
                    break
                self.depth += 1
                if (stopped := self._save()) is not None:
                    break
        except OutOfMemoryError:
            self.pool.shutdown()  # the other workers finish what they have begun
            stopped = f"{self.limits.bytes / GIB:.3g} GiB of memory are full at depth {self.depth + 1}"
            found.append(sum(s.states for s in self.shards) - sum(found))
        finally:
            self.pool.shutdown()
        return found, stopped

    def _ends(self) -> list[int]:
        """Return where the last level that was expanded ends in each shard."""
        return [end for _, end in self.bounds[-1]] if self.bounds else [0] * len(self.shards)

    def _searched(self) -> Searched:
        return Searched(self.tables, self.shards, self.workers, self.bounds, self.witness_depth)

    def _save(self) -> str | None:
        """Write the end of a level to the checkpoint; return why it can't be written, if it can't."""
        if self.checkpoint is None or self.findings:
            return None
        try:
            self.checkpoint.write(self._searched(), time.perf_counter() - self.began)
        except OSError as error:
            return f"the checkpoint can't be written: {error.strerror}"
        return None

    def _go_on(self, checkpoint: Checkpoint) -> bool:
        """Go to where the search stood when the checkpoint was written, and judge all again; whether there is one."""
        at = checkpoint.read(self.tables, len(self.shards))
        if at is None:
            return False
        try:
            self.layout = checkpoint.restore(at, self._searched())
        except OutOfMemoryError:
            raise checkpoint.refusal(
                f"its states don't fit into {self.limits.bytes / GIB:.3g} GiB; give more"
            ) from None
        self.began -= at.seconds
        self.depth = len(self.bounds)
        waiting = [(end, shard.states) for end, shard in zip(self._ends(), self.shards, strict=True)]
        for depth, level in enumerate([*self.bounds, waiting]):
            for shard, (begin, end) in zip(self.shards, level, strict=True):
                for _, name in self.judge.judge(shard.review(begin, end, self._sizes()), depth):
                    raise checkpoint.refusal(f"{name} is broken by a state that kept it before; give an empty folder")
        return True

    def _enter_initial_state(self) -> None:
        first = behaviour.start(self.system)
        at, renamed = self.layout, self._renamings_of_initial_state()
        # The least of them, as `kernel._canonize` would choose it: the search may come back to this orbit.
        least = min(renamed, key=lambda ids: ([int(self.tables.orbit[i]) for i in ids], ids))
        nodes = tuple(self.tables.locals[i] for i in least)
        packed = np.array(pack(self.tables, at, replace(first, nodes=nodes)), np.int64)
        home = kernel.owner(packed, self._sizes(), at.word, at.shift, at.mask)
        self.shards[home].add_first(packed, home)
        self.shards[home].counts[kernel.ORBITS] = len(renamed)
        if (name := behaviour.broken(self.system, first)) is not None:
            self.findings.append(Finding(home, name, is_step=False))
        self.judge.seen.update(dict.fromkeys(behaviour.witnessed(self.system, first), 0))
        if self.tables.group and not self.findings:  # its renamings are taken for it, so they must be judged like it
            list(self.judge.judge(self.shards[home].review(0, 1, self._sizes()), 0))

    def _renamings_of_initial_state(self) -> set[tuple[int, ...]]:
        group, ids = self.tables.group, self.tables.initial
        if not group:
            return {tuple(ids)}
        rename, inverse = self.tables.rename_local, self.tables.inverse
        return {tuple(int(rename[p, ids[j]]) for j in inverse[p]) for p in range(len(group))}

    def _sizes(self) -> Ints:
        numbers = sizes(self.tables, self.layout, len(self.shards))
        numbers[kernel.REMOVES] = self.useless is not None
        return numbers

    def _level(self, levels: list[list[int]]) -> str | None:
        """Expand one level; return why it was left early, if it was."""
        self.bounds.append([(begin, end) for begin, end in levels])
        for shard, (_, end) in zip(self.shards, levels, strict=True):
            shard.earlier = end
        cursors = [begin for begin, _ in levels]
        rest = [np.empty(0, np.int64) for _ in levels]  # states taken on but not expanded yet
        while self._left(levels, cursors, rest):
            if (reason := self.stop()) is not None:
                return reason
            for p, (_, end) in enumerate(levels):
                fresh = min(self.workers[p].chunk - len(rest[p]), end - cursors[p])
                rest[p] = np.concatenate([rest[p], np.arange(cursors[p], cursors[p] + fresh)])
                cursors[p] += fresh
            numbers = self._sizes()
            rest = list(self.pool.map(self._expand, self.workers, rest, [numbers] * len(rest)))
            self._insert(numbers)
            self._execute()
            self._make_room()
            self._tell()
            if self.findings:
                return None
        return None

    def _left(self, levels: list[list[int]], cursors: list[int], rest: list[Ints]) -> bool:
        """Count the states of the level that aren't expanded yet; whether there are any."""
        self.pending = sum(end - c for c, (_, end) in zip(cursors, levels, strict=True)) + sum(map(len, rest))
        return self.pending > 0

    def _expand(self, worker: Worker, todo: Ints, numbers: Ints) -> Ints:
        return worker.expand(self.tables, self.layout, todo, self.shards[worker.number].arena, numbers)

    def _insert(self, numbers: Ints) -> None:
        """Let every shard take what came for it, and judge what it saw for the first time."""

        def take(p: int) -> list[Ints]:
            return [self.shards[p].insert(w.out[p], int(w.out_counts[p]), numbers) for w in self.workers]

        for p, fresh in enumerate(self.pool.map(take, range(len(self.shards)))):
            for rows in fresh:
                for state, name in self.judge.judge(rows, self.depth + 1):
                    self.findings.append(Finding(state * len(self.shards) + p, name, is_step=False))

    def _execute(self) -> None:
        """Run the real step function for the pairs that the workers didn't know, and say which messages are useless."""
        missing = np.concatenate([worker.missing for worker in self.workers])
        if len(missing):
            for state, name, detail in self.tables.execute(missing):
                self.findings.append(Finding(state, name, is_step=True, detail=detail))
            for name in self.tables.seen:
                self.witness_depth.setdefault(name, self.depth + 1)
        if self.useless is not None:
            self.useless.answer(np.concatenate([worker.undecided for worker in self.workers]))

    def _make_room(self) -> None:
        """Widen the ids if they grew."""
        # A finding ends the search, and is still read with the layout that all states have.
        if not self.findings:
            self.layout = widened(self.tables, self.layout, self.shards)

    def _tell(self) -> None:
        states = sum(s.states for s in self.shards)
        transitions = sum(w.transitions for w in self.workers)
        spent = time.perf_counter() - self.began
        waiting = states - sum(end for _, end in self.bounds[-1]) + self.pending
        self.report(Progress(self.depth, states, transitions, self.tables.step_executions, spent, waiting))

    def _path(self) -> Path:
        """Return the most readable of the shortest paths to a broken promise."""
        settled = as_it_is if self.useless is None else self.useless.settled
        found = concrete_path(self.tables, self.layout, self.shards, min(self.findings), settled)
        if not found.steps or self.useless is not None:
            return found
        return most_readable(self.tables, self.layout, self.shards, self.bounds, found=found, stop=self.stop)

    def _conclude(self, levels: tuple[int, ...], stopped: str | None, *, unexplored: bool) -> Exploration:
        def seen(witness: Witness | StepWitness) -> int | None:
            found: dict[str, Any] = self.judge.seen if isinstance(witness, Witness) else self.witness_depth
            return found.get(witness.name)

        seconds = time.perf_counter() - self.began  # of the search; to choose among its paths is another matter
        path = self._path() if self.findings else None
        states = sum(s.states for s in self.shards)
        limited = self.limits.depth is not None and unexplored and not self.findings and stopped is None
        return Exploration(
            subject=self.system.name,
            levels=levels,
            transitions=sum(w.transitions for w in self.workers),
            over_capacity=sum(w.over_capacity for w in self.workers),
            step_executions=self.tables.step_executions,
            seconds=seconds,
            invariants=tuple(i.name for i in self.system.invariants),
            witnesses=tuple(WitnessResult(w.name, seen(w), w.impossible) for w in self.system.witnesses),
            orbit_sum=sum(int(s.counts[kernel.ORBITS]) for s in self.shards) if self.tables.group else None,
            bytes_per_state=sum(s.bytes_used for s in self.shards) / states,
            path=path,
            stopped=stopped,
            depth_limit=self.limits.depth if limited else None,
            without_useless=self.useless is not None,
            beyond=sum(w.beyond for w in self.workers),
            waiting=self.pending + max(0, states - sum(end for _, end in self.bounds[-1])) if self.bounds else states,
        )
