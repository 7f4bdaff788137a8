"""The search of any network, in rounds: the kernel expands what it can, Python runs the steps that it didn't know."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Exploration, WitnessResult
from quorate_check.engine.kept import kernel
from quorate_check.engine.kept.found import Kept
from quorate_check.engine.kept.memory import grown
from quorate_check.engine.kept.paths import path_of
from quorate_check.engine.kept.shared import LostError, Team
from quorate_check.engine.kept.shorten import shortened
from quorate_check.engine.kept.team import processes
from quorate_check.engine.limits import GIB, Limits, Progress
from quorate_check.engine.trace import Finding

NOTHING = np.empty(0, np.int64)


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    team: AbstractContextManager[Team | None] | None = None,
) -> Exploration:
    """Search every tuple of local states that `system` reaches on a network without bounds.

    One thread searches; `team` runs the real steps for it, or if none is given and there are several workers, so many
    processes of this machine.
    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. Raises UnusableSystemError
    if the system isn't deterministic, or isn't symmetric although it says so, and for a limit of depth: states are not
    found in the order of their least depth.
    """
    limits = limits or Limits()
    if limits.depth is not None:
        raise UnusableSystemError(
            f"{system.name}: a search of any number of messages has no depth to end at; leave the depth out"
        )
    began = time.perf_counter()
    with team or processes(system, limits.workers) as runners:
        kept = Kept(system, reduced=limits.reduced, team=runners)
        stopped = search(kept, limits.bytes, stop, report)
        stored = kept.stored
        kept.tables.team = None  # a path takes few steps
    return conclude(kept, stopped, time.perf_counter() - began, stop, stored)


def search(
    kept: Kept,
    memory: int,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> str | None:
    """Search until what was taken for useless was; return why it ended before, if it did."""
    while True:
        reason = _search(kept, memory, stop, report)
        if reason is not None or kept.findings or kept.useless is None or kept.useless.stands():
            return reason
        kept.begin_again()


def _search(kept: Kept, memory: int, stop: Callable[[], str | None], report: Callable[[Progress], None]) -> str | None:
    """Expand states in the order in which they are found, until none are left; return why it ended before."""
    if (name := behaviour.broken(kept.system, behaviour.start(kept.system))) is not None:
        kept.findings.append(Finding(0, name, is_step=False))
    reason = None
    while reason is None and not kept.findings and not kept.enter():
        reason = _run_steps(kept)
    done, todo, at, again = 0, NOTHING, 0, NOTHING
    while reason is None and not kept.findings:
        kept.look()
        new = np.arange(done, kept.states, dtype=np.int64)
        todo, done, again, at = np.concatenate([again, new]), kept.states, NOTHING, 0
        if not len(todo):
            break
        kept.levels.append(len(new))
        while at < len(todo) and reason is None and not kept.findings:
            at = kept.expand(todo, at)
            again = np.concatenate([again, kept.put_back()])
            reason = _run_steps(kept)
            kept.store = grown(kept.shape, kept.store)
            if kept.bytes > memory:
                reason = reason or f"{memory / GIB:.3g} GiB of memory are full"
            kept.report(report)
            reason = reason or stop()
    kept.waiting = len(todo) - at + len(again) + kept.states - done
    return reason


def _run_steps(kept: Kept) -> str | None:
    """Run the steps that are asked for; return why that was impossible."""
    try:
        kept.run_steps()
    except LostError as error:
        return str(error)
    return None


def conclude(
    kept: Kept,
    stopped: str | None,
    seconds: float,
    stop: Callable[[], str | None],
    stored: Mapping[str, int] | None = None,
) -> Exploration:
    """Return what was found."""
    system, c = kept.system, kept.counts
    path = shortened(system, path_of(kept, kept.findings[0]), stop) if kept.findings else None

    seen = kept.judge.seen.keys() | kept.tables.seen
    return Exploration(
        subject=system.name,
        levels=tuple(level for level in kept.levels if level) or (1,),
        transitions=int(c[kernel.TRANSITIONS]),
        over_capacity=0,
        step_executions=kept.tables.step_executions,
        seconds=seconds,
        invariants=tuple(i.name for i in system.invariants),
        witnesses=tuple(WitnessResult(w.name, None, w.impossible, seen=w.name in seen) for w in system.witnesses),
        bytes_per_state=kept.bytes / max(1, int(c[kernel.STATES])),
        path=path,
        stopped=stopped,
        beyond=kept.beyond(),
        waiting=kept.waiting,
        tuples=int(c[kernel.ORBITS]),
        without_useless=kept.useless is not None,
        stored=stored,
        any_network=True,
    )
