"""Seeded random walks on the real code, far beyond what can be explored exhaustively.

Many walks advance together: `expand` offers each its successors, and one is taken at random. Steps and tuples of views
are looked up in the same tables as in the search, so a walk is fast and every state on it is judged. A walk proves
nothing about the states that it misses, so what it says is called a sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import CutOff, Verdict, WitnessResult
from quorate_check.engine import Progress, kernel
from quorate_check.engine.arena import repack
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import Finding, conclude, pack, unpack, walk
from quorate_check.engine.views import Judge, SeenViews
from quorate_check.engine.worker import Worker, sizes

WALKS_AT_ONCE = 1 << 14
BATCH_WORDS = 1 << 24  # of packed states that the walks of one batch may take


@dataclass(frozen=True, slots=True)
class Simulation:
    """What `walks` random walks of at most `depth` steps met; `local_states` and `steps` say how much they covered."""

    subject: str
    walks: int
    depth: int
    seed: int
    transitions: int
    step_executions: int
    local_states: int
    seconds: float
    invariants: tuple[str, ...]
    witnesses: tuple[WitnessResult, ...]
    path: Path | None = None
    stopped: str | None = None
    over_capacity: int = 0
    beyond: int = 0

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a path shows it, UNKNOWN if the walks were cut short, else HOLDS: on these walks."""
        if self.path is not None:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if self.stopped else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        if self.path is not None:
            return self.path.conclusion
        if self.stopped is not None:
            return f"unknown: {self.stopped}"
        claim = f"holds on {self.walks:,} random walks of at most {self.depth:,} steps (seed {self.seed}): a sample"
        return self.cut_off.after(claim)

    @property
    def cut_off(self) -> CutOff:
        """The steps that weren't offered to a walk, and the states in which walks ended, because of the bounds."""
        return CutOff(self.over_capacity, self.beyond)


