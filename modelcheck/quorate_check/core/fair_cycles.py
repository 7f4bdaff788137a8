"""Fair cycles: when a path that ends in a cycle breaks a promise of liveness, and the reference search for one.

`breach` is the definition: every such path is judged by it, with the real step function, before it is reported. The
search beside it is the oracle of the compiled one: it stores the whole graph, and says whether a fair cycle exists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from quorate_check.core import behaviour
from quorate_check.core.liveness import Eventually, EventuallyAlways, LeadsTo, Liveness, Strength
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import System
from quorate_check.core.values import Key, key

Demand = tuple[int, Key]  # the number of a Fairness in `System.fairness`, and the class of moves
FAULTS = frozenset({MoveKind.DROP, MoveKind.DUPLICATE})


def demands(system: System, move: Move) -> Iterator[Demand]:
    """Yield the classes of fair moves that `move` belongs to."""
    if move.kind not in FAULTS:
        for number, fairness in enumerate(system.fairness):
            if (value := fairness.of(replace(move, choice=0))) is not None:
                yield number, key(value)


def is_strong(system: System, demand: Demand) -> bool:
    """Whether a class of moves must be taken if it is enabled again and again, and not only if it stays so."""
    return system.fairness[demand[0]].strength is Strength.STRONG


def waits_from(promise: Liveness, state: GlobalState, *, is_first: bool) -> bool:
    """Whether a behaviour that reaches `state` has to fulfil the promise from then on."""
    match promise:
        case Eventually():
            return is_first
        case LeadsTo():
            return promise.cause.is_true(state)
        case _:
            return True


def is_fulfilled(promise: Liveness, state: GlobalState) -> bool:
    """Whether `state` ends the waiting for the promise; a condition that must stay true ends none."""
    return not isinstance(promise, EventuallyAlways) and promise.condition.is_true(state)


@dataclass(frozen=True, slots=True)
class Around:
    """What may happen in a state: the moves to other states, and the classes of fair moves that are enabled.

    `is_cut` says that bounds keep a move from being taken: the network's capacity, the state constraint, or the budget
    of a move that fairness demands. What is enabled beyond the bounds is enabled. If it `is_end`, none was tried.
    """

    edges: tuple[tuple[Move, GlobalState], ...]
    enabled: frozenset[Demand]
    is_cut: bool
    is_end: bool


def around(system: System, state: GlobalState) -> Around:
    """Return what may happen in `state`."""
    if any(map(system.beyond, state.nodes)):
        return Around((), frozenset(), is_cut=True, is_end=True)
    here, is_cut = behaviour.identity(system, state), False
    edges, enabled = [], set[Demand]()
    for move, _, after in behaviour.moves(system, state):
        if after is None:
            is_cut = True
        elif behaviour.identity(system, after) == here:
            continue
        else:
            edges.append((move, after))
        enabled.update(demands(system, move))
    for move in _over_budget(system, state):
        if (classes := set(demands(system, move))) and behaviour.can(system, state.nodes[move.node or 0], move):
            is_cut = True
            enabled |= classes
    return Around(tuple(edges), frozenset(enabled), is_cut, is_end=False)


def _over_budget(system: System, state: GlobalState) -> Iterator[Move]:
    """Yield the events that only their budgets may prevent in `state`."""
    used = dict(zip(system.limits(), state.used, strict=True))
    if state.current > 0 or (system.network.at_once and state.flight):
        return
    for spontaneous in system.spontaneous:
        if spontaneous.budget is not None and used[spontaneous.budget] == system.limits()[spontaneous.budget]:
            for node in range(len(state.nodes)):
                yield Move(MoveKind.SPONTANEOUS, node, spontaneous.event)


def breach(system: System, promise: Liveness, path: Path) -> str | None:
    """Return why `path`, which goes on for ever from step `path.loop`, doesn't break the promise; None if it does.

    Its steps are taken to be the system's own. A loop without steps is a state that repeats for ever.
    """
    states = [path.initial, *(step.after for step in path.steps if step.after is not None)]
    assert path.loop is not None
    cycle, moves = states[path.loop :], [step.move for step in path.steps[path.loop :]]
    if behaviour.identity(system, cycle[0]) != behaviour.identity(system, cycle[-1]):
        return "its cycle ends in another state"
    if isinstance(promise, EventuallyAlways):
        if all(map(promise.condition.is_true, cycle)):
            return "its condition is true in the whole cycle"
    else:
        after = max((place for place, state in enumerate(states) if is_fulfilled(promise, state)), default=-1) + 1
        waits = (waits_from(promise, states[place], is_first=place == 0) for place in range(after, len(states)))
        if after > path.loop or not any(waits):
            return "its condition becomes true"
    parts = [around(system, state) for state in {behaviour.identity(system, state): state for state in cycle}.values()]
    if any(part.is_end for part in parts):
        return "what happens beyond the state constraint isn't known"
    used = {demand for move in moves for demand in demands(system, move)}
    for demand in frozenset().union(*(part.enabled for part in parts)) - used:
        always = all(demand in part.enabled for part in parts)
        if always or is_strong(system, demand):
            return f"it isn't fair: {system.fairness[demand[0]].name}"
    return None


def steps(system: System, states: list[GlobalState], classes: Iterable[frozenset[Demand] | None]) -> tuple[Step, ...]:
    """Return the system's own steps through `states`, of moves of exactly these `classes`; None: of any.

    Raises StopIteration if there are none.
    """
    result = []
    for before, after, used in zip(states, states[1:], classes, strict=False):
        goal = behaviour.identity(system, after)
        result.append(
            next(
                Step(move, reached)
                for move, _, reached in behaviour.moves(system, before)
                if reached is not None
                and behaviour.identity(system, reached) == goal
                and used in {None, frozenset(demands(system, move))}
            )
        )
    return tuple(result)


class Graph(Protocol):
    """Stored states by number, as far as a search for fair cycles needs them."""

    def successors(self, state: int) -> Iterable[tuple[frozenset[Demand], int]]:
        """Yield the edges to other states: the classes of fair moves taken, and the state reached."""

    def enabled(self, state: int) -> frozenset[Demand]:
        """Return the classes of fair moves that are enabled in a state."""


Route = list[tuple[frozenset[Demand], int]]  # edges: the classes of fair moves taken, and the state reached


def cycle(
    system: System,
    graph: Graph,
    start: int,
    inside: Callable[[int], bool],
    recurs: Callable[[int], bool] | None,
) -> Route:
    """Return a fair way from `start` back to it that stays inside; an empty one if the state may repeat for ever.

    Inside is a component in which a fair cycle exists. If `recurs` is given, it is true of a state of the cycle.
    """
    route: Route = []
    if recurs is not None and not recurs(start):
        route = _way(graph, start, inside, lambda _, state: recurs(state))
    while True:
        states, used = [start, *(state for _, state in route)], {demand for classes, _ in route for demand in classes}
        enabled = [graph.enabled(state) for state in states]
        strong = {demand for each in enabled for demand in each - used if is_strong(system, demand)}
        if strong:
            route += _way(graph, states[-1], inside, partial(_meets, graph, min(strong, key=repr), by_move=True))
        elif weak := frozenset.intersection(*enabled) - used:
            route += _way(graph, states[-1], inside, partial(_meets, graph, min(weak, key=repr), by_move=False))
        elif states[-1] != start:
            route += _way(graph, states[-1], inside, lambda _, state: state == start)
        else:
            return route


def _meets(graph: Graph, demand: Demand, classes: frozenset[Demand], state: int, *, by_move: bool) -> bool:
    """Whether an edge takes a class of moves, or unless it must be `by_move` leads to where none of it is enabled."""
    return demand in classes or not (by_move or demand in graph.enabled(state))


def _way(
    graph: Graph, start: int, inside: Callable[[int], bool], ends: Callable[[frozenset[Demand], int], bool]
) -> Route:
    """Return a shortest way from `start`, of one edge at least, whose last edge `ends` accepts."""
    origin: dict[int, tuple[int, frozenset[Demand]]] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for classes, after in graph.successors(state):
            if not inside(after):
                continue
            if ends(classes, after):
                route = [(classes, after)]
                while state != start:
                    before, used = origin[state]
                    route.append((used, state))
                    state = before
                return route[::-1]
            if after not in origin and after != start:
                origin[after] = (state, classes)
                queue.append(after)
    raise AssertionError("a component has no way on")


@dataclass
class _Stored:
    """The whole graph of a system, in the order of a breadth-first search, and what it takes to search it."""

    system: System
    states: list[GlobalState] = field(default_factory=list)
    parts: list[Around] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = dict[Key, int]()

        def number(state: GlobalState) -> int:
            place = numbers.setdefault(behaviour.identity(self.system, state), len(self.states))
            if place == len(self.states):
                self.states.append(state)
            return place

        number(behaviour.start(self.system))
        for state in self.states:  # which grows
            self.parts.append(around(self.system, state))
            self.targets.append([number(after) for _, after in self.parts[-1].edges])

    def successors(self, state: int) -> Iterator[tuple[frozenset[Demand], int]]:
        for (move, _), target in zip(self.parts[state].edges, self.targets[state], strict=True):
            yield frozenset(demands(self.system, move)), target

    def enabled(self, state: int) -> frozenset[Demand]:
        return self.parts[state].enabled

    def reach(self, seeds: Iterable[int], inside: Callable[[int], bool]) -> dict[int, int | None]:
        """Return the states inside that are reached from `seeds`, each with the state before it on a shortest way."""
        origin: dict[int, int | None] = {seed: None for seed in seeds if inside(seed)}
        for state in (queue := list(origin)):
            for target in self.targets[state]:
                if inside(target) and target not in origin:
                    origin[target] = state
                    queue.append(target)
        return origin

    def fair_component(self, region: Collection[int], recurs: Callable[[int], bool] | None) -> set[int] | None:
        """Return the part of `region` that a fair behaviour can stay in and visit again and again, None if none is.

        Of several, it is the one with the state that was found first.
        """
        fair, rest = list[set[int]](), [set(region)]
        while rest:
            part = rest.pop()
            while part:
                seed = min(part)
                component = set(self.reach([seed], part.__contains__)) & self._reaching(seed, part)
                part -= component
                if (core := self._fair(component, recurs)) == component:
                    fair.append(component)
                elif core:
                    rest.append(core)
        return min(fair, key=min, default=None)

    def _reaching(self, goal: int, part: set[int]) -> set[int]:
        """Return the states from which `goal` is reached within `part`."""
        result, grows = {goal}, True
        while grows:
            more = {state for state in part - result if result.intersection(self.targets[state])}
            result |= more
            grows = bool(more)
        return result

    def _fair(self, component: set[int], recurs: Callable[[int], bool] | None) -> set[int]:
        """Return the states of a component in which a fair behaviour may stay: all, none, or those to be searched."""
        if any(self.parts[state].is_end for state in component) or (recurs and not any(map(recurs, component))):
            return set()
        used = {d for s in component for classes, target in self.successors(s) if target in component for d in classes}
        enabled = [self.enabled(state) for state in component]
        if frozenset.intersection(*enabled) - used:
            return set()
        unfair = {demand for each in enabled for demand in each - used if is_strong(self.system, demand)}
        return {state for state in component if not unfair & self.enabled(state)}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one promise: a path that breaks it, or in how many states the bounds cut off the waiting."""

    promise: Liveness
    path: Path | None
    cut_states: int


