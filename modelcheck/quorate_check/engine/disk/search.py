"""Breadth-first search with its states in files: what is in memory at a time has a bound, whatever there is in all.

A level is read from its file and expanded; its successors are compared with all states part by part (`parts.py`), and
the new ones are the next level. A level's file keeps its states' parents, too, so that a path can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np

from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.path import GlobalState, Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration
from quorate_check.engine import kernel
from quorate_check.engine.arena import repack
from quorate_check.engine.breadth_first import BreadthFirst, Tally
from quorate_check.engine.disk.folder import Folder, Rows
from quorate_check.engine.disk.parts import NewStates, Part, Parts
from quorate_check.engine.disk.states import States, parts_of, places_by_part
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.limits import Limits, Progress
from quorate_check.engine.readable import Bounds, most_readable
from quorate_check.engine.search import shorten
from quorate_check.engine.shard import OutOfMemoryError, Shard
from quorate_check.engine.trace import Finding, as_it_is, concrete_path
from quorate_check.engine.worker import Worker

NOTE = (
    "This is one of the shortest paths, as it was found: to choose among them, all states would have to be in memory."
)


def explore(
    system: System,
    limits: Limits,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Search `system` as `search.explore` does, with its states in the folder `limits.disk`, which is empty afterwards.

    Raises UnusableSystemError for what a search in memory does, and if the folder can't be used.
    """
    assert limits.disk is not None
    with closing(Folder(limits.disk)) as folder:
        exploration = _DiskSearch(system, limits, stop, report, folder).run()
    return shorten(system, limits, exploration, stop)


class _Level:
    """The states of one level, and for each the number of its parent in the level before."""

    def __init__(self, folder: Folder, depth: int) -> None:
        self.states = States(folder, f"level-{depth}")
        self.parents = Rows(folder, f"parents-{depth}", 1)


