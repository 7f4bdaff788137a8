"""Without useless messages a search meets the same tuples of local states, and gives the same verdicts."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import MEMORY, assert_really_happens, by_reference
from quorate_check import engine
from quorate_check.core.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.core.system import (
    Deliver,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Symmetry,
    System,
    UnusableSystemError,
)
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.subject import Durability
from random_systems import STATES, often, renamed_node, systems, whole


def explore(system: System, *, reduced: bool = True, workers: int = 1) -> Exploration:
    """The search without useless messages, or the whole one."""
    return engine.explore(system, engine.Limits(None, workers, MEMORY, reduced))


def tuples(system: System, *, reduced: bool, workers: int = 1) -> set[tuple[Any, ...]]:
    """The tuples of local states that a search meets."""
    met = set[tuple[Any, ...]]()

    def note(views: tuple[Any, ...]) -> bool:
        met.add(views)
        return True

    explore(
        replace(system, invariants=(Invariant("met", "", whole, note, Over.ALL),), witnesses=()),
        reduced=reduced,
        workers=workers,
    )
    return met


@often
@given(systems() | systems(symmetric=True), st.integers(1, 2))
def test_a_random_system_shows_the_same_tuples_of_local_states(system: System, workers: int) -> None:
    """Whatever nodes do, on every kind of network, and under every name of the nodes."""
    plain = replace(system, invariants=(), witnesses=())
    expected, depth = by_reference(replace(plain, symmetry=None), at_most=4 * STATES)
    if depth is not None or expected.path is not None:
        return
    nodes = len(system.initial)
    group = [tuple(range(nodes))] if system.symmetry is None else system.symmetry.permutations(nodes)

    def named(*, reduced: bool) -> set[tuple[Any, ...]]:
        return {
            tuple(renamed_node(views[p.index(i)], p) for i in range(nodes))
            for views in tuples(plain, reduced=reduced, workers=workers)
            for p in group
        }

    assert named(reduced=True) == named(reduced=False)


@often
@given(systems() | systems(symmetric=True), st.integers(1, 2))
def test_a_random_system_gets_the_same_verdicts(system: System, workers: int) -> None:
    """Promises of nodes and of steps, and witnesses, are broken and seen as in plain Python; paths really happen."""
    expected, depth = by_reference(replace(system, symmetry=None), at_most=4 * STATES)
    if depth is not None:
        return
    found = explore(system, workers=workers)
    assert found.verdict is expected.verdict
    if found.path is not None:
        assert_really_happens(system, found.path)
        return
    assert found.states <= expected.states
    assert [w.name for w in found.witnesses if w.depth is None] == [
        w.name for w in expected.witnesses if w.depth is None
    ]
    if found.orbit_sum is not None:
        assert found.orbit_sum == explore(replace(system, symmetry=None), workers=workers).states


@pytest.mark.parametrize(
    ("bounds", "states", "whole_states"),
    [
        (RaftBounds(in_flight=3, max_log=1), 4_174, 15_232),
        (RaftBounds(servers=2, in_flight=3, max_log=1, restarts=1, drops=1, duplicates=1), None, None),
        (RaftBounds(servers=2, in_flight=3, max_log=1, storage=Durability.ASYNC, restarts=1), None, None),
        (RaftBounds(in_flight=3, max_log=1, network=NetworkKind.ORDERED, drops=1), None, None),
    ],
    ids=["unordered", "with faults", "late disk", "ordered"],
)
def test_raft_shows_the_same_tuples_of_local_states(
    bounds: RaftBounds, states: int | None, whole_states: int | None
) -> None:
    """Nodes come to the same with fewer states; named and unnamed servers are counted alike."""
    named = replace(bounds, symmetry=False).system()
    assert tuples(named, reduced=True) == tuples(named, reduced=False)
    found, entire = explore(bounds.system()), explore(bounds.system(), reduced=False)
    assert (found.verdict, found.missed) == (entire.verdict, entire.missed)
    assert found.orbit_sum == explore(named).states < explore(named, reduced=False).states == entire.orbit_sum
    if states is not None:
        assert (found.orbit_sum, entire.orbit_sum) == (states, whole_states)


@dataclass(frozen=True)
class Note:
    """A message of one word."""

    source: int
    destination: int
    word: str


def greeting(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
    """Node 0 says hello once; node 1 hears nothing until it has woken up, and then remembers what it hears."""
    me, at = local
    if event == "say":
        return (Outcome((me, 1), (Note(0, 1, "hello"),)),) if local == (0, 0) else ()
    if event == "wake":
        return (Outcome((me, 1)),) if local == (1, 0) else ()
    return (Outcome((me, 2)),) if at == 1 else ()


def slept_through(before: tuple[int, int], event: object, _after: object, _messages: object) -> bool:
    """Whether a step is no delivery to who sleeps."""
    return not isinstance(event, Deliver) or before != (1, 0)


GREETING = System(
    "greeting",
    ((0, 0), (1, 0)),
    greeting,
    Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("say"), Spontaneous("wake")),
)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_state_that_has_only_used_more_is_left_out(workers: int) -> None:
    """Whoever has the same nodes and messages, and more left to use, can do all of it."""
    idle = replace(
        GREETING, spontaneous=(*GREETING.spontaneous, Spontaneous("nod", "nods")), budgets={"nods": 3}, step=nodding
    )
    entire, found = explore(idle, reduced=False, workers=workers), explore(idle, workers=workers)
    assert entire.states == 4 * explore(GREETING, reduced=False).states
    assert found.states == explore(GREETING).states


def nodding(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
    """As `greeting`, and whoever nods stays as he is."""
    return (Outcome(local),) if event == "nod" else greeting(local, event)


def test_a_message_that_may_matter_later_stays_in_flight() -> None:
    """What changes nothing now is not useless if its receiver can still become one whom it changes."""
    both = Witness("heard", lambda local: local, lambda views: views == ((1, 2),))
    found = explore(replace(GREETING, witnesses=(both,)))
    assert found.without_useless
    assert found.missed == ()


def test_a_message_whose_delivery_breaks_a_promise_stays_in_flight() -> None:
    """Though it changes nothing, the step that takes it is judged, and the path shows it."""
    asleep = replace(
        GREETING,
        spontaneous=(Spontaneous("say"),),
        invariants=(StepInvariant("awake", "nobody is spoken to asleep", slept_through),),
    )
    found = explore(asleep)
    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert_really_happens(asleep, found.path)


def shouting(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
    """Node 0 whispers, then shouts; node 1 ignores the one and can't bear the other."""
    if event == "say":
        return (Outcome((0, 1), (Note(0, 1, "psst"), Note(0, 1, "hey"))),) if local == (0, 0) else ()
    if isinstance(event, Deliver) and event.message.word == "hey":
        raise ValueError("too loud")
    return ()


