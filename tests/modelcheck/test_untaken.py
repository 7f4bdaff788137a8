"""A message that its receiver makes nothing of is consumed; one that it defers stays where it is."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine_agreement import assert_agrees, explore
from quorate_check import (
    Defer,
    Deliver,
    Invariant,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Spontaneous,
    StepInvariant,
    System,
    UnusableSystemError,
    check,
)
from quorate_check.api.options import Engine
from quorate_check.core import reference
from quorate_check.core.verdict import Verdict
from quorate_check.engine.walks import simulate

KINDS = [NetworkKind.UNORDERED, NetworkKind.ORDERED, NetworkKind.LOCKSTEP]


@dataclass(frozen=True)
class Note:
    """Says something to the other node."""

    text: str
    source: int = 0
    destination: int = 1


@dataclass(frozen=True)
class Node:
    """Counts what it sent, and what it heeded."""

    sent: int = 0
    heeded: int = 0
    ready: bool = False


def chatter(state: Node, event: object) -> Iterator[Outcome | Defer]:
    """Send what means nothing and then what does; a stranger answers only what matters to him."""
    match event:
        case "chat" if state.sent < 6:
            text = "matters" if state.sent == 5 else f"chatter {state.sent}"
            yield Outcome(replace(state, sent=state.sent + 1), (Note(text),))
        case Deliver(Note("matters")):
            yield Outcome(replace(state, heeded=state.heeded + 1))


def system(step: Any, kind: NetworkKind, capacity: int, *events: str) -> System:  # noqa: ANN401 - any answers
    """Two nodes, of whom the second must never heed anything."""
    return System(
        name="notes",
        initial=(Node(), Node(sent=6)),
        step=step,
        network=Network(kind, capacity),
        spontaneous=tuple(map(Spontaneous, events)),
        done=lambda _: True,
        invariants=(Invariant("NeverHeeded", "nobody heeds", lambda s: s.heeded, lambda v: v == (0,), Over.EACH),),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_without_an_answer_blocks_nothing(engine: Engine, kind: NetworkKind) -> None:
    """Neither its link nor the capacity of the network: what is sent after it arrives, with room for one message."""
    with pytest.raises(NotAsPromisedError, match="violated: NeverHeeded"):
        check(system(chatter, kind, 1, "chat"), engine=engine)


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_the_same_as_an_unchanged_state(kind: NetworkKind) -> None:
    """Counts, steps judged and all: to ignore a message isn't another thing if it is written down."""

    def explicit(state: Node, event: object) -> Iterator[Outcome | Defer]:
        answers = tuple(chatter(state, event))
        yield from answers or ((Outcome(state),) if isinstance(event, Deliver) else ())

    silent = replace(system(chatter, kind, 2, "chat"), network=Network(kind, 2, drops=1, duplicates=1), invariants=())
    found = explore(silent)
    assert_agrees(silent, found, reference.explore(silent))
    assert_agrees(silent, explore(replace(silent, step=explicit)), reference.explore(silent))
    assert found.levels[-1] > 0


def test_a_step_invariant_judges_that_a_message_is_ignored(engine: Engine) -> None:
    """It is a step that happens."""
    ignored = StepInvariant("Heard", "no note is ignored", lambda s, e, after, _: s != after or e == "chat")
    with pytest.raises(NotAsPromisedError, match="violated: Heard after 2 steps"):
        check(replace(system(chatter, NetworkKind.ORDERED, 2, "chat"), invariants=(ignored,)), engine=engine)


def patient(state: Node, event: object) -> Iterator[Outcome | Defer]:
    """The second node takes a note only when it is ready, and is never ready unless somebody wakes it."""
    match event:
        case "chat" if state.sent < 2:
            yield Outcome(replace(state, sent=state.sent + 1), (Note(f"chatter {state.sent}"),))
        case "wake" if state.sent == 6:
            yield Outcome(replace(state, ready=True))
        case Deliver(Note("chatter 0")) if not state.ready:
            yield Defer()
        case Deliver(Note()):
            yield Outcome(replace(state, heeded=state.heeded + 1))


def test_a_deferred_message_holds_up_its_link_only_if_that_is_a_queue(engine: Engine) -> None:
    """In order nothing passes it until its receiver is ready; otherwise the next note does."""
    ordered = system(patient, NetworkKind.ORDERED, 2, "chat")
    assert check(ordered, engine=engine).states == 3
    with pytest.raises(NotAsPromisedError, match="after 3 steps"):
        check(replace(ordered, network=Network(NetworkKind.UNORDERED, 2)), engine=engine)
    with pytest.raises(NotAsPromisedError, match="after 3 steps"):
        check(replace(ordered, spontaneous=(Spontaneous("chat"), Spontaneous("wake"))), engine=engine)


def test_a_deferred_message_can_be_lost(engine: Engine) -> None:
    """What is behind it arrives then."""
    lossy = replace(system(patient, NetworkKind.ORDERED, 2, "chat"), network=Network(NetworkKind.ORDERED, 2, drops=1))
    with pytest.raises(NotAsPromisedError, match="after 4 steps"):
        check(lossy, engine=engine)


def test_an_outcome_beside_a_defer_is_refused(engine: Engine) -> None:
    """A message is taken or it isn't."""

    def both(state: Node, event: object) -> Iterator[Outcome | Defer]:
        yield from chatter(state, event)
        yield Defer()

    with pytest.raises(UnusableSystemError, match="with an Outcome and a Defer: give either"):
        check(system(both, NetworkKind.UNORDERED, 2, "chat"), engine=engine)


def test_an_event_that_is_deferred_is_not_enabled(engine: Engine) -> None:
    """A function that defers all that it doesn't know may defer events, too: nothing happens then."""

    def defers(state: Node, event: object) -> Iterator[Outcome | Defer]:
        yield from tuple(chatter(state, event)) or (Defer(),)

    blocked = check(system(defers, NetworkKind.ORDERED, 6, "chat"), engine=engine)
    assert (blocked.states, blocked.transitions) == (7, 6)


def test_a_walk_goes_on_after_an_ignored_message() -> None:
    """Random walks take the same steps as the search."""
    assert simulate(system(chatter, NetworkKind.ORDERED, 1, "chat"), 1, 20, 1).verdict is Verdict.VIOLATED
