"""The shortest violation, by asking z3 for longer and longer ways to a broken promise.

The answer "no" is about every way of that length, and all shorter ones have been asked for before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import z3

from quorate_check.proofs.effort import units
from quorate_check.proofs.unrolled.facts import facts, proved
from quorate_check.proofs.unrolled.rules import BROKEN, Bug
from quorate_check.proofs.unrolled.state import BITS, LARGEST, State, initially, unknown
from quorate_check.proofs.unrolled.steps import Step, in_order, transition
from quorate_check.subjects.raft_spec import SpecBounds
from quorate_check.system import UnusableSystemError

POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """How far z3 came: at no length up to `none_to` is anything broken, and at `length`, if it is one, something is.

    `states` are the states on the way there.
    """

    none_to: int
    length: int | None
    model: z3.ModelRef | None
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    seconds: float
    stopped: str | None = None


def step_at(moment: int) -> Step:
    """Return a step of which nothing is known."""
    return Step(*(z3.BitVec(f"{name} of step {moment}", BITS) for name in Step.__slots__))


def require_small(bounds: SpecBounds) -> None:
    """Raise UnusableSystemError if these bounds aren't what is encoded."""
    largest = max(bounds.max_term, bounds.max_log + 1, 2 * bounds.servers)
    others = (bounds.restarts, bounds.step_downs, bounds.drops, bounds.duplicates, bounds.pre_vote, bounds.snapshots)
    if largest > LARGEST or bounds.in_flight != 1 or bounds.max_entries > 1 or any(others):
        raise UnusableSystemError(
            "unrolled are at most 3 servers, one message in flight with one entry at most, and no failures"
        )


def ask(solver: z3.Solver, mark: z3.BoolRef, stop: Callable[[], str | None]) -> z3.CheckSatResult:
    """Return z3's answer if `mark` is true; it works in a thread, so that a reason to stop ends it at once."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(solver.check, mark)
        while True:
            if wait([answer], POLL_S).done:
                return answer.result()
            if stop() is not None:
                solver.interrupt()


def shortest(
    bug: Bug, depth: int, limit: float, stop: Callable[[], str | None], report: Callable[[int], None]
) -> Found:
    """Ask for longer and longer ways, up to `depth` steps; each may take `limit` seconds of an idle core."""
    require_small(bug.bounds)
    began = time.perf_counter()
    solver = z3.SolverFor("QF_FD")
    solver.set("rlimit", units(limit))
    solver.set("ctrl_c", False)  # noqa: FBT003 - z3's options have no names; what a signal means is decided elsewhere
    known = proved(bug)
    states, steps = [unknown(bug.bounds, 0)], list[Step]()
    solver.add(initially(states[0]))

    def ended(none_to: int, length: int | None, why: str | None = None) -> Found:
        model = None if length is None else solver.model()
        return Found(none_to, length, model, tuple(states), tuple(steps), time.perf_counter() - began, why)

    for length in range(1, depth + 1):
        if (why := stop()) is not None:
            return ended(length - 1, None, why)
        report(length)
        states.append(unknown(bug.bounds, length))
        steps.append(step_at(length))
        solver.add(transition(bug.bounds, bug.rules, states[-2], steps[-1], states[-1]))
        if known:
            solver.add(facts(bug.bounds, states[-1]))
        if length == 1:
            solver.add(steps[0].server == 1)  # servers have no order: let the first to act be s1
        else:
            solver.add(in_order(*steps[-2:]))
        broken = BROKEN[bug.breaks](states[-1])
        mark = z3.Bool(f"broken at {length}")
        solver.add(z3.Implies(mark, broken))
        answer = ask(solver, mark, stop)
        if answer == z3.sat:
            return ended(length - 1, length)
        if answer != z3.unsat:
            return ended(length - 1, None, stop() or f"z3 doesn't know: {solver.reason_unknown()}")
        solver.add(z3.Not(broken))
    return ended(depth, None)
