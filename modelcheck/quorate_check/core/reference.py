"""The reference search in plain Python, with which the compiled engine must agree.

It is a breadth-first search over `behaviour.moves`, without tables, packing and reductions: slow, and easy to review.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from quorate_check.core import fair_cycles
from quorate_check.core.behaviour import (
    DEADLOCK,
    RAISED,
    StepRaisedError,
    broken,
    broken_by_move,
    event_of,
    is_deadlock,
    kind,
    moves,
    promises_of,
    refuse_chance,
    start,
    witnesses_in,
)
from quorate_check.core.invariants import StepWitness
from quorate_check.core.path import GlobalState, Move, Path, Step
from quorate_check.core.system import Defer, Outcome, System
from quorate_check.core.values import Numbers
from quorate_check.core.verdict import Exploration, LivenessResult, WitnessResult

State = tuple[tuple[int, ...], Hashable, int, tuple[int, ...]]


class _Search:
    """Breadth-first search; `parents` has all states found, each with its predecessor and the move from there.

    A state is identified by the numbers of its parts, because equal parts need not be identical.
    """

    def __init__(self, system: System) -> None:
        self.original, self.system = system, replace(system, step=self.with_count(system.step))
        self.locals, self.messages = Numbers(), Numbers()
        self.parents: dict[State, tuple[GlobalState, Move] | None] = {self.numbers_of(start(system)): None}
        self.transitions = self.over_capacity = self.beyond = self.step_executions = 0
        self.witness_depths: dict[str, int] = {}
        self.path: Path | None = None
        self.deadlock: Path | None = None  # on the level that is: it counts if nothing else is found there

    def with_count(
        self, step: Callable[[Any, Any], Iterable[Outcome | Defer]]
    ) -> Callable[[Any, Any], Iterable[Outcome | Defer]]:
        """Return `step` with a count of its executions."""

        def counted_step(local: object, event: object) -> Iterable[Outcome | Defer]:
            self.step_executions += 1
            answers = tuple(step(local, event))
            refuse_chance(self.original, self.step_executions, local, event, answers)
            return answers

        return counted_step

    def numbers_of(self, state: GlobalState) -> State:
        """Return the numbers of the parts of a state."""
        flight = kind(self.system).identity(map(self.messages.of, state.flight))
        return tuple(map(self.locals.of, state.nodes)), flight, state.current, state.used

    def visit(self, state: GlobalState, depth: int) -> None:
        """Judge a new state."""
        if (name := broken(self.system, state)) is not None:
            self.path = self.path or self.path_to(state, name)
        for witness in witnesses_in(self.system, state):
            self.witness_depths.setdefault(witness, depth)

    def expand(self, state: GlobalState, depth: int) -> Iterator[GlobalState]:
        """Yield the new successors of `state`, which is at `depth`."""
        if self.deadlock is None and is_deadlock(self.system, state):
            self.deadlock = self.path_to(state, DEADLOCK)
        try:
            for move, outcome, after in moves(self.system, state):
                if outcome is not None:
                    self.judge_step(state, move, outcome, after, depth)
                if after is None:
                    self.over_capacity += 1
                    continue
                self.transitions += 1
                if (numbers := self.numbers_of(after)) not in self.parents:
                    self.parents[numbers] = (state, move)
                    self.visit(after, depth + 1)
                    yield after
        except StepRaisedError as error:
            self.path = self.path or self.path_to(state, RAISED, Step(error.move, None), str(error))

    def end_level(self) -> None:
        """Let a deadlock count if no promise is broken one step later."""
        self.path = self.path or self.deadlock

    def judge_step(
        self, state: GlobalState, move: Move, outcome: Outcome, after: GlobalState | None, depth: int
    ) -> None:
        """Judge the step of a node in `state`."""
        assert move.node is not None
        if (name := broken_by_move(self.system, state, move, outcome)) is not None:
            self.path = self.path or self.path_to(state, name, Step(move, after))
        for witness in self.system.witnesses:
            if not isinstance(witness, StepWitness) or witness.name in self.witness_depths:
                continue
            if witness.is_seen(state.nodes[move.node], event_of(move), outcome.local, outcome.messages):
                self.witness_depths[witness.name] = depth + 1

    def path_to(self, state: GlobalState, name: str, last_step: Step | None = None, detail: str = "") -> Path:
        """Return the path to `state`, followed by `last` if a step violated the promise."""
        steps = [last_step] if last_step else []
        while (origin := self.parents[self.numbers_of(state)]) is not None:
            steps.insert(0, Step(origin[1], state))
            state = origin[0]
        return Path(state, tuple(steps), name, detail)


def explore(system: System, *, depth: int | None = None, stop: Callable[[], str | None] = lambda: None) -> Exploration:
    """Search `system` breadth-first to `depth` steps, or exhaustively; `stop` may return a reason to end early."""
    start_time = time.perf_counter()
    search = _Search(system)
    frontier = [start(system)]
    search.visit(frontier[0], 0)
    levels, stopped, waiting = [1], None, 0
    while frontier and search.path is None and stopped is None and len(levels) - 1 != depth:
        successors: list[GlobalState] = []
        for number, state in enumerate(frontier):
            if (stopped := stop()) is not None or search.path is not None:
                waiting = len(frontier) - number
                break
            if any(map(system.beyond, state.nodes)):
                search.beyond += 1
            else:
                successors.extend(search.expand(state, len(levels) - 1))
        search.end_level()
        frontier = successors
        if frontier:
            levels.append(len(frontier))
    is_whole = search.path is None and stopped is None and not frontier
    results = fair_cycles.search(system) if is_whole else []
    return Exploration(
        subject=system.name,
        levels=tuple(levels),
        transitions=search.transitions,
        over_capacity=search.over_capacity,
        step_executions=search.step_executions,
        seconds=time.perf_counter() - start_time,
        invariants=promises_of(system),
        witnesses=tuple(
            WitnessResult(w.name, search.witness_depths.get(w.name), w.impossible) for w in system.witnesses
        ),
        path=search.path or next((result.path for result in results if result.path), None),
        stopped=stopped,
        depth_limit=depth if frontier and search.path is None and stopped is None else None,
        beyond=search.beyond,
        waiting=waiting + len(frontier),
        tuples=len({nodes for nodes, *_ in search.parents}),
        any_network=not kind(system).bounded,
        liveness=tuple(LivenessResult(r.promise.name, r.cut_states) for r in results if r.path is None),
        fairness=tuple(map(str, system.fairness)) if system.liveness else (),
    )