def search(system: System) -> list[Finding]:
    """Return the result for each promise of liveness up to the first that is broken; for small systems."""
    graph, results = _Stored(system), list[Finding]()
    for promise in system.liveness:
        results.append(_judge(graph, promise))
        if results[-1].path is not None:
            break
    return results


def _judge(graph: _Stored, promise: Liveness) -> Finding:
    states, recurs = graph.states, None
    waits = [not is_fulfilled(promise, state) for state in states]
    seeds = [n for n, s in enumerate(states) if waits[n] and waits_from(promise, s, is_first=n == 0)]
    region = graph.reach(seeds, waits.__getitem__)
    if isinstance(promise, EventuallyAlways):
        recurs = [not promise.condition.is_true(state) for state in states].__getitem__
    component = graph.fair_component(region, recurs)
    if component is None:
        return Finding(promise, None, sum(graph.parts[state].is_cut for state in region))
    stem = _back(region, min(component))
    stem = [*_back(graph.reach([0], lambda _: True), stem[0])[:-1], *stem]
    around_it = cycle(graph.system, graph, stem[-1], component.__contains__, recurs)
    numbers = [*stem, *(state for _, state in around_it)]
    classes = [None] * (len(stem) - 1) + [used for used, _ in around_it]
    walk = steps(graph.system, [states[number] for number in numbers], classes)
    path = Path(states[0], walk, promise.name, loop=len(stem) - 1)
    assert breach(graph.system, promise, path) is None
    return Finding(promise, path, 0)


def _back(origin: dict[int, int | None], state: int) -> list[int]:
    """Return the way to `state`, from the seed it was reached from."""
    way = [state]
    while (before := origin[way[-1]]) is not None:
        way.append(before)
    return way[::-1]
