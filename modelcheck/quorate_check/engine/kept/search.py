"""The search of any network, in rounds: the kernel expands what it can, Python runs the steps that it didn't know."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from quorate_check.core import behaviour
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Exploration, WitnessResult
from quorate_check.engine.kept import kernel
from quorate_check.engine.kept.checkpoint import Checkpoint
from quorate_check.engine.kept.found import Kept
from quorate_check.engine.kept.memory import grown
from quorate_check.engine.kept.paths import path_of
from quorate_check.engine.kept.shared import LostError, Team
from quorate_check.engine.kept.shorten import shortened
from quorate_check.engine.kept.team import processes
from quorate_check.engine.limits import GIB, Limits, Progress
from quorate_check.engine.trace import Finding


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    team: AbstractContextManager[Team | None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Exploration:
    """Search every tuple of local states that `system` reaches on a network without bounds.

    One thread searches; `team` runs the real steps for it, or if none is given and there are several workers, so many
    processes of this machine. What `checkpoint` holds of this search isn't searched again.
    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. Raises UnusableSystemError
    if the system isn't deterministic, or isn't symmetric although it says so, and for a limit of depth: states are not
    found in the order of their least depth.
    """
    limits = limits or Limits()
    if limits.depth is not None:
        raise UnusableSystemError(
            f"{system.name}: a search of any number of messages has no depth to end at; leave the depth out"
        )
    with team or processes(system, limits.workers) as runners:
        kept = Kept(system, reduced=limits.reduced, team=runners)
        stopped = None if checkpoint is None else checkpoint.restore(kept, stop, report)
        if stopped is None:
            stopped = search(kept, limits.bytes, stop, report, checkpoint)
        stored = kept.stored
        kept.tables.team = None  # a path takes few steps
    return conclude(kept, stopped, time.perf_counter() - kept.began, stop, stored)


def search(
    kept: Kept,
    memory: int,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> str | None:
    """Search until what was taken for useless was; return why it ended before, if it did."""
    while True:
        reason = _search(kept, memory, stop, report, checkpoint)
        if reason is not None or kept.findings or kept.useless is None or kept.useless.stands():
            return reason
        kept.begin_again()


def _search(
    kept: Kept,
    memory: int,
    stop: Callable[[], str | None],
    report: Callable[[Progress], None],
    checkpoint: Checkpoint | None,
) -> str | None:
    """Expand states in the order in which they are found, until none are left; return why it ended before."""
    reason = None if kept.states else _enter(kept)
    while reason is None and not kept.findings:
        if kept.frontier.at == len(kept.frontier.todo):
            kept.look()
            new = kept.frontier.next_round(kept.states)
            if not len(kept.frontier.todo):
                break
            kept.levels.append(new)
        if kept.findings:
            break
        kept.expand()
        lost = _run_steps(kept)
        kept.store = grown(kept.shape, kept.store)
        kept.report(report)
        full = f"{memory / GIB:.3g} GiB of memory are full" if kept.bytes > memory else None
        reason = lost or full or stop()
        if checkpoint is not None and lost is None and not kept.findings:
            reason = checkpoint.offer(kept, ended=reason is not None) or reason
    kept.waiting = kept.frontier.waiting + kept.states - kept.frontier.done
    return reason


def _enter(kept: Kept) -> str | None:
    """Judge and enter the initial state; return why that was impossible."""
    if (name := behaviour.broken(kept.system, behaviour.start(kept.system))) is not None:
        kept.findings.append(Finding(0, name, is_step=False))
    reason = None
    while reason is None and not kept.findings and not kept.enter():
        reason = _run_steps(kept)
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
