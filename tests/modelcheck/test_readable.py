"""Of all shortest paths to a broken promise that one is told on which least often another node acts; then by faults."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings

from engine_agreement import MEMORY, assert_really_happens, explore
from nightly import EXAMPLES
from quorate_check import engine
from quorate_check.core import behaviour
from quorate_check.core.behaviour import RAISED
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.path import GlobalState, MoveKind, Path, Step
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.engine import readable, views
from quorate_check.raft.bounds import RaftBounds
from random_systems import Rules, colour_of, often, systems

MOST_STATES, MOST_PATHS = 400, 4000
found_something = settings(
    often, max_examples=EXAMPLES or 60, suppress_health_check=[HealthCheck.filter_too_much]
)  # what holds is no example


class TooManyToTryError(Exception):
    """There are more states or paths than a test can try."""


@dataclass(frozen=True, slots=True)
class Not:
    """Judges the colours of all nodes: not these, whoever has them."""

    colours: tuple[int, ...]

    def __call__(self, views: tuple[int, ...]) -> bool:
        """Whether they are others."""
        return tuple(sorted(views)) != self.colours


def breakable(system: System) -> System:
    """The same system, but that its steps raise nothing, and that one promise more breaks as late as any can.

    Exceptions have a test of their own, and a deadlock is shown by the path that the search found.
    """
    assert isinstance(system.step, Rules)
    rules = tuple(replace(rule, raises=False) for rule in system.step.rules)
    system = replace(system, step=replace(system.step, rules=rules), done=None)
    plain = replace(system, invariants=())
    level, known, last = [behaviour.start(system)], {behaviour.start(system)}, ()
    shown = {colours(behaviour.start(system))}
    while level and len(known) < MOST_STATES:
        following = []
        for state in level:
            for step, _ in () if any(map(system.beyond, state.nodes)) else edges(plain, state):
                if step.after is not None and step.after not in known:
                    known.add(step.after)
                    following.append(step.after)
        new = {colours(state) for state in following} - shown
        last, shown, level = min(new, default=last), shown | new, following
    late = (Invariant("late", "", colour_of, Not(last)),) if last else ()
    return replace(system, invariants=(*system.invariants, *late))


def colours(state: GlobalState) -> tuple[int, ...]:
    """The colours of all nodes, whoever has them."""
    return tuple(sorted(map(colour_of, state.nodes)))


def edges(system: System, state: GlobalState) -> Iterator[tuple[Step, str | None]]:
    """Every move of `state`, and the promise that it breaks."""
    for move, outcome, after in behaviour.moves(system, state):
        name = None
        if outcome is not None and move.node is not None:
            name = behaviour.broken_by_step(system, state.nodes[move.node], behaviour.event_of(move), outcome)
        if name is None and after is not None:
            name = behaviour.broken(system, after)
        yield Step(move, after), name


def shortest_paths(system: System) -> list[tuple[tuple[Step, ...], str]]:
    """Every shortest path that breaks anything, found by trying all paths; none if nothing is broken."""
    known = {behaviour.start(system)}
    moves = cache(lambda state: tuple(edges(system, state)))  # many paths lead through one state
    paths: list[tuple[tuple[Step, ...], GlobalState]] = [((), behaviour.start(system))]
    while paths:
        longer, ended, reached = [], [], set[GlobalState]()
        for steps, state in paths:
            if any(map(system.beyond, state.nodes)):
                continue
            for step, name in moves(state):
                if name is not None:
                    ended.append(((*steps, step), name))
                elif step.after is not None and step.after not in known:
                    longer.append(((*steps, step), step.after))
                    reached.add(step.after)
        if ended:
            return ended
        known |= reached
        if len(known) > MOST_STATES or len(longer) > MOST_PATHS:
            raise TooManyToTryError
        paths = longer
    return []


def cost(system: System, steps: tuple[Step, ...]) -> tuple[int, int]:
    """How often the acting node changes, and how many failures there are."""
    actors = [step.move.node for step in steps if step.move.node is not None]
    changes = sum(one != other for one, other in pairwise(actors))
    return changes, sum(behaviour.is_fault(system, step.move) for step in steps)


def best(system: System) -> tuple[tuple[Step, ...], str] | None:
    """The most readable of all shortest paths to the first promise that breaks so early, and that promise."""
    paths = shortest_paths(system)
    if not paths:
        return None
    order = [invariant.name for invariant in system.invariants]
    first = min((name for _, name in paths), key=order.index)
    told = [steps for steps, name in paths if name == first]
    return min(told, key=lambda s: (cost(system, s), [(repr(x.move.event), repr(x.move)) for x in s])), first


def best_or_reject(system: System) -> tuple[tuple[Step, ...], str]:
    """`best`; a system that breaks nothing, breaks a promise at once, or has too many paths is no example."""
    assume(behaviour.broken(system, behaviour.start(system)) is None)
    try:
        expected = best(system)
    except TooManyToTryError:
        assume(condition=False)
    assume(expected is not None)
    assert expected is not None
    return expected


@found_something
@given(systems())
def test_the_path_is_the_best_of_all_shortest_ones_whatever_the_number_of_workers(system: System) -> None:
    """Tried against every path of a random system; also which of several promises is told doesn't depend on workers."""
    system = breakable(system)
    expected = best_or_reject(system)
    for workers in (1, 2, 3):
        path = explore(system, depth=len(expected[0]), workers=workers).path
        assert path is not None
        assert path.note == ""
        assert (path.steps, path.broken) == expected


