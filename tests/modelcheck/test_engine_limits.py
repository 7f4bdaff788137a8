"""Where arrays fill up, ids outgrow their fields or a limit is reached, the engine is exact or says that it isn't."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import pytest

from engine_agreement import assert_agrees, assert_really_happens, explore
from quorate_check import engine
from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, Symmetry, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, kernel
from quorate_check.engine.arena import BLOCK, Arena
from quorate_check.engine.layout import Ints, Layout, layout
from quorate_check.engine.shard import OutOfMemoryError, Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.views import Judge
from quorate_check.engine.worker import sizes

MIB = 1 << 20
UNORDERED, ORDERED, LOCKSTEP = NetworkKind.UNORDERED, NetworkKind.ORDERED, NetworkKind.LOCKSTEP


@dataclass(frozen=True, slots=True)
class Counter:
    """A node that counts round `size` numbers."""

    me: int
    size: int
    value: int = 0


def tick(counter: Counter, _event: object) -> tuple[Outcome, ...]:
    """Count on, and from the last number to 0."""
    return (Outcome(replace(counter, value=(counter.value + 1) % counter.size)),)


def value(counter: Counter) -> int:
    """View: the number."""
    return counter.value


def counters(*sizes: int, capacity: int = 1) -> System:
    """Nodes that count independently of each other: as many states as the product of `sizes`, and no messages."""
    return System(
        name="counters",
        initial=tuple(Counter(i, size) for i, size in enumerate(sizes)),
        step=tick,
        network=Network(UNORDERED, capacity),
        source=lambda _: 0,
        destination=lambda _: 0,
        spontaneous=(Spontaneous("tick"),),
    )


def never_all(number: int) -> Invariant:
    """The promise that the nodes never all show `number`."""
    return Invariant("NeverAll", "", value, lambda values: set(values) != {number}, Over.ALL)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_table_that_has_to_grow_loses_no_state(workers: int) -> None:
    """216,000 states, three times the slots of the first table, are all found, once each, in 16 bytes each at most."""
    found = explore(counters(60, 60, 60), workers=workers)
    assert (found.states, found.transitions, found.depth) == (60**3, 3 * 60**3, 3 * 59)
    assert found.levels[:4] == (1, 3, 6, 10)
    assert found.conclusion == "holds, exhaustive within bounds"
    # Three ids of 8 bits and a message fill 4 bytes, a parent and a slot take 4 each, and tables are never half empty.
    assert found.bytes_per_state is not None
    assert found.bytes_per_state <= 4 + 4 + 2 * 4


def test_representatives_of_interchangeable_counters_are_the_multisets_of_numbers() -> None:
    """Three counters to 40 have C(42, 3) multisets of numbers, which stand for 40³ states."""
    symmetry = Symmetry(lambda counter, p: replace(counter, me=p[counter.me]), lambda message, _: message)
    found = explore(replace(counters(40, 40, 40), symmetry=symmetry))
    assert (found.states, found.orbit_sum) == (comb(42, 3), 40**3)


@pytest.mark.parametrize("bits", [(2, 1), (7, 9), (21, 12), (30, 9)])
@pytest.mark.parametrize("more", [(0, 0), (1, 0), (0, 1), (3, 9)])
def test_states_that_are_repacked_in_place_stay_the_same(bits: tuple[int, int], more: tuple[int, int]) -> None:
    """Whether they get longer, or shorter because wider ids fill words better; the last block isn't a full one."""
    system = counters(2, 2, 2, 2, capacity=11)
    at, to = layout(system, *bits), layout(system, bits[0] + more[0], bits[1] + more[1])
    count = BLOCK + 100
    values = np.random.default_rng(0).integers(0, at.mask + 1, (count, len(at.mask)))

    def packed(by: Layout) -> Ints:
        rows = np.zeros((count, by.words), np.int64)
        for f in range(len(by.mask)):
            rows[:, by.word[f]] |= values[:, f] << by.shift[f]
        return rows

    arena = Arena(count * max(at.size, to.size), at)
    arena.put(packed(at), 0)
    assert np.array_equal(arena.block(0, count), packed(at))
    arena.widen(to, count)
    assert np.array_equal(arena.block(0, count), packed(to))