def simulate(
    system: System,
    walks: int,
    depth: int,
    seed: int,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Simulation:
    """Take `walks` random walks of at most `depth` steps; the same `seed` gives the same walks.

    Raises UnusableSystemError for less than one walk or move, and for a system that can't be packed.
    """
    if walks < 1 or depth < 1:
        raise UnusableSystemError(f"{walks} walks of {depth} steps: at least one of each is needed")
    return _Walks(replace(system, symmetry=None), walks, depth, seed, stop=stop, report=report).run()


def one_walk(system: System, depth: int, seed: int, stop: Callable[[], str | None] = lambda: None) -> Path:
    """Return one random walk of at most `depth` steps as a path, which ends sooner where nothing is enabled or breaks.

    The same `seed` gives the same walk. Raises UnusableSystemError for a system that can't be packed.
    """
    walks = _Walks(replace(system, symmetry=None), 1, depth, seed, stop=stop, report=lambda _: None)
    return walks.first()


class _Walks:
    def __init__(
        self,
        system: System,
        walks: int,
        depth: int,
        seed: int,
        *,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
    ) -> None:
        if system.on_messages:
            raise UnusableSystemError(f"{system.name}: random walks don't look at messages in flight; search instead")
        self.system, self.walks, self.depth, self.seed = system, walks, depth, seed
        self.stop, self.report = stop, report
        self.start_time = time.perf_counter()
        self.judge = Judge(system)
        self.tables = Tables(system, self.judge)
        self.layout = self.tables.layout()
        self.worker = Worker(0, 1, self.layout.words)
        self.views = SeenViews(self.judge)
        self.step_witness_depth: dict[str, int] = {}
        self.findings: list[Finding] = []
        self.arena: Ints = np.empty(0, np.int64)
        self.transitions = 0
        self.length = 0  # steps that the longest walk of the last batch has made

    def run(self) -> Simulation:
        """Walk in batches, as many walks at a time as the memory set aside for them allows."""
        first = behaviour.start(self.system)
        path, reason, count = None, None, 0
        if (name := behaviour.broken(self.system, first)) is not None:
            path = Path(first, (), name)
        while count < self.walks and path is None and reason is None:
            batch = max(
                1, min(self.walks - count, WALKS_AT_ONCE, BATCH_WORDS // ((self.depth + 1) * self.layout.words))
            )
            reason = self._walk(batch, count)
            if self.findings:
                path = self._path(batch, min(self.findings))
            count += batch if reason is None else 0
        at_once = dict.fromkeys(behaviour.witnesses_in(self.system, first), 0)
        depths = {**self.judge.witness_depth, **self.step_witness_depth, **at_once}
        return Simulation(
            subject=self.system.name,
            walks=count,
            depth=self.depth,
            seed=self.seed,
            transitions=self.transitions,
            step_executions=self.tables.step_executions,
            local_states=len(self.tables.locals),
            seconds=time.perf_counter() - self.start_time,
            invariants=tuple(i.name for i in self.system.invariants),
            witnesses=tuple(WitnessResult(w.name, depths.get(w.name), w.impossible) for w in self.system.witnesses),
            path=path,
            stopped=reason,
            over_capacity=self.worker.over_capacity,
            beyond=self.worker.beyond,
        )

    def first(self) -> Path:
        """Take one walk, and return it whether or not it breaks anything."""
        begin = behaviour.start(self.system)
        if (name := behaviour.broken(self.system, begin)) is not None:
            return Path(begin, (), name)
        self._walk(1, 0)
        if self.findings:
            return self._path(1, min(self.findings))
        words, states = self.layout.words, []
        for depth in range(self.length + 1):
            packed = self.arena[depth * words : (depth + 1) * words]
            states.append(unpack(self.tables, self.layout, packed.tolist()))
        return Path(begin, walk(self.system, states), "")

    def _walk(self, batch: int, first_walk: int) -> str | None:
        """Take `batch` walks to their ends; return why they were cut short, if they were."""
        packed = pack(self.tables, self.layout, behaviour.start(self.system))
        self.arena = np.zeros((self.depth + 1) * batch * self.layout.words, np.int64)
        self.arena[: batch * self.layout.words] = packed * batch
        alive = np.ones(batch, np.uint8)
        for depth in range(self.depth):
            todo = depth * batch + np.flatnonzero(alive)
            alive[:] = 0
            while len(todo) and not self.findings:
                if (reason := self.stop()) is not None:
                    return reason
                todo = self._advance(todo, batch, first_walk, depth, alive)
            self.transitions += int(alive.sum())
            self.length = depth + bool(alive.any())
            seconds = time.perf_counter() - self.start_time
            self.report(Progress(depth, self.transitions, self.transitions, self.tables.step_executions, seconds))
            if self.findings or not alive.any():
                break
        return None

    def _advance(self, todo: Ints, batch: int, first_walk: int, depth: int, alive: np.ndarray) -> Ints:
        """Move on the walks whose states are `todo`; return those that wait for steps nobody had run yet."""
        numbers, at = sizes(self.tables, self.layout, 1), self.layout
        states = self.arena.reshape(-1, at.words)[todo]
        rest = self.worker.expand(self.tables, at, todo, states, numbers)
        self.views.make_room(batch)
        fresh = np.zeros((batch * self.judge.per_state, 2 + self.judge.key_words), np.int64)
        rows = kernel.choose(
            self.worker.out[0], self.worker.out_counts[0], self.seed, first_walk, batch, depth, self.arena, alive,
            numbers, at.word, at.shift, at.mask, self.views.arrays(self.tables.view_of), fresh,
        )  # fmt: skip
        self.findings += [Finding(s, name, is_step=False) for s, name in self.judge.judge(fresh[:rows], depth + 1)]
        if len(self.worker.missing):
            findings = self.tables.execute(self.worker.missing)
            self.findings += [
                Finding(state, name, is_step=name != behaviour.DEADLOCK, detail=detail)
                for state, name, detail in findings
            ]
            for name in self.tables.step_witnesses:
                self.step_witness_depth.setdefault(name, depth + 1)
        if self.tables.outgrow(at):
            self._widen(self.tables.layout(at), (depth + 2) * batch)
        return rest

    def _widen(self, to: Layout, states: int) -> None:
        """Repack the walks so far for wider ids."""
        at, arena = self.layout, np.zeros(len(self.arena) // self.layout.words * to.words, np.int64)
        rows = repack(self.arena[: states * at.words].reshape(-1, at.words), at, to)
        arena[: rows.size] = rows.reshape(-1)
        self.layout, self.arena = to, arena

    def _path(self, batch: int, finding: Finding) -> Path:
        """Return the walk to `finding`, taken again on the real code without tables."""
        depth, number = divmod(finding.state, batch)
        words, states = self.layout.words, []
        for d in range(depth + 1):
            at = (d * batch + number) * words
            states.append(unpack(self.tables, self.layout, self.arena[at : at + words].tolist()))
        path = conclude(self.system, states[0], walk(self.system, states), finding)
        return replace(path, note="This path is that of a random walk: there may be shorter ones.")
