"""The compiled search of the Raft core finds what the reference search finds, network by network, fault by fault."""

from dataclasses import replace
from functools import cache

import pytest

from engine_agreement import MEMORY, assert_agrees, assert_really_happens, explore
from nightly import all_by_day_but, by_night
from quorate_check import engine
from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, Over, StepInvariant
from quorate_check.core.system import NetworkKind, System
from quorate_check.engine import Limits, kernel, worker
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.properties import terms_led
from quorate_check.raft.subject import CoreNode, Durability

SYNC, ASYNC = Durability.SYNC, Durability.ASYNC
UNORDERED, ORDERED, LOCKSTEP = NetworkKind.UNORDERED, NetworkKind.ORDERED, NetworkKind.LOCKSTEP
TWO = RaftBounds(servers=2, max_log=1, in_flight=2, proposals=1)

BOUNDS = {
    "one server": RaftBounds(servers=1, max_term=3, max_log=3, proposals=3, restarts=1),
    "one server and its disk": RaftBounds(
        servers=1, max_term=3, max_log=3, proposals=3, restarts=2, snapshots=1, storage=ASYNC
    ),
    "four servers": RaftBounds(servers=4, max_term=1, in_flight=3),
    "unordered": replace(TWO, max_log=2),
    "unordered, three servers": RaftBounds(servers=3, max_term=1, in_flight=3, proposals=1, max_log=1),
    "unordered, drops and duplicates": replace(TWO, drops=1, duplicates=1),
    "unordered, drops and duplicates in one term": replace(TWO, max_term=1, drops=1, duplicates=1),
    "unordered, restarts and snapshots": replace(TWO, max_log=2, restarts=1, snapshots=1),
    "unordered, leaders that step down": replace(TWO, step_downs=2),
    "unordered, reads": replace(TWO, reads=2),
    "unordered, async, reads": replace(TWO, storage=ASYNC, in_flight=1, reads=1),
    "unordered, async": replace(TWO, storage=ASYNC, in_flight=1),
    "unordered, pre-vote": replace(TWO, pre_vote=True),
    "unordered, pre-vote and no-op": replace(TWO, max_log=2, pre_vote=True, no_op=True),
    "ordered": replace(TWO, network=ORDERED, in_flight=3),
    "ordered, drops and duplicates": replace(TWO, network=ORDERED, drops=1, duplicates=1),
    "ordered, async, duplicates": replace(TWO, network=ORDERED, storage=ASYNC, in_flight=1, duplicates=1),
    "ordered, async, restarts": replace(TWO, network=ORDERED, storage=ASYNC, restarts=1),
    "ordered, snapshots and no-op": replace(TWO, network=ORDERED, max_log=2, snapshots=1, no_op=True),
    "lockstep, three servers": RaftBounds(network=LOCKSTEP, in_flight=5, max_log=1, proposals=1),
    "lockstep, drops": replace(TWO, network=LOCKSTEP, in_flight=4, drops=1),
    "lockstep, drops, duplicates and restarts": replace(
        TWO, network=LOCKSTEP, in_flight=2, drops=1, duplicates=1, restarts=1
    ),
    "lockstep, async": replace(TWO, network=LOCKSTEP, in_flight=3, storage=ASYNC, restarts=1, max_term=1),
}


def concrete(bounds: RaftBounds) -> System:
    """The system of `bounds` without symmetry reduction, which the reference hasn't got and lockstep excludes."""
    return replace(bounds, symmetry=False).system()


LONG = (
    "unordered, drops and duplicates",
    "unordered, restarts and snapshots",
    "ordered, async, restarts",
    "lockstep, drops, duplicates and restarts",
)


@pytest.mark.parametrize("name", all_by_day_but(BOUNDS, *LONG))
def test_the_engine_counts_what_the_reference_counts(name: str) -> None:
    """Levels, transitions, moves over capacity, verdict and the depths of witnesses agree, for one and two workers."""
    system = concrete(BOUNDS[name])
    expected = reference.explore(system)
    for workers in (1, 2):
        assert_agrees(system, explore(system, workers=workers), expected)


