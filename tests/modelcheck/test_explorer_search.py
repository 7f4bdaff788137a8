"""Searches from a place: they begin with its messages and what is left of its budgets, and lead to places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import ne

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine_agreement import AtMost, assert_agrees, by_reference, explore
from patience import PATIENCE_S, PROGRAM_S
from quorate_check import Eventually, Fairness, LeadsTo, Strength
from quorate_check.api.witnesses import search_for_witness
from quorate_check.cli.explore import WALKED, system_named
from quorate_check.core import behaviour, fair_cycles, reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.liveness import Liveness
from quorate_check.core.path import Path
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.core.verdict import Exploration
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.timely import TimelyBounds
from quorate_check.tell.explorer.endless import endless
from quorate_check.tell.explorer.places import Place, Places
from quorate_check.tell.explorer.promises import promises as promises_at
from quorate_check.tell.explorer.search import Report, Search, resumed, with_promise
from quorate_check.tell.saved import SavedPath, parse, replay
from random_liveness import demands, promises
from random_systems import STATES, often, systems
from small_graphs import GRAPHS, Graph, eventually, leads_to

SMALL = RaftBounds(servers=2, max_term=2, max_log=1, proposals=1, in_flight=3, drops=1, symmetry=False)


def walked(system: System, choices: Sequence[int]) -> Place:
    """Return the place after these choices, each of those that lead on."""
    places = Places(system)
    place = places.start
    for choice in choices:
        leading = [number for number, edge in enumerate(place.edges) if edge[2] is not None]
        if not leading:
            break
        taken = [each.choice for each in place.chain[1:]]
        place = places.end_of([*taken, leading[choice % len(leading)]])
    return place


def run(places: Places, place: Place, witness: str | None = None, depth: int | None = None) -> Report:
    """Return the result of a search."""
    return result(Search(places, place, lambda s: s if witness is None else search_for_witness(s, witness), depth))


def result(search: Search) -> Report:
    """Return the report of a search that has ended."""
    report = search.wait(PROGRAM_S)
    assert not report.is_running
    return report


@often
@given(systems(), st.lists(st.integers(0, 20), max_size=5))
def test_both_searches_begin_anywhere(system: System, choices: list[int]) -> None:
    """On random systems, after random walks: the compiled search agrees with the reference search."""
    place = walked(system, choices)
    if place.state.current or system.network.kind is NetworkKind.ANY:
        return
    here = resumed(place)
    begin = behaviour.start(here)
    assert behaviour.identity(system, replace(begin, used=place.state.used)) == behaviour.identity(system, place.state)
    expected, depth = by_reference(here, at_most=STATES)
    assert_agrees(here, explore(here, depth=depth), expected)


def test_a_search_finds_a_witness_that_the_messages_in_flight_allow() -> None:
    """After an election timeout the request for a vote is in flight; the page gets the link of a leader."""
    places = Places(SMALL.system())
    timeout = places.end_of([0])
    assert timeout.state.flight
    report = run(places, timeout, "a leader is elected")
    assert report.place is not None
    assert [step.move.kind.value for step in report.place.path.steps] == ["spontaneous", "deliver", "deliver"]
    assert report.line.startswith("a leader is elected: 2 steps from here")
    assert places.at(report.place.link).state == report.place.state


def test_a_search_has_only_what_is_left_of_a_budget() -> None:
    """A lost message can't be lost again; used budgets aren't given back."""
    places = Places(SMALL.system())
    timeout = places.end_of([0])
    lost = next(n for n, (move, *_) in enumerate(timeout.edges) if move.kind.value == "drop")
    here = resumed(places.end_of([0, lost]))
    assert (here.network.drops, here.budgets["proposals"], here.flight) == (0, 1, ())


def test_a_search_that_finds_nothing_says_so() -> None:
    """With its bounds, as everywhere."""
    places = Places(SMALL.system())
    report = run(places, places.end_of([0]), depth=3)
    assert report.place is None
    assert report.line.startswith("unknown: searched to depth 3, but never seen: ")


def test_a_search_is_stopped() -> None:
    """It ends soon, and says that it was stopped."""
    places = Places(WALKED.system())
    search = Search(places, places.start, lambda system: system, None)
    search.stop()
    report = search.wait(PATIENCE_S)
    assert (report.is_running, report.line.partition(";")[0]) == (False, "unknown: stopped")


def test_a_network_of_any_number_of_messages_is_searched_with_a_capacity() -> None:
    """The steps that it finds are steps of the network itself, on which what was sent stays."""
    bounds = replace(SMALL, network=NetworkKind.ANY, drops=0)
    places = Places(bounds.system())
    report = run(places, places.end_of([0]), "a leader is elected")
    assert report.place is not None
    assert len(report.place.chain) - 1 == 3
    assert len(report.place.state.flight) > 2


def test_a_search_does_not_begin_within_a_round() -> None:
    """The generals' messages of a round arrive first."""
    system, *_ = system_named("generals", WALKED)
    places = Places(system)
    within = walked(system, [0, 0])
    assert within.state.current
    with pytest.raises(UnusableSystemError, match="a search begins between rounds"):
        Search(places, within, lambda system: system, None)