def test_what_waits_behind_a_useless_message_arrives_after_it() -> None:
    """A path on an ordered network has the delivery that changes nothing, if what raises stands behind it."""
    loud = System(
        "loud", ((0, 0), (1, 0)), shouting, Network(NetworkKind.ORDERED, 2), spontaneous=(Spontaneous("say"),)
    )
    found = explore(loud)
    assert found.path is not None
    assert len(found.path.steps) == 3
    assert_really_happens(loud, found.path)


@pytest.mark.parametrize("network", [Network(NetworkKind.UNORDERED, 3), Network(NetworkKind.ANY)])
@pytest.mark.parametrize("odd", [1, 2])
@pytest.mark.parametrize("does", ["answers", "changes", "raises"])
def test_nodes_that_differ_only_where_a_message_seems_useless_are_refused(
    network: Network, odd: int, does: str
) -> None:
    """What a message does under another name is run, too, before it is left out."""

    def step(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
        me, at = local
        if event == "say":
            return (Outcome((0, 1), (Note(0, 1, "hi"), Note(0, 2, "hi"))),) if local == (0, 0) else ()
        if me != odd:
            return ()
        if does == "raises":
            raise ValueError(me)
        return (Outcome((me, at), (Note(me, 0, "ha"),)) if does == "answers" else Outcome((me, 1)),)

    def renamed(local: tuple[int, int], p: tuple[int, ...]) -> tuple[int, int]:
        return p[local[0]], local[1]

    def renamed_note(note: Note, p: tuple[int, ...]) -> Note:
        return replace(note, source=p[note.source], destination=p[note.destination])

    unlike = System(
        "unlike",
        ((0, 0), (1, 0), (2, 0)),
        step,
        network,
        spontaneous=(Spontaneous("say"),),
        symmetry=Symmetry(renamed, renamed_note, groups=((1, 2),)),
    )
    with pytest.raises(UnusableSystemError, match="nodes aren't interchangeable"):
        explore(unlike)