@pytest.mark.parametrize("name", [name for name, bounds in BOUNDS.items() if bounds.network is not LOCKSTEP])
def test_the_representatives_stand_for_all_states(name: str) -> None:
    """Under symmetry reduction the orbits together have as many states as a search without it finds, level by level."""
    bounds = BOUNDS[name]
    system, whole = bounds.system(), explore(concrete(bounds))
    reduced = explore(system)
    assert reduced.orbit_sum == whole.states
    assert (reduced.depth, reduced.verdict, reduced.witnesses) == (whole.depth, whole.verdict, whole.witnesses)
    for depth in {0, 1, 2, whole.depth // 2, whole.depth - 1}:
        assert explore(system, depth=depth).orbit_sum == sum(whole.levels[: depth + 1])


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> dict[worker.Shape, worker.Expand]:
    """The kernels for one shape that searches use: none yet, whatever was searched before in this process."""
    of_shape = dict[worker.Shape, worker.Expand]()
    monkeypatch.setattr(worker, "_of_shape", of_shape)
    monkeypatch.setattr(worker, "_compile", compiled_once)
    return of_shape


compiled_once = cache(kernel.expand_of)


@by_night
def test_a_kernel_for_one_shape_counts_what_the_reference_counts(
    kernels: dict[worker.Shape, worker.Expand], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long search goes on with a kernel compiled for its own sizes; here it has it from the start."""
    monkeypatch.setattr(worker, "LONG", 0)
    system = concrete(BOUNDS["lockstep, drops, duplicates and restarts"])
    assert_agrees(system, explore(system, workers=2), reference.explore(system))
    assert kernels


@pytest.mark.parametrize("reduced", [False, pytest.param(True, marks=by_night)])
def test_a_search_may_change_its_kernel_on_the_way(
    kernels: dict[worker.Shape, worker.Expand], monkeypatch: pytest.MonkeyPatch, *, reduced: bool
) -> None:
    """With symmetry, with and without the removal of useless messages, counts are those of the general kernel."""
    system, limits = BOUNDS["unordered, drops and duplicates"].system(), Limits(memory=MEMORY, reduced=reduced)
    general = engine.explore(system, limits)
    assert not kernels
    monkeypatch.setattr(worker, "LONG", general.transitions // 2)
    found = engine.explore(system, limits)
    assert kernels
    assert replace(found, seconds=0) == replace(general, seconds=0)


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_depth_limit_ends_both_searches_alike(depth: int) -> None:
    """A search to a depth counts the states up to it and claims no more than that."""
    system = concrete(TWO)
    found = explore(system, depth=depth)
    assert_agrees(system, found, reference.explore(system, depth=depth))
    assert (found.depth, found.depth_limit, found.exhaustive) == (depth, depth, False)


def never_leads_term_two(views: tuple[frozenset[int], ...]) -> bool:
    """Break where a server has led term 2, several messages into an exploration."""
    return all(2 not in led for led in views)


def one_leader_at_most(views: tuple[frozenset[int], ...]) -> bool:
    """Break where two servers have led, whatever the term."""
    return sum(map(bool, views)) < 2


def never_steps_to_term_two(_before: CoreNode, _event: object, after: CoreNode, _sent: object) -> bool:
    """Break at the first step into term 2."""
    return after.state.current_term < 2


NEVER = (
    Invariant("NeverTermTwo", "", terms_led, never_leads_term_two, Over.EACH),
    Invariant("OneLeader", "", terms_led, one_leader_at_most, Over.PAIRS),
    Invariant("OneLeaderAmongAll", "", terms_led, one_leader_at_most, Over.ALL),
    StepInvariant("NoStepToTermTwo", "", never_steps_to_term_two),
)


@pytest.mark.parametrize(
    "name", ["unordered", "ordered, drops and duplicates", "lockstep, drops, duplicates and restarts"]
)
@pytest.mark.parametrize("invariant", NEVER, ids=lambda i: i.name)
def test_counterexamples_are_as_short_as_the_references(name: str, invariant: Invariant | StepInvariant) -> None:
    """A promise that Raft doesn't make is broken after as few moves as possible, by a path that replays."""
    system = replace(concrete(BOUNDS[name]), invariants=(invariant,))
    expected = reference.explore(system)
    assert expected.path is not None
    for workers in (1, 2):
        assert_agrees(system, explore(system, workers=workers), expected)
    if BOUNDS[name].network is not LOCKSTEP:
        reduced = replace(BOUNDS[name].system(), invariants=(invariant,))
        found = explore(reduced).path
        assert found is not None
        assert (len(found.steps), found.broken) == (len(expected.path.steps), invariant.name)
        assert_really_happens(reduced, found)