def test_a_system_that_can_not_begin_with_messages_is_refused() -> None:
    """Under symmetry, where any number may be in flight, and with more than there is room for."""
    here = resumed(Places(SMALL.system()).end_of([0]))
    with pytest.raises(UnusableSystemError, match="flight: no search begins with messages under symmetry"):
        replace(here, symmetry=replace(SMALL, symmetry=True).system().symmetry)
    with pytest.raises(UnusableSystemError, match="flight: no search begins with messages under symmetry"):
        replace(here, network=Network(NetworkKind.ANY))
    with pytest.raises(UnusableSystemError, match="flight has 2 messages, more than the network's capacity"):
        replace(here, flight=(*here.flight, *here.flight), network=replace(here.network, capacity=1))


LINE = next(graph for graph in GRAPHS if graph.name == "the end of the line repeats for ever")
TWO_WAYS = {"left": {"a": "p"}, "right": {"a": "x"}, "go": {"p": "x", "x": "y", "y": "x"}}  # into one loop
TO_ONE_END = {"left": {"a": "p"}, "right": {"a": "x"}, "go": {"p": "y", "x": "y"}}
DETOUR = {"go": {"a": "b", "b": "cd", "c": "a", "d": "b"}}
HOLDS = "holds, exhaustive within bounds, where go at each node is weakly fair"
AT_ITS_END = "Promise: 0 steps from here and nothing more has to happen"


def after(moves: Mapping[str, Mapping[str, str]], promise: Liveness, *events: str) -> Place:
    """Return the place after these events of the only node of a graph, in which it must go on."""
    places = Places(Graph("graph", moves, {"go": Strength.WEAK}, promise, holds=False).system())
    place = places.start
    for name in events:
        (choice,) = (number for number, (move, *_) in enumerate(place.edges) if move.event == name)
        place = places.end_of([*(each.choice for each in place.chain[1:]), choice])
    return place


def line(place: Place) -> str:
    """Return what a search from a place finds, without figures and the events that it never met."""
    return run(Places(place.system), place).line.partition(" (")[0].partition(";")[0]


def truth(place: Place) -> tuple[str, str]:
    """Return what a place says of the promise of a graph."""
    promise = promises_at(place.system, place)[-1]
    return promise["truth"], promise["detail"]


def test_a_search_finds_a_loop_that_breaks_a_promise_of_liveness() -> None:
    """The place at its end knows it, so the path is saved with it, and the report has the place where it begins."""
    start = after(DETOUR, leads_to("a", "c"))
    report = run(Places(start.system), start)
    assert report.line.startswith("Promise: 1 step from here to a loop of 2 steps (")
    end, begin = report.place, report.loop
    assert end is not None
    assert begin is not None
    assert (len(begin.path.steps), begin.state, end.path.loop) == (1, end.state, 1)
    assert report.as_dict()["found"] == {"link": end.link, "loop": begin.link}
    assert truth(end) == ("broken", "if steps 2 to 3 repeat for ever")
    replayed = replay(parse(SavedPath.of("graph", {}, end.path).text()), start.system)
    assert replayed.conclusion == "violated: Promise is still broken: steps 2 to 3 repeat for ever"