@pytest.mark.parametrize("workers", [1, 2])
def test_local_ids_may_widen_in_mid_search(workers: int) -> None:
    """More than 2¹² local states make the fields wider and the states longer; nothing else changes."""
    system = counters(5000, 3, 2, capacity=24)
    assert (layout(system, 4, 2).words, layout(system, 14, 2).words) == (1, 2)
    found = explore(system, workers=workers)
    assert (found.states, found.transitions, found.depth) == (30_000, 90_000, 4999 + 2 + 1)


def count_to_the_other(counter: Counter, event: object) -> tuple[Outcome, ...]:
    """Node 0 counts and tells node 1 each number; node 1 forgets it."""
    if isinstance(event, Deliver):
        return (Outcome(counter),)
    if counter.me == 1:
        return ()
    return (Outcome(*[o.local for o in tick(counter, event)], ((0, 1, counter.value),)),)


@pytest.mark.parametrize("kind", [UNORDERED, ORDERED])
def test_message_ids_may_widen_in_mid_search(kind: NetworkKind) -> None:
    """More than a thousand distinct messages, one at a time, are told apart as the reference tells them."""
    system = replace(
        counters(2000, 1),
        step=count_to_the_other,
        network=Network(kind, 1),
        source=lambda message: message[0],
        destination=lambda message: message[1],
    )
    system = replace(system, spontaneous=(Spontaneous("tick", "ticks"),), budgets={"ticks": 1200})
    assert_agrees(system, explore(system), reference.explore(system))


def scatter(counter: Counter, _event: object) -> tuple[Outcome, ...]:
    """From 0, go anywhere at once."""
    return tuple(Outcome(replace(counter, value=v)) for v in range(1, counter.size)) if counter.value == 0 else ()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_state_may_have_more_successors_than_the_buffers_hold(workers: int) -> None:
    """A step with 40,000 outcomes is made whole, after the buffers grew."""
    found = explore(replace(counters(40_001), step=scatter), workers=workers)
    assert (found.levels, found.transitions) == ((1, 40_000), 40_000)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_promise_is_judged_in_every_state_though_the_sets_of_views_grow(workers: int) -> None:
    """One bad tuple among 27,000, in the very last state, is found."""
    system = replace(counters(30, 30, 30), invariants=(never_all(29),))
    found = explore(system, workers=workers)
    assert found.path is not None
    assert len(found.path.steps) == 3 * 29
    assert_really_happens(system, found.path)


