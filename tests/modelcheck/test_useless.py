"""Without useless messages a search meets the same tuples of local states, and gives the same verdicts."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine_agreement import MEMORY, assert_really_happens, by_reference
from quorate_check import engine
from quorate_check.api.checking import check
from quorate_check.api.options import Current, Options
from quorate_check.core import reference
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
from random_systems import STATES, groups_of, often, systems, whole


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


@st.composite
def all_kinds_of_systems(draw: DrawFn) -> System:
    """A random system, whose nodes may be in one and the same state at first, or interchangeable, all or some."""
    system = draw(systems() | systems(symmetric=True))
    if system.symmetry is None:
        alike = draw(st.booleans())
        return replace(system, initial=system.initial[:1] * len(system.initial)) if alike else system
    groups = draw(st.none() | groups_of(len(system.initial)))
    return replace(system, symmetry=replace(system.symmetry, groups=groups))


@often
@given(all_kinds_of_systems(), st.integers(1, 2))
def test_a_random_system_shows_the_same_tuples_of_local_states(system: System, workers: int) -> None:
    """Whatever nodes do, on every kind of network, and under every name of the nodes.

    Where no step was left out for want of room, more room brings no other tuple.
    """
    plain = replace(system, invariants=(), witnesses=())
    expected, depth = by_reference(replace(plain, symmetry=None), at_most=4 * STATES)
    if depth is not None or expected.path is not None:
        return
    found = explore(plain, workers=workers)
    assert found.tuples == expected.tuples
    assert found.states <= expected.states
    assert found.over_capacity <= expected.over_capacity
    assert (found.beyond > 0) == (expected.beyond > 0)
    if expected.over_capacity and not found.over_capacity:
        roomy = replace(plain, network=replace(plain.network, capacity=plain.network.capacity + 1))
        assert explore(roomy, reduced=False).tuples == expected.tuples


@often
@given(all_kinds_of_systems(), st.integers(1, 2))
def test_a_random_system_gets_the_same_verdicts(system: System, workers: int) -> None:
    """Promises of nodes and of steps, and witnesses, are broken and seen as in plain Python; paths really happen."""
    expected, depth = by_reference(replace(system, symmetry=None), at_most=4 * STATES)
    if depth is not None:
        return
    found = explore(system, workers=workers)
    assert found.verdict is expected.verdict
    if found.path is not None:
        assert expected.path is not None
        assert len(found.path.steps) == len(expected.path.steps)
        assert_really_happens(system, found.path)
        return
    assert [w.name for w in found.witnesses if w.depth is None] == [
        w.name for w in expected.witnesses if w.depth is None
    ]
    if found.orbit_sum is not None:
        assert found.orbit_sum == explore(replace(system, symmetry=None), workers=workers).states


@often
@given(all_kinds_of_systems())
def test_a_search_to_a_depth_is_whole(system: System) -> None:
    """Each level has all the states that so many steps lead to."""
    expected = reference.explore(replace(system, symmetry=None), depth=2)
    found = engine.explore(system, engine.Limits(2, 1, MEMORY, reduced=True))
    assert (found.verdict, found.without_useless) == (expected.verdict, False)
    if expected.path is None:
        assert (found.orbit_sum or found.states, found.tuples) == (expected.states, expected.tuples)


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
    assert not found.without_useless
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


def test_a_deadlock_has_nothing_left_in_flight() -> None:
    """A useless message changes nothing, but as long as it can arrive something can happen: the path delivers it."""

    def step(local: tuple[int, bool], event: object) -> tuple[Outcome, ...]:
        me, has_sent = local
        if event == "send" and not has_sent:
            return (Outcome((me, True), ((me, 1 - me),)),)
        return (Outcome(local),) if isinstance(event, Deliver) else ()

    system = System(
        name="senders",
        initial=((0, False), (1, False)),
        step=step,
        network=Network(NetworkKind.UNORDERED, 5),
        source=lambda letter: letter[0],
        destination=lambda letter: letter[1],
        spontaneous=(Spontaneous("send"),),
        done=lambda _: False,
    )
    for reduced in (False, True):
        path = explore(system, reduced=reduced).path
        assert path is not None
        assert (path.broken, len(path.steps)) == ("NoDeadlock", 4)
        assert_really_happens(system, path)


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


@dataclass(unsafe_hash=True)
class Sleeper:
    """A local state that isn't frozen."""

    me: int
    awake: bool = False


def waking(late: Callable[[Sleeper], Any], kind: NetworkKind) -> System:
    """Node 0 sends "late" and "up" to node 1, which the second wakes; `late` is what node 1 then does on the first.

    Where links keep their order that never happens.
    """

    def step(local: Sleeper, event: Deliver | str) -> Any:  # noqa: ANN401 - what no step function should return
        if event == "say":
            return () if local.me or local.awake else (Outcome(Sleeper(0, awake=True), say),)
        assert isinstance(event, Deliver)
        if event.message.word == "up":
            return (Outcome(Sleeper(1, awake=True)),)
        return late(local) if local.awake else ()

    say = (Note(0, 1, "late"), Note(0, 1, "up"))
    return System(
        "waking",
        (Sleeper(0), Sleeper(1)),
        step,
        Network(kind, 2),
        spontaneous=(Spontaneous("say"),),
        done=lambda _: True,
    )