def test_a_search_finds_an_end_that_breaks_a_promise_of_liveness() -> None:
    """The state in which nothing more has to happen; there is no loop to walk."""
    report = run(Places(LINE.system()), Places(LINE.system()).start)
    assert report.line.startswith("Promise: 2 steps from here and nothing more has to happen (")
    assert report.place is not None
    assert report.as_dict()["found"] == {"link": report.place.link, "loop": None}
    assert truth(report.place) == ("broken", "if after 2 steps nothing more has to happen")


def test_a_search_that_breaks_no_promise_of_liveness_says_under_which_fairness() -> None:
    """Only where it has found all states: what is not judged is not said to hold."""
    start = after(DETOUR, eventually("b"))
    assert line(start) == HOLDS
    limited = run(Places(start.system), start, depth=1)
    assert limited.line.startswith("holds to depth 1, promises of liveness not judged; ")


def test_a_search_for_one_promise_leaves_the_others() -> None:
    """It goes through states that break others, of safety and of liveness, and says which its end breaks, too."""
    never = tuple(Invariant(f"Never {letter}", "", str, partial(ne, (letter,)), Over.EACH) for letter in "bcd")
    some_day = tuple(replace(eventually(letter), name=f"Some day {letter}") for letter in "xbc")
    graph = Graph("graph", DETOUR, {"go": Strength.WEAK}, some_day[0], holds=False).system()
    places = Places(replace(graph, invariants=never, liveness=some_day))

    def found(name: str, start: Place = places.start) -> str:
        search = Search(places, start, lambda system: with_promise(system, name), None)
        return result(search).line.partition(" (")[0]

    assert found("Never b") == "Never b: 1 step from here"
    assert found("Never d") == "Never d: 2 steps from here"
    assert found("Some day x") == "Some day x: 0 steps from here to a loop of 3 steps"
    assert found("Some day c") == "Some day c: 1 step from here to a loop of 2 steps, in a state that breaks Never b"
    assert found("Some day b").startswith("holds, exhaustive within bounds")
    with pytest.raises(UnusableSystemError, match="Some day b is kept on this path, whatever follows"):
        found("Some day b", places.end_of([0]))


def test_what_happens_before_a_state_counts_for_its_promises() -> None:
    """The same state, on two ways: what was true once stays true once, and what is awaited stays awaited."""
    some_day, answer = eventually("p"), leads_to("p", "q")
    assert line(after(TWO_WAYS, some_day, "left", "go")) == HOLDS.partition(", where")[0]
    assert line(after(TWO_WAYS, some_day, "right")) == "Promise: 0 steps from here to a loop of 2 steps"
    assert line(after(TWO_WAYS, answer, "left", "go")) == "Promise: 0 steps from here to a loop of 2 steps"
    assert line(after(TWO_WAYS, answer, "right")) == HOLDS
    assert line(after(TO_ONE_END, some_day, "left", "go")) == HOLDS.partition(", where")[0]
    assert line(after(TO_ONE_END, some_day, "right", "go")) == AT_ITS_END
    assert line(after(TO_ONE_END, answer, "left", "go")) == AT_ITS_END
    assert line(after(TO_ONE_END, answer, "right", "go")) == HOLDS


def test_a_place_says_what_its_promises_of_liveness_wait_for() -> None:
    """Whether one was kept for good, is awaited since when, or is broken if this goes on."""
    some_day, answer = eventually("p"), leads_to("p", "q")
    judged, waiting = "judged of endless behaviours", "its cause is not true here, its effect is not true here"
    assert truth(after(TWO_WAYS, some_day, "left", "go")) == ("holds", "its condition was true after 1 step")
    assert truth(after(TWO_WAYS, some_day, "right")) == (judged, "its condition is not true here")
    assert truth(after(TWO_WAYS, answer, "left", "go")) == (judged, f"{waiting} and awaited since step 1")
    assert truth(after(TWO_WAYS, answer, "right")) == (
        judged,
        "its cause is not true here, its effect is not true here",
    )
    assert truth(after(TWO_WAYS, answer, "left", "go", "go", "go")) == ("broken", "if steps 3 to 4 repeat for ever")
    assert truth(after(TWO_WAYS, answer, "right", "go", "go"))[0] == judged