@found_something
@given(systems(symmetric=True))
def test_symmetry_reduction_tells_as_good_a_path(system: System) -> None:
    """Whichever of the renamed states are stored: the costs are the same, and the path is one of the real code."""
    system = breakable(system)
    plain = replace(system, symmetry=None)
    expected = best_or_reject(plain)
    found = [explore(system, depth=len(expected[0]), workers=workers).path for workers in (1, 2, 3)]
    assert found[0] is not None
    assert found == [found[0]] * 3
    assert (found[0].broken, cost(system, found[0].steps)) == (expected[1], cost(plain, expected[0]))
    assert found[0].steps == expected[0]
    assert_really_happens(plain, found[0])


def leads(bounds: RaftBounds) -> System:
    """The core, and a promise that it breaks: no server leads in term 2."""
    never = Invariant("NobodyLeads", "ever", lambda s: s.record.terms_led, lambda v: 2 not in v[0], Over.EACH)
    return replace(bounds.system(), invariants=(never,))


@pytest.mark.parametrize("bounds", [RaftBounds(drops=1, duplicates=1, restarts=1, in_flight=5, proposals=0)])
def test_the_core_is_told_without_faults_that_nobody_needs(bounds: RaftBounds) -> None:
    """And each server does what it can before another goes on: here, with and without symmetry and with any workers."""
    systems = [leads(bounds), leads(replace(bounds, symmetry=False))]
    paths = [explore(system, workers=workers).path for system in systems for workers in (1, 2)]
    assert paths[0] is not None
    assert paths == [paths[0]] * 4
    assert cost(systems[0], paths[0].steps) == (2, 0)


def test_views_of_too_many_kinds_for_a_table_are_judged_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of all pairs would be too large then; the path is the same one."""
    system = leads(RaftBounds(in_flight=5, proposals=0))
    path = explore(system).path
    assert path is not None
    monkeypatch.setattr(views, "MOST_KEYS", 0)
    assert explore(system).path == path


def falling(local: int, event: object) -> tuple[Outcome, ...]:
    """A node counts what it gets, and falls at the second."""
    if isinstance(event, Deliver):
        if local == 1:
            raise OverflowError("two")
        return (Outcome(local + 1),)
    return (Outcome(local, (("to", 1), ("again", 1))),)


FALLING = System(
    name="falling",
    initial=(0, 0),
    step=falling,
    network=Network(NetworkKind.UNORDERED, 2, drops=1),
    source=lambda _: 0,
    destination=lambda m: m[1],
    spontaneous=(Spontaneous("go", "goes"),),
    budgets={"goes": 2},
)


def test_an_exception_is_told_with_its_shortest_path() -> None:
    """What raises ends the path, and stands for the promise that steps raise nothing."""
    path = explore(FALLING).path
    assert path is not None
    assert (path.broken, path.detail, len(path.steps)) == (RAISED, "OverflowError: two", 3)
    assert [step.move.kind for step in path.steps] == [MoveKind.SPONTANEOUS, MoveKind.DELIVER, MoveKind.DELIVER]
    assert path.steps[-1].after is None


@pytest.mark.parametrize(
    ("limit", "said"),
    [("MOST_STATES", "states would have to be expanded again"), ("MOST_ON_PATHS", "from which the next step breaks")],
)
def test_where_there_is_too_much_to_choose_from_the_path_that_was_found_is_told_and_says_so(
    limit: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is bounded, and the report doesn't claim more than was done."""
    monkeypatch.setattr(readable, limit, 0)
    system = leads(RaftBounds(in_flight=4, proposals=0))
    path = explore(system).path
    assert isinstance(path, Path)
    assert path.note.startswith("This is one of the shortest paths, as it was found: ")
    assert said in path.note
    assert_really_happens(system, path)


def test_being_interrupted_keeps_the_path_that_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl-C while the path is chosen gets it as it is."""
    system, limits = leads(RaftBounds(in_flight=4, proposals=0)), engine.Limits(memory=MEMORY)
    asked = count()
    with monkeypatch.context() as patch:
        patch.setattr(readable, "MOST_STATES", 0)
        engine.explore(system, limits, stop=lambda: str(next(asked))[:0] or None)
    needed, asked = next(asked), count()
    exploration = engine.explore(system, limits, stop=lambda: "interrupted" if next(asked) >= needed else None)
    assert exploration.path is not None
    assert exploration.path.note == "This is one of the shortest paths, as it was found: interrupted."
