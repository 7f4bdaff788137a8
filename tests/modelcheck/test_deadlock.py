"""A state in which nothing can happen any more is a deadlock, unless all are done or only the bounds are in the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from engine_agreement import assert_agrees, explore
from quorate_check import (
    Defer,
    Deliver,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Spontaneous,
    System,
    UnusableSystemError,
    check,
    engine,
)
from quorate_check.api.options import Engine
from quorate_check.core import reference
from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.tell.saved import SavedPath, replay


@dataclass(frozen=True)
class Ask:
    """A node asks the other for its permission, or gives it."""

    kind: str
    source: int
    destination: int

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Fork:
    """A node that wants to enter asks the other, who permits it unless it wants to enter itself."""

    me: int
    phase: str = "thinks"  # then wants, and has eaten
    owes: bool = False


def polite(local: Fork, event: object) -> Iterator[Outcome]:
    """Mutual exclusion in which who wants to enter lets the other wait: both may wait for ever."""
    other = 1 - local.me
    match event:
        case "want" if local.phase == "thinks":
            yield Outcome(replace(local, phase="wants"), (Ask("may I?", local.me, other),))
        case Deliver(Ask("may I?")) if local.phase == "wants":
            yield Outcome(replace(local, owes=True))
        case Deliver(Ask("may I?")):
            yield Outcome(local, (Ask("yes", local.me, other),))
        case Deliver(Ask("yes")) if local.phase == "wants":
            answers = (Ask("yes", local.me, other),) if local.owes else ()
            yield Outcome(replace(local, phase="has eaten", owes=False), answers)


MUTEX = System(
    name="mutual exclusion",
    initial=(Fork(0), Fork(1)),
    step=polite,
    network=Network(NetworkKind.UNORDERED, capacity=4),
    spontaneous=(Spontaneous("want"),),
    done=lambda local: local.phase == "has eaten",
)


def ordered(local: Fork, event: object) -> Iterator[Outcome]:
    """The repair: node 1 permits even while it wants to enter."""
    if local.me == 1 and local.phase == "wants" and event == Deliver(Ask("may I?", 0, 1)):
        yield Outcome(local, (Ask("yes", 1, 0),))
    else:
        yield from polite(local, event)


NUMBERED = replace(MUTEX, step=ordered)


def both(system: System) -> Exploration:
    """What the reference and the compiled search, whole and reduced, agree on."""
    expected = reference.explore(system)
    for workers in (1, 2):
        assert_agrees(system, explore(system, workers=workers), expected)
    assert engine.explore(system, engine.Limits(memory=1 << 26, reduced=True)).verdict is expected.verdict
    return expected


def test_two_that_wait_for_each_other_are_a_deadlock() -> None:
    """Both ask, and neither answers; the repaired protocol lets both enter."""
    found = both(MUTEX)
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == (DEADLOCK, 4)
    assert both(NUMBERED).verdict is Verdict.HOLDS


def test_without_a_word_about_ends_none_is_judged() -> None:
    """A system says where its nodes are done, if only by `lambda local: False`."""
    assert both(replace(MUTEX, done=None)).verdict is Verdict.HOLDS
    never = both(replace(NUMBERED, done=lambda _: False))
    assert never.path is not None
    assert never.path.broken == DEADLOCK


def test_a_fault_ends_no_deadlock() -> None:
    """Who waits for ever may crash, or a message may be lost; that is no step of the protocol."""

    def with_crash(local: Fork, event: object) -> Iterator[Outcome]:
        if event == "crash":
            yield Outcome(Fork(local.me))
        else:
            yield from polite(local, event)

    crash = Spontaneous("crash", budget="crashes", fault=True)
    system = replace(MUTEX, step=with_crash, spontaneous=(*MUTEX.spontaneous, crash), budgets={"crashes": 1})
    lossy = replace(MUTEX, network=replace(MUTEX.network, drops=1, duplicates=1))
    for each in (system, lossy):
        found = both(each)
        assert found.path is not None
        assert found.path.broken == DEADLOCK
    as_step = replace(system, spontaneous=(*MUTEX.spontaneous, replace(crash, fault=False)))
    assert both(as_step).verdict is Verdict.HOLDS


def test_what_only_a_bound_prevents_is_no_deadlock() -> None:
    """A budget that is used up, a full network, and the state constraint: beyond the bounds it would go on."""

    def chatter(local: int, event: object) -> Iterator[Outcome]:
        if event == "talk" and local < 3:
            yield Outcome(local + 1, (Ask(f"{local}", 0, 0),))

    talker = System(
        name="talker",
        initial=(0,),
        step=chatter,
        network=Network(NetworkKind.UNORDERED, capacity=4),
        spontaneous=(Spontaneous("talk", budget="words"),),
        budgets={"words": 2},
        done=lambda _: False,
    )
    assert both(talker).verdict is Verdict.HOLDS
    assert both(replace(talker, beyond=lambda local: local == 3, budgets={"words": 5})).verdict is Verdict.HOLDS

    def deaf(local: int, event: object) -> Iterator[Outcome | Defer]:
        yield from (Defer(),) if isinstance(event, Deliver) else chatter(local, event)

    full = replace(talker, step=deaf, network=Network(NetworkKind.UNORDERED, capacity=1), budgets={"words": 3})
    assert both(full).verdict is Verdict.HOLDS
    ended = both(replace(talker, budgets={"words": 3}))
    assert ended.path is not None
    assert (ended.path.broken, len(ended.path.steps)) == (DEADLOCK, 6)


@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ORDERED])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_message_that_nobody_takes_is_named(kind: NetworkKind, engine: Engine) -> None:
    """It is deferred for ever; the report says who waits, and for what."""

    def stubborn(local: Fork, event: object) -> Iterator[Outcome | Defer]:
        if isinstance(event, Deliver) and local.phase == "wants" and event.message.kind == "may I?":
            yield Defer()
        else:
            yield from polite(local, event)

    system = replace(MUTEX, step=stubborn, network=Network(kind, capacity=4))
    with pytest.raises(NotAsPromisedError) as refused:
        check(system, engine=engine)
    text = " ".join(str(refused.value).split())
    assert "violated: NoDeadlock after 2 steps" in text
    assert "nothing can happen any more, and n0 and n1 wait for ever" in text
    assert "in flight, and taken by nobody: may I?, may I?" in text


def test_a_round_that_nobody_ends_is_a_deadlock() -> None:
    """In lockstep a round goes on until its last message is taken."""

    def deaf(local: int, event: object) -> Iterator[Outcome | Defer]:
        if event == "begin" and local == 0:
            yield Outcome(1, (Ask("hello", 0, 1),))
        elif isinstance(event, Deliver):
            yield Defer()

    system = System(
        name="deaf",
        initial=(0, 9),
        step=deaf,
        network=Network(NetworkKind.LOCKSTEP, capacity=4),
        spontaneous=(Spontaneous("begin"),),
        done=lambda local: local == 2,
    )
    found = both(system)
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == (DEADLOCK, 2)


def test_a_saved_deadlock_is_walked_again() -> None:
    """And is gone after the repair."""
    path = reference.explore(MUTEX).path
    assert path is not None
    saved = SavedPath.of("mutual exclusion", {}, path)
    still, repaired = replay(saved, MUTEX), replay(saved, NUMBERED)
    assert still.conclusion == "violated: NoDeadlock is still broken, after 4 of 4 saved steps"
    assert repaired.verdict is not Verdict.VIOLATED


def test_a_network_without_bounds_has_none() -> None:
    """It may lose every message, so that everybody may wait for ever."""
    with pytest.raises(UnusableSystemError, match="has no deadlock of its own"):
        replace(MUTEX, network=Network(NetworkKind.ANY))
    with pytest.raises(UnusableSystemError, match="done is 'yes'; give a function"):
        replace(MUTEX, done="yes")