def test_a_search_finds_that_raft_never_applies_its_log() -> None:
    """A leader without a no-op, after a restart; with it the promise holds from there, too."""
    bounds = TimelyBounds(servers=2, restarts=1, no_op=False)
    report = run(Places(bounds.system()), Places(bounds.system()).start)
    assert report.line.startswith("LogInTheEnd: ")
    assert report.loop is not None
    kept = Places(replace(bounds, no_op=True).system())
    assert line(kept.end_of([0, 0])).startswith("holds, exhaustive within bounds, where every delivery is weakly fair")


@often
@given(systems(), promises(), st.lists(demands(), max_size=3).map(tuple), st.integers(0, 20))
def test_what_breaks_a_promise_of_liveness_is_found_from_each_place_on_its_path(
    system: System, promise: Liveness, fairness: tuple[Fairness, ...], number: int
) -> None:
    """On random systems, from anywhere on the path that the reference search finds, also within its loop."""
    system = replace(system, invariants=(), witnesses=(), done=None, liveness=(promise,), fairness=fairness)
    expected = reference.explore(system, stop=AtMost(STATES)).path
    if expected is None or expected.loop is None:
        return
    places = Places(system)
    place = places.follow(places.start, expected.steps[: number % (len(expected.steps) + 1)])
    if not place.state.current:
        assert_breaks(places, place, explore(resumed(place)))


@often
@given(
    systems(),
    promises((Eventually, LeadsTo)),
    st.lists(demands(), max_size=2).map(tuple),
    st.tuples(*[st.integers(0, 20)] * 4),
)
def test_what_a_search_finds_breaks_a_promise_of_liveness_together_with_the_path_before_it(
    system: System, promise: Liveness, fairness: tuple[Fairness, ...], choices: tuple[int, ...]
) -> None:
    """On random systems, along random walks that may have kept the promise or begun to wait for it."""
    system = replace(system, invariants=(), witnesses=(), done=None, liveness=(promise,), fairness=fairness)
    if reference.explore(system, stop=AtMost(STATES)).stopped is not None:
        return
    for place in walked(system, choices).chain:
        if not place.state.current:
            exploration = explore(resumed(place))
            event(f"{len(resumed(place).liveness)} left, {'broken' if exploration.path else 'kept'}")
            if exploration.path is not None and exploration.path.loop is not None:
                assert_breaks(Places(system), place, exploration)


def assert_breaks(places: Places, place: Place, exploration: Exploration) -> None:
    """What was found from a place leads to one whose path breaks the promise for ever."""
    assert exploration.path is not None
    end = places.follow(place, exploration.path.steps).path
    assert end.loop is not None
    assert end.loop >= len(place.chain) - 1
    assert fair_cycles.breach(places.system, places.system.liveness[0], end) is None


@often
@given(
    systems(),
    promises(),
    st.lists(demands(), max_size=3).map(tuple),
    st.lists(st.integers(0, 3), min_size=10, max_size=30).map(tuple),
)
def test_a_path_breaks_a_promise_of_liveness_if_any_of_its_loops_does(
    system: System, promise: Liveness, fairness: tuple[Fairness, ...], choices: tuple[int, ...]
) -> None:
    """On random systems, along random walks: those loops are left out that can't break what a later one keeps."""
    system = replace(system, invariants=(), witnesses=(), done=None, liveness=(promise,), fairness=fairness)
    place = walked(system, choices)
    first, *others = place.chain
    path = Path(first.state, tuple(each.step for each in others if each.step is not None), "")
    loops = [replace(path, broken=promise.name, loop=loop) for loop in range(len(path.steps) + 1)]
    try:
        expected = any(fair_cycles.breach(system, promise, each) is None for each in loops)
    except behaviour.StepRaisedError:  # which breaks a promise of safety before
        return
    event("broken" if expected else "kept")
    assert (endless(system, path).loop is not None) is expected
