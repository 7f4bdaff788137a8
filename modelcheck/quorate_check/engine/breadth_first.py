"""What searches by levels have in common, wherever their states lie: in memory, in files or in other processes.

A level is searched in rounds: states are expanded, their successors are entered where they belong, and between rounds,
with no worker running, Python executes the pairs that were unknown, judges the tuples of views that were new, and looks
whether to stop.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.invariants import StepWitness, Witness
from quorate_check.core.path import Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration, WitnessResult
from quorate_check.engine import kernel
from quorate_check.engine.coverage import coverage_of
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import GIB, Limits, Progress
from quorate_check.engine.shard import OutOfMemoryError
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import Finding, pack
from quorate_check.engine.useless import Useless, why_none_is_removed
from quorate_check.engine.views import Judge
from quorate_check.engine.worker import sizes


@dataclass(frozen=True, slots=True)
class Tally:
    """What a search has counted so far; `orbits` and `over_capacity` are as `Exploration` has them.

    `memory` are the bytes of memory that all states take; if they lie elsewhere it is None, and `stored` has figures.
    """

    states: int
    transitions: int
    over_capacity: int
    beyond: int
    orbits: int
    memory: int | None
    stored: Mapping[str, int] | None = None


class BreadthFirst(ABC):
    """A search of all states, level by level."""

    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
        *,
        why_whole: str | None = None,
    ) -> None:
        self.start_time = time.perf_counter()
        self.system, self.limits, self.stop, self.report = system, limits, stop, report
        self.judge = Judge(system)
        self.tables = Tables(system, self.judge)
        self.why_whole = (why_whole or why_none_is_removed(system, limits.depth)) if limits.reduced else None
        self.useless = Useless(self.tables) if limits.reduced and self.why_whole is None else None

    def _begin(self) -> None:
        """Have nothing found yet."""
        self.layout = self.tables.layout()
        self.depth = 0  # of the states that are being expanded
        self.findings: list[Finding] = []
        self.deadlocks: list[Finding] = []  # of the level that is: they count if nothing else is found in it
        self.witness_depth: dict[str, int] = {}
        self.level_end = 0  # states that were expanded, or are in the level that is
        self.pending = 0  # states of that level that weren't expanded yet

    @abstractmethod
    def _add_first(self, packed: Ints, orbits: int) -> int:
        """Store the initial state, which stands for `orbits` states; return its number."""

    @abstractmethod
    def _review_first(self) -> Ints:
        """Return the views that the initial state shows, as rows of `kernel.note_views`."""

    @abstractmethod
    def _level(self) -> str | None:
        """Expand one level; return why it was left early, if it was."""

    @abstractmethod
    def _tally(self) -> Tally:
        """Return what was counted."""

    @abstractmethod
    def _path(self) -> Path:
        """Return a shortest path to a broken promise."""

    @abstractmethod
    def _end(self) -> None:
        """Let the workers finish what they have begun."""

    def _findings_on_messages(self) -> list[Finding]:
        """Return the new states that break an invariant on messages in flight."""
        assert not self.system.on_messages, "only a search in memory looks at messages"
        return []

    def _tuples(self) -> int | None:
        """Return how many tuples of local states were reached, None if they can't be counted quickly."""
        return None

    @property
    def leaves_out(self) -> bool:
        """Whether a state may have been left out: for a message that was useless, or for a budget that was used."""
        return self.useless is not None and (self.useless.any_useless or any(self.system.limits().values()))

    def _start(self) -> list[int]:
        """Store what is known at the beginning; return how many states are on each level."""
        self._enter_initial_state()
        return [1]

    def _end_level(self) -> str | None:
        """Do what is to be done at a level's end; return why the search can't go on, if it can't."""
        return None

    def run(self) -> Exploration:
        """Search until what was taken for useless was, and say what was found."""
        while True:
            self._begin()
            levels, reason = self._search()
            if self.useless is None or reason is not None or self.findings or self.useless.stands():
                return self._conclude(tuple(f for f in levels if f), reason, unexplored=levels[-1] > 0)
            for part in (self.useless, self.tables, self.judge):
                part.begin_again()

    def _search(self) -> tuple[list[int], str | None]:
        """Search; return how many states were found on each level, and why the search ended early, if it did."""
        reason, levels = None, [1]
        try:
            levels = self._start()
            self.level_end = sum(levels[:-1])
            while levels[-1] and not self.findings and self.depth != self.limits.depth:
                self.level_end = sum(levels)
                reason = self._level()
                self.findings += self._findings_on_messages()
                if not self.findings:
                    self.findings = self.deadlocks
                levels.append(self._tally().states - sum(levels))
                if reason is not None:
                    break
                self.depth += 1
                if (reason := self._end_level()) is not None:
                    break
        except OutOfMemoryError:
            self._end()
            reason = f"{self.limits.bytes / GIB:.3g} GiB of memory are full at depth {self.depth + 1}"
            levels.append(self._tally().states - sum(levels))
        finally:
            self._end()
        return levels, reason

    def _enter_initial_state(self) -> None:
        first = behaviour.start(self.system)
        renamed = self._renamings_of_initial_state()
        # The least of them, as `kernel._canonize` would choose it: the search may come back to this orbit.
        least = min(renamed, key=lambda ids: ([int(self.tables.orbit[i]) for i in ids], ids))
        nodes = tuple(self.tables.locals[i] for i in least)
        packed = np.array(pack(self.tables, self.layout, replace(first, nodes=nodes)), np.int64)
        number = self._add_first(packed, len(renamed))
        if (name := behaviour.broken(self.system, first)) is not None:
            self.findings.append(Finding(number, name, is_step=False))
        self.judge.witness_depth.update(dict.fromkeys(behaviour.witnesses_in(self.system, first), 0))
        if self.tables.group and not self.findings:  # its renamings are taken for it, so they must be judged like it
            list(self.judge.judge(self._review_first(), 0))

    def _renamings_of_initial_state(self) -> set[tuple[int, ...]]:
        group, ids = self.tables.group, self.tables.initial
        if not group:
            return {tuple(ids)}
        rename, inverse = self.tables.rename_local, self.tables.inverse
        return {tuple(int(rename[p, ids[j]]) for j in inverse[p]) for p in range(len(group))}

    def _sizes(self, shards: int) -> Ints:
        numbers = sizes(self.tables, self.layout, shards)
        numbers[kernel.REMOVES] = self.useless is not None
        return numbers

    def _execute(self, missing: Ints, undecided: Ints) -> None:
        """Run the real step function for pairs that workers didn't know, and say which messages are useless."""
        if len(missing):
            for state, name, detail in self.tables.execute(missing):
                findings = self.deadlocks if name == DEADLOCK else self.findings
                findings.append(Finding(state, name, is_step=name != DEADLOCK, detail=detail))
            for name in self.tables.step_witnesses:
                self.witness_depth.setdefault(name, self.depth + 1)
        if self.useless is not None:
            self.useless.answer(undecided)

    def _waiting(self, states: int) -> int:
        return self.pending + max(0, states - self.level_end)

    def _tell(self) -> None:
        at = self._tally()
        seconds = time.perf_counter() - self.start_time
        executions, waiting = self.tables.step_executions, self._waiting(at.states)
        self.report(Progress(self.depth, at.states, at.transitions, executions, seconds, waiting, at.stored))

    def _conclude(self, levels: tuple[int, ...], reason: str | None, *, unexplored: bool) -> Exploration:
        def depth(witness: Witness | StepWitness) -> int | None:
            depths: dict[str, Any] = self.judge.witness_depth if isinstance(witness, Witness) else self.witness_depth
            return depths.get(witness.name)

        seconds = time.perf_counter() - self.start_time  # of the search; to choose among its paths is another matter
        coverage = coverage_of(self.tables, self.limits, self.stop)  # before there is a path, which may run more
        path = self._path() if self.findings else None
        limited = self.limits.depth is not None and unexplored and not self.findings and reason is None
        at = self._tally()
        return Exploration(
            subject=self.system.name,
            levels=levels,
            transitions=at.transitions,
            over_capacity=at.over_capacity,
            step_executions=self.tables.step_executions,
            seconds=seconds,
            invariants=behaviour.promises_of(self.system),
            witnesses=tuple(WitnessResult(w.name, depth(w), w.impossible) for w in self.system.witnesses),
            orbit_sum=at.orbits if self.tables.group else None,
            bytes_per_state=None if at.memory is None else at.memory / at.states,
            path=path,
            stopped=reason,
            depth_limit=self.limits.depth if limited else None,
            tuples=self._tuples(),
            without_useless=self.leaves_out,
            why_whole=self.why_whole,
            beyond=at.beyond,
            waiting=self._waiting(at.states),
            stored=at.stored,
            coverage=coverage,
        )