def test_a_path_of_thousands_of_moves_is_told_whole() -> None:
    """The way back from the deepest state passes every state before it."""
    system = replace(counters(6000), invariants=(never_all(5999),))
    found = explore(system)
    assert found.path is not None
    assert [step.after.nodes[0].value for step in found.path.steps if step.after] == list(range(1, 6000))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_full_memory_is_never_a_pass(workers: int) -> None:
    """A search that needs more than its memory ends as unknown, says why, and vouches for no invariant."""
    # Room for messages makes states long, so that few fill the least memory.
    system = replace(counters(128, 128, 128, capacity=500), invariants=(never_all(127),))
    found = engine.explore(system, Limits(memory=16 * MIB, workers=workers))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.exhaustive
    assert "memory" in found.conclusion
    assert found.conclusion.startswith("unknown: ")
    assert found.of_invariant("NeverAll") is Verdict.UNKNOWN
    assert found.states == sum(found.levels) < 128**3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_violation_is_told_though_memory_ends_in_the_same_round(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """A step that breaks a promise and hands out ids for which there is no room is a violation all the same."""

    def full(shard: Shard, _to: object) -> None:
        if shard.states > 1:
            raise OutOfMemoryError

    monkeypatch.setattr(Shard, "widen", full)

    def step(counter: Counter, event: object) -> tuple[Outcome, ...]:
        return tick(counter, event) if counter.value == 0 else scatter(replace(counter, value=0), event)

    never = StepInvariant("NeverFar", "", lambda _before, _event, after, _sent: after.value < 99)
    system = replace(counters(1, 100), step=step, invariants=(never,))
    found = explore(system, workers=workers)
    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert_really_happens(system, found.path)


def test_a_depth_limit_is_named_in_the_conclusion() -> None:
    """To depth 3 there are 1 + 3 + 6 + 10 states, and that is all that is claimed."""
    found = explore(counters(9, 9, 9), depth=3)
    assert (found.levels, found.transitions) == ((1, 3, 6, 10), 30)
    assert found.conclusion == "holds to depth 3; 10 states found and not expanded"
    assert not found.exhaustive


def test_a_limit_beyond_the_last_state_limits_nothing() -> None:
    """A search that ends by itself before the limit is exhaustive."""
    assert explore(counters(2, 2), depth=3).exhaustive


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reason_to_stop_ends_the_search_as_unknown(workers: int) -> None:
    """Whoever asks the search to stop is named in the conclusion, and nothing is claimed."""
    asked = 0

    def stop() -> str | None:
        nonlocal asked
        asked += 1
        return "interrupted" if asked == 20 else None

    system = replace(counters(60, 60, 60), invariants=(never_all(59),))
    found = engine.explore(system, Limits(workers=workers, memory=256 * MIB), stop=stop)
    assert found.verdict is Verdict.UNKNOWN
    assert found.conclusion == f"unknown: interrupted; {found.waiting:,} states found and not expanded"
    assert 0 < found.waiting < found.states
    assert found.of_invariant("NeverAll") is Verdict.UNKNOWN
    assert 1 < found.states < 60**3


def test_progress_is_reported_and_only_grows() -> None:
    """What `report` is told last is what the search concludes."""
    told: list[engine.Progress] = []
    found = engine.explore(counters(20, 20), Limits(memory=64 * MIB), report=told.append)
    assert [p.states for p in told] == sorted(p.states for p in told)
    assert (told[-1].states, told[-1].transitions) == (found.states, found.transitions)
    assert told[-1].step_executions == found.step_executions == 40


def burst(*messages: int) -> Callable[[int, object], tuple[Outcome, ...]]:
    """A step function: on the first event node 0 sends `messages`, all to node 1."""

    def step(local: int, event: object) -> tuple[Outcome, ...]:
        if isinstance(event, Deliver):
            return (Outcome(local),)
        return (Outcome(9, tuple((0, 1, message) for message in messages)),) if local == 0 else ()

    return step


@pytest.mark.parametrize("kind", [kind for kind in NetworkKind if kind is not NetworkKind.ANY])
@pytest.mark.parametrize("messages", [(), (1,), (1, 2), (2, 1, 3), (1, 1, 1), (1, 2, 2, 1), tuple(range(40))])
def test_a_step_that_would_overfill_the_network_is_counted_and_not_made(
    kind: NetworkKind, messages: tuple[int, ...]
) -> None:
    """Capacity 2 admits two messages: in a set equal ones count once, in a queue each counts."""
    system = System(
        name="burst",
        initial=(0, 1),
        step=burst(*messages),
        network=Network(kind, 2, round_end="end" if kind is LOCKSTEP and len(messages) == 1 else None),
        source=lambda message: message[0],
        destination=lambda message: message[1],
        spontaneous=(Spontaneous("send"),),
        witnesses=(Witness("sent", lambda local: local, lambda views: views == (9,)),),
    )
    found = explore(system)
    in_flight = len(set(messages)) if kind is UNORDERED else len(messages)
    assert found.missed == (() if in_flight <= 2 else ("sent",))
    assert found.over_capacity >= (in_flight > 2)
    assert_agrees(system, found, reference.explore(system))


def hand_over(holder: tuple[int, bool], event: object) -> tuple[Outcome, ...]:
    """One of three nodes holds a token; it sends it to either of the others."""
    me, holds = holder
    if isinstance(event, Deliver):
        return (Outcome((me, True)),)
    return tuple(Outcome((me, False), ((me, other),)) for other in range(3) if other != me) if holds else ()


@pytest.mark.parametrize("holder", range(3))
def test_an_initial_state_may_treat_one_node_differently(holder: int) -> None:
    """Whoever holds the token first, coming back to it is no new state, and the path begins where the system does."""
    system = System(
        name="token",
        initial=tuple((i, i == holder) for i in range(3)),
        step=hand_over,
        network=Network(UNORDERED, 1),
        source=lambda message: message[0],
        destination=lambda message: message[1],
        spontaneous=(Spontaneous("pass"),),
        symmetry=Symmetry(lambda local, p: (p[local[0]], local[1]), lambda message, p: (p[message[0]], p[message[1]])),
    )
    found = explore(system)
    assert (found.levels, found.orbit_sum) == ((1, 1), reference.explore(system).states)
    system = replace(system, invariants=(Invariant("SomebodyHolds", "", lambda local: local[1], any),))
    lost = explore(system)
    assert lost.path is not None
    assert len(lost.path.steps) == 1
    assert_really_happens(system, lost.path)


def turn(person: tuple[int, str, int | None], event: object) -> tuple[Outcome, ...]:
    """Who is fond of itself turns to the other when that calls; who is asleep may wake to either."""
    me, mood, _ = person
    match mood, event:
        case "fond", Deliver():
            return (Outcome((me, "turned", 1 - me)),)
        case "asleep", "love":
            return (Outcome((me, "fond", me)),)
        case "asleep", "call":
            return (Outcome((me, "awake", None), ((me, 1 - me),)),)
        case _:
            return ()


def test_a_renamed_node_is_compared_with_what_it_was_under_its_new_name() -> None:
    """Renaming may make the new view look like the old one; what it shows is new all the same."""

    def rename(person: tuple[int, str, int | None], p: tuple[int, ...]) -> tuple[int, str, int | None]:
        me, mood, friend = person
        return (p[me], mood, None if friend is None else p[friend])

    system = System(
        name="friends",
        initial=((0, "asleep", None), (1, "asleep", None)),
        step=turn,
        network=Network(UNORDERED, 1),
        source=lambda message: message[0],
        destination=lambda message: message[1],
        # The last event is run first, so that the fond come before the awake, and these before the turned.
        spontaneous=(Spontaneous("call"), Spontaneous("love")),
        invariants=(
            Invariant(
                "NobodyTurns",
                "",
                lambda person: person[2],
                lambda friends: all(friend in {None, me} for me, friend in enumerate(friends)),
            ),
        ),
        symmetry=Symmetry(rename, lambda message, p: (p[message[0]], p[message[1]])),
    )
    found = explore(system)
    assert found.path is not None
    assert len(found.path.steps) == 3
    assert_really_happens(system, found.path)


def test_states_with_equal_hashes_are_told_apart() -> None:
    """States are compared word by word: two thousand different ones with a single hash are all kept, and once."""
    tables = Tables(system := counters(60, 60, 60), Judge(system))
    shard = Shard(tables, at := layout(system, 11, 0), 1, 64 * MIB)
    records = np.zeros((4000, at.words + kernel.EXTRA), np.int64)
    records[:, 0] = np.repeat(np.arange(2000), 2)
    records[:, at.words + 1] = 1 << 32  # one permutation, the identity, leaves it as it is
    records[:, at.words + 2] = 42
    shard.insert(records, len(records), sizes(tables, at, 1))
    assert shard.states == 2000
