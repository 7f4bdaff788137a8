"""The search of any network, in rounds: the kernel expands what it can, Python runs the steps that it didn't know."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from quorate_check.core import behaviour
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Exploration, WitnessResult
from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.checkpoint import Checkpoint
from quorate_check.engine.any_network.memory import grow
from quorate_check.engine.any_network.paths import path_of
from quorate_check.engine.any_network.shared import LostError, Team
from quorate_check.engine.any_network.shorten import shorten
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.engine.any_network.team import processes
from quorate_check.engine.coverage import coverage_of
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
        space = StateSpace(system, reduced=limits.reduced, team=runners)
        reason = None if checkpoint is None else checkpoint.restore(space, stop, report)
        if reason is None:
            reason = search(space, limits.bytes, stop, report, checkpoint)
        stored = space.stored
        space.tables.team = None  # a path takes few steps
    seconds = time.perf_counter() - space.start_time
    coverage = coverage_of(space.tables, limits, stop)  # before there is a path, which may run more
    return replace(conclude(space, reason, seconds, stop, stored), coverage=coverage)


def search(
    space: StateSpace,
    memory: int,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> str | None:
    """Search until what was taken for useless was; return why it ended before, if it did."""
    while True:
        reason = _search(space, memory, stop, report, checkpoint)
        if reason is not None or space.findings or space.useless is None or space.useless.stands():
            return reason
        space.begin_again()


def _search(
    space: StateSpace,
    memory: int,
    stop: Callable[[], str | None],
    report: Callable[[Progress], None],
    checkpoint: Checkpoint | None,
) -> str | None:
    """Expand states in the order in which they are found, until none are left; return why it ended before."""
    reason = None if space.states else _enter(space)
    while reason is None and not space.findings:
        if space.frontier.at == len(space.frontier.todo):
            space.look()
            new = space.frontier.next_round(space.states)
            if not len(space.frontier.todo):
                break
            space.levels.append(new)
        if space.findings:
            break
        space.expand()
        loss = _run_steps(space)
        space.store = grow(space.shape, space.store)
        space.report(report)
        full = f"{memory / GIB:.3g} GiB of memory are full" if space.bytes > memory else None
        reason = loss or full or stop()
        if checkpoint is not None and loss is None and not space.findings:
            reason = checkpoint.offer(space, last=reason is not None) or reason
    space.waiting = space.frontier.waiting + space.states - space.frontier.first_new
    return reason


def _enter(space: StateSpace) -> str | None:
    """Judge and enter the initial state; return why that was impossible."""
    if (name := behaviour.broken(space.system, behaviour.start(space.system))) is not None:
        space.findings.append(Finding(0, name, is_step=False))
    reason = None
    while reason is None and not space.findings and not space.enter():
        reason = _run_steps(space)
    return reason


def _run_steps(space: StateSpace) -> str | None:
    """Run the steps that are asked for; return why that was impossible."""
    try:
        space.run_steps()
    except LostError as error:
        return str(error)
    return None


def conclude(
    space: StateSpace,
    reason: str | None,
    seconds: float,
    stop: Callable[[], str | None],
    stored: Mapping[str, int] | None = None,
) -> Exploration:
    """Return what was found."""
    system, c = space.system, space.counts
    path = shorten(system, path_of(space, space.findings[0]), stop) if space.findings else None

    witnesses = space.judge.witness_depth.keys() | space.tables.step_witnesses
    return Exploration(
        subject=system.name,
        levels=tuple(level for level in space.levels if level) or (1,),
        transitions=int(c[kernel.TRANSITIONS]),
        over_capacity=0,
        step_executions=space.tables.step_executions,
        seconds=seconds,
        invariants=tuple(i.name for i in system.invariants),
        witnesses=tuple(
            WitnessResult(w.name, None, w.impossible, is_seen=w.name in witnesses) for w in system.witnesses
        ),
        bytes_per_state=space.bytes / max(1, int(c[kernel.STATES])),
        path=path,
        stopped=reason,
        beyond=space.beyond(),
        waiting=space.waiting,
        tuples=int(c[kernel.ORBITS]),
        without_useless=space.useless is not None,
        stored=stored,
        any_network=True,
    )