class _Expander:
    """One worker with the states that it has taken on: packed, the number of the first in its level, which are left."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.states, self.first, self.rest = np.empty((0, 1), np.int64), 0, np.empty(0, np.int64)

    def take(self, states: Ints, first: int) -> None:
        """Take on some states."""
        self.states, self.first, self.rest = states, first, np.arange(len(states))

    def repack(self, at: Layout, to: Layout) -> None:
        """Go on with a wider layout."""
        self.states = repack(self.states, at, to)


class _DiskSearch(BreadthFirst):
    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
        folder: Folder,
    ) -> None:
        super().__init__(system, limits, stop, report)
        self.folder = folder

    def _begin(self) -> None:
        super()._begin()
        self.folder.clear()
        n = self.limits.workers
        self.expanders = [_Expander(Worker(0, 1, self.layout.words, self.useless)) for _ in range(n)]
        self.parts = Parts(self.tables, self.folder, self.limits.bytes, n, least=self.useless is not None)
        self.levels = [_Level(self.folder, 0)]
        self.orbits = 0
        self.pool = ThreadPoolExecutor(n)

    def _end(self) -> None:
        self.pool.shutdown()

    def _search(self) -> tuple[list[int], str | None]:
        try:
            return super()._search()
        except OSError as error:  # before there was a level
            return [self._tally().states], self.folder.failure(error)

    def _add_first(self, packed: Ints, orbits: int) -> int:
        states, self.orbits = packed.reshape(1, -1), orbits
        self._store(self._part_of_first(states), states, np.zeros(1, np.int64))
        return 0

    def _part_of_first(self, states: Ints) -> Part:
        return self.parts.parts[int(parts_of(states, self.layout, self.tables, self.parts.bits)[0])]

    def _review_first(self) -> Ints:
        for states, at in self.levels[0].states.blocks():
            shard = self.parts.shard(self._part_of_first(states), at, 0)
            return shard.review(0, 1, self._sizes(1))
        return np.empty((0, 3), np.int64)

    def _store(self, part: Part, states: Ints, parents: Ints) -> None:
        self.levels[-1].states.append(states, self.layout)
        self.levels[-1].parents.append(parents.reshape(-1, 1))
        part.states.append(states, self.layout)

    def _level(self) -> str | None:
        self.parts.next_level()
        self.levels.append(_Level(self.folder, self.depth + 1))
        try:
            return self._expand_all() or (None if self.findings else self._enter())
        except OSError as error:
            return self.folder.failure(error)

    def _expand_all(self) -> str | None:
        """Expand the states of the level and keep their successors; return why it was left early, if it was."""
        level = self.levels[-2].states
        rest, blocks = level.count, level.blocks()
        self.pending = rest
        while self.pending:
            if (reason := self.stop()) is not None:
                return reason
            rest -= self._hand_out(blocks, level.count - rest)
            self._round()
            self.pending = rest + sum(len(e.rest) for e in self.expanders)
            self._tell()
            if self.findings:
                return None
            if self.tables.outgrow(self.layout):
                if (reason := self._enter()) is not None:
                    return reason
                self._widen()
        return None

    def _hand_out(self, blocks: Iterator[tuple[Ints, Layout]], first: int) -> int:
        """Give states to those who have none left; return how many."""
        count = 0
        for expander in self.expanders:
            if not len(expander.rest) and (block := next(blocks, None)) is not None:
                states, at = block
                expander.take(repack(states, at, self.layout), first + count)
                count += len(states)
        return count

    def _round(self) -> None:
        numbers = self._sizes(1)
        for groups in self.pool.map(self._expand, self.expanders, [numbers] * len(self.expanders)):
            for number, successors in groups:
                self.parts.add(number, successors)
        missing = []
        for e in self.expanders:
            rows = e.worker.missing
            rows[:, 0] += e.first
            missing.append(rows)
        self._execute(np.concatenate(missing), np.concatenate([e.worker.undecided for e in self.expanders]))

    def _expand(self, e: _Expander, numbers: Ints) -> list[tuple[int, Ints]]:
        """Expand what a worker has taken on, as far as it comes; return the successors by part."""
        e.rest = e.worker.expand(self.tables, self.layout, e.rest, e.states[e.rest], numbers)
        successors = e.worker.out[0, : e.worker.out_counts[0]]
        parents = e.first + (successors[:, self.layout.words] & kernel.PARENT)
        parts = parts_of(successors, self.layout, self.tables, self.parts.bits)
        return [(number, np.column_stack([successors[p], parents[p]])) for number, p in places_by_part(parts)]

    def _enter(self) -> str | None:
        """Compare all successors with the states, and store the new ones; return why it was left early, if it was."""
        while todo := [part for part in self.parts.parts if part.waits]:
            at_once, too_large = self.parts.at_once, False
            for begin in range(0, len(todo), at_once):
                if (reason := self.stop()) is not None:
                    return reason
                too_large |= not self._take(todo[begin : begin + at_once])
                self._tell()
                if self.findings:
                    return None
            if too_large:
                self.parts.split(self.layout)
        self.parts.buffer_bytes = 0
        return None

    def _take(self, parts: list[Part]) -> bool:
        """Store what is new in some parts, which are loaded together; whether there was room for all of it."""
        numbers, whole = self._sizes(1), True

        def take(slot: int) -> NewStates:
            return self.parts.take(parts[slot], self.layout, numbers, slot)

        for part, new in zip(parts, self.pool.map(take, range(len(parts))), strict=True):
            first = self.levels[-1].states.count
            self._store(part, new.states, new.parents)
            self.orbits += new.orbits
            for state, name in self.judge.judge(new.fresh, self.depth + 1):
                self.findings.append(Finding(first + state, name, is_step=False))
            if new.whole:
                part.settle()
            whole &= new.whole
        return whole

    def _widen(self) -> None:
        to = self.tables.layout(self.layout)
        for expander in self.expanders:
            expander.repack(self.layout, to)
        self.layout = to

    def _chain(self, finding: Finding) -> list[GlobalState]:
        """Return the stored states from the initial one to that of `finding`."""
        number, states = finding.state, []
        # A step and a deadlock are found when a state is expanded, before those of the last level are.
        for level in reversed(self.levels[: -1 if finding.is_step or finding.name == DEADLOCK else None]):
            states.append(level.states.state(number, self.tables))
            (number,) = level.parents.row(number)
        return states[::-1]

    def _path(self) -> Path:
        finding = min(self.findings)
        settle = as_it_is if self.useless is None else self.useless.settle
        try:
            states = self._chain(finding)
        except OSError as error:
            raise self.folder.refusal(f"{finding.name} is broken, but the path to it is lost: {error}") from None
        path = concrete_path(self.tables, states, finding, settle)
        if not path.steps or self.leaves_out or path.broken == DEADLOCK:
            return path
        try:
            shard, bounds = self._expanded_levels()
        except OutOfMemoryError:
            return replace(path, note=NOTE)
        return most_readable(self.tables, self.layout, [shard], bounds, path=path, stop=self.stop)

    def _expanded_levels(self) -> tuple[Shard, Bounds]:
        """Load the levels that were expanded into memory; raise OutOfMemoryError if there is no room."""
        levels = [level.states for level in self.levels[:-1]]
        shard = Shard(self.tables, self.layout, 1, self.limits.bytes)
        shard.counts[kernel.STATES] = sum(states.count for states in levels)
        shard.begin(self.layout, shard.counts.tolist())
        bounds, first = list[list[tuple[int, int]]](), 0
        for states in levels:
            bounds.append([(first, first + states.count)])
            for block, at in states.blocks():
                shard.enter(repack(block, at, self.layout), first)
                first += len(block)
        return shard, bounds

    def _tally(self) -> Tally:
        workers, folder = [e.worker for e in self.expanders], self.folder
        return Tally(
            states=sum(level.parents.count for level in self.levels),
            transitions=sum(w.transitions for w in workers),
            over_capacity=sum(w.over_capacity for w in workers),
            beyond=sum(w.beyond for w in workers),
            orbits=self.orbits,
            memory=None,
            stored={
                "disk_bytes": folder.most,
                "written_bytes": folder.written_bytes,
                "read_bytes": folder.read_bytes,
                "parts": len(self.parts.parts),
            },
        )