def test_what_only_the_search_asks_is_no_fault_of_the_system() -> None:
    """What no run comes to is asked, whether a message is useless, and its answer isn't held against the system."""

    def nonsense(_local: Sleeper) -> Any:  # noqa: ANN401 - what no step function should return
        return ["nonsense"]

    found = check(waking(nonsense, NetworkKind.ORDERED))
    assert (found.verdict, found.states) == (Verdict.HOLDS, 4)
    with pytest.raises(UnusableSystemError, match="tuple with a str in it"):
        check(waking(nonsense, NetworkKind.UNORDERED))


@pytest.mark.parametrize("kind", [NetworkKind.ORDERED, NetworkKind.UNORDERED])
def test_a_state_that_is_changed_where_only_the_search_asks_is_refused(kind: NetworkKind) -> None:
    """The search has that state, and nothing that it says of it later counts."""

    def changing(local: Sleeper) -> tuple[Outcome, ...]:
        local.awake = False
        return ()

    with pytest.raises(UnusableSystemError, match="step changed the state it was given"):
        check(waking(changing, kind))


@pytest.mark.parametrize("network", [Network(NetworkKind.UNORDERED, 1), Network(NetworkKind.ANY)])
def test_what_answers_by_chance_is_refused_where_only_the_search_asks(network: Network) -> None:
    """A message that did nothing once, and so was left out, might have done something."""
    chance = itertools.count()

    def step(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
        if event == "say":
            return (Outcome((0, 1), (Note(0, 1, "hello"),)),) if local == (0, 0) else ()
        return (Outcome((1, next(chance) % 2)),) if local[0] else ()

    with pytest.raises(UnusableSystemError, match="differently the second time"):
        explore(System("chance", ((0, 0), (1, 0)), step, network, spontaneous=(Spontaneous("say"),)))


def test_a_message_for_nobody_is_refused_each_time_that_it_is_sent() -> None:
    """Though the search has asked before what would be sent, and made nothing of it."""

    def step(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
        if event == "say":
            return (Outcome((0, 1), (Note(0, 1, "hello"),)),) if local == (0, 0) else ()
        return (Outcome(local, (Note(1, 2, "echo"),)),) if local[0] else ()

    nowhere = System(
        "nowhere", ((0, 0), (1, 0)), step, Network(NetworkKind.UNORDERED, 2), spontaneous=(Spontaneous("say"),)
    )
    with pytest.raises(UnusableSystemError, match="from node 1 to node 2; there are 2 nodes"):
        explore(nowhere)


def test_nobody_asks_what_step_does_beyond_the_state_constraint() -> None:
    """No message arrives there, so the function needn't have an answer, and what is only useful there is useless."""

    def step(local: tuple[int, int], event: Deliver | str) -> tuple[Outcome, ...]:
        assert local != (1, 2), "no state with this node is expanded"
        if event == "say":
            return (Outcome((0, 1), (Note(0, 1, "hello"),)),) if local == (0, 0) else ()
        return (Outcome((1, local[1] + 1)),) if event == "wake" and local[0] else ()

    far = replace(GREETING, step=step, beyond=lambda local: local == (1, 2))
    found, entire = check(far), check(far, full=True)
    assert found.verdict is entire.verdict is Verdict.HOLDS
    assert found.tuples == entire.tuples
    assert found.states < entire.states


def test_a_whole_search_is_made_where_it_is_asked_for_and_where_steps_are_counted() -> None:
    """By `full`, by the option of a test run, and to a depth."""
    deaf = replace(GREETING, spontaneous=(Spontaneous("say"),), done=lambda _: True)
    fewer, whole = check(deaf), check(deaf, full=True)
    assert (fewer.states, fewer.without_useless) == (2, True)
    assert (whole.states, whole.without_useless) == (3, False)
    assert fewer.tuples == whole.tuples == 2
    shallow = check(deaf, depth=9)
    assert (shallow.states, shallow.why_whole) == (3, "a depth counts every step")
    previous, Current.options = Current.options, Options(full=True)
    try:
        assert check(deaf).states == 3
    finally:
        Current.options = previous


@pytest.mark.parametrize(("workers", "at_once"), [(1, 3), (2, 1 << 20)])
def test_every_search_counts_the_same_tuples(workers: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In plain Python, compiled, without useless messages, without symmetry, and with any number of messages.

    So it is however many states are looked at at once.
    """
    monkeypatch.setattr("quorate_check.engine.tuples.CHUNK", at_once)
    bounds = RaftBounds(servers=2, max_term=1, in_flight=4, max_log=1, proposals=1, drops=1, duplicates=1)
    named = replace(bounds, symmetry=False)
    expected = reference.explore(named.system()).tuples
    counts = [explore(b.system(), reduced=r, workers=workers).tuples for b in (bounds, named) for r in (True, False)]
    assert counts == [expected] * 4
    any_network = replace(named, network=NetworkKind.ANY, drops=0, duplicates=0)
    assert engine.explore(any_network.system(), engine.Limits(memory=MEMORY)).tuples == expected
