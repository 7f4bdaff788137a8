"""The semantics of systems: the only definition of their moves, of deliveries, and of violated promises.

The reference search uses it, every counterexample is replayed by it on the real code, and the compiled engine must
agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Any

from quorate_check.core.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.core.networks import SEMANTICS, Queues
from quorate_check.core.path import GlobalState, Move, MoveKind, RoundEnd
from quorate_check.core.system import Defer, Deliver, Outcome, System, UnusableSystemError
from quorate_check.core.unusable import UnreliableStepError, text_of
from quorate_check.core.values import Key, key, same

RAISED = "the step function raises nothing"
DEADLOCK = "NoDeadlock"  # promised by a system that says where nodes are done
SAMPLE = 64  # the first SAMPLE steps of a search run twice, then one in SAMPLE


class StepRaisedError(Exception):
    """The system's step function raised in the move `move`; the text is the exception's."""

    def __init__(self, move: Move, error: Exception) -> None:
        super().__init__(text_of(error))
        self.move = move


def kind(system: System) -> Queues:
    """Return the semantics of a system's network."""
    return SEMANTICS[system.network.kind]


def start(system: System) -> GlobalState:
    """Return the initial state: the system's own messages in flight, no budget used."""
    return send(system, GlobalState(system.initial, (), 0, (0,) * len(system.limits())), system.flight)


def identity(system: System, state: GlobalState) -> Key:
    """Return a key that is equal for identical states only, whatever the `==` of their parts is."""
    flight = kind(system).identity(map(key, state.flight))
    return (tuple(map(key, state.nodes)), flight, state.current, state.used)


Edge = tuple[Move, Outcome | None, GlobalState | None]


def moves(system: System, state: GlobalState) -> Iterator[Edge]:
    """Yield every move that `state` enables, the outcome of the acting node, and the successor state.

    The outcome is None where no node acts; the successor is None where it would exceed the network's capacity.
    """
    for position in kind(system).deliverable(state.flight, state.current, partial(link, system)):
        yield from _arrival(system, state, position, state.flight[position])
    if state.current == 0:  # otherwise a lockstep round is under way, and only its messages arrive
        waits = system.network.at_once and state.flight
        for node in range(0 if waits else len(state.nodes)):
            for spontaneous in system.spontaneous:
                if (base := _spend(system, state, spontaneous.budget)) is not None:
                    yield from _react(system, base, state, Move(MoveKind.SPONTANEOUS, node, spontaneous.event))
        if kind(system).in_rounds:
            yield from _next_round(system, state)


@dataclass(frozen=True, slots=True)
class Raised:
    """Takes the place of the local state after a step that raised; `text` is the exception's."""

    text: str


def attempts(system: System, state: GlobalState) -> Iterator[Edge]:
    """Yield the edges of `moves`, and go on where a step raises: its outcome is `Raised`, without a successor."""

    def step(local: object, event: object) -> tuple[Outcome | Defer, ...]:
        try:
            return tuple(system.step(local, event))
        except UnusableSystemError:
            raise
        except Exception as error:  # noqa: BLE001 - any exception of the subject is a finding
            return (Outcome(Raised(text_of(error))),)

    for move, outcome, after in moves(replace(system, step=step), state):
        yield move, outcome, None if outcome is not None and isinstance(outcome.local, Raised) else after


def edges(system: System, state: GlobalState, move: Move) -> Iterator[Edge]:
    """Yield the edges, one for each choice, of a spontaneous move or of a delivery after which the message stays."""
    if move.kind is not MoveKind.SPONTANEOUS:
        assert move.event in state.flight
        yield from _react(system, state, state, move)
        return
    for spontaneous in system.spontaneous:
        if spontaneous.event == move.event and (base := _spend(system, state, spontaneous.budget)) is not None:
            yield from _react(system, base, state, move)


def _arrival(system: System, state: GlobalState, position: int, message: object) -> Iterator[Edge]:
    """Yield the moves of a message that may arrive next: it arrives, arrives and stays in flight, or is lost."""
    flight = kind(system).without(state.flight, position)
    rest = replace(state, flight=flight, current=max(0, state.current - 1))
    if isinstance(message, RoundEnd):
        yield from _react(system, rest, state, Move(MoveKind.ROUND_END, message.node, system.network.round_end))
        return
    node = system.destination(message)
    yield from _react(system, rest, state, Move(MoveKind.DELIVER, node, message))
    if (base := _spend(system, state, "duplicates")) is not None:
        yield from _react(system, base, state, Move(MoveKind.DUPLICATE, node, message))
    if (base := _spend(system, state, "drops")) is not None:
        yield Move(MoveKind.DROP, None, message), None, replace(rest, used=base.used)


def _next_round(system: System, state: GlobalState) -> Iterator[Edge]:
    """Yield the move that begins the next round with all sent messages, and the nodes' round ends after them."""
    ends = range(len(state.nodes)) if system.network.round_end is not None else ()
    flight = (*state.flight, *map(RoundEnd, ends))
    if flight:
        after = replace(state, flight=flight, current=len(flight))
        yield Move(MoveKind.ROUND, None, None), None, after if len(flight) <= system.network.capacity else None


def _react(system: System, rest: GlobalState, state: GlobalState, move: Move) -> Iterator[Edge]:
    """Yield each outcome of the node of `move` in `state`; `rest` is the state without what the move uses up."""
    assert move.node is not None
    for choice, outcome in enumerate(local_step(system, state.nodes[move.node], move)):
        nodes = (*state.nodes[: move.node], outcome.local, *state.nodes[move.node + 1 :])
        after = send(system, replace(rest, nodes=nodes), outcome.messages)
        fits = not kind(system).bounded or len(after.flight) <= system.network.capacity
        yield replace(move, choice=choice), outcome, after if fits else None


def _spend(system: System, state: GlobalState, budget: str | None) -> GlobalState | None:
    """Return `state` with one more unit of a budget used, None if the budget is used up."""
    limits = system.limits()
    if budget is None or limits[budget] is None:
        return state
    i = list(limits).index(budget)
    if state.used[i] == limits[budget]:
        return None
    return replace(state, used=(*state.used[:i], state.used[i] + 1, *state.used[i + 1 :]))


def local_step(system: System, local: object, move: Move) -> tuple[Outcome, ...]:
    """Run the system's own step function for `move`; raise StepRaisedError if it raises."""
    event = event_of(move)
    try:
        answers = tuple(system.step(local, event))
    except UnusableSystemError:  # the function isn't a step function at all
        raise
    except Exception as error:  # any exception of the subject is a finding
        raise StepRaisedError(move, error) from error
    return outcomes(system, local, event, answers, arrives=move.kind is not MoveKind.SPONTANEOUS)


def outcomes(
    system: System, local: object, event: object, answers: tuple[Outcome | Defer, ...], *, arrives: bool
) -> tuple[Outcome, ...]:
    """Return the outcomes of a node, given the answers of its step function.

    A message or the end of a round is consumed when it arrives: no answer means that the local state doesn't change.
    Only with Defer it stays in flight.
    """
    results = tuple(answer for answer in answers if not isinstance(answer, Defer))
    if len(results) < len(answers):
        if results:
            raise UnusableSystemError(
                f"{system.name}: step answered {event!r} in {local!r} with an Outcome and a Defer: give either"
            )
        return ()
    return results or ((Outcome(local),) if arrives else ())


def refuse_chance(
    system: System, number: int, local: object, event: object, answers: tuple[Outcome | Defer, ...]
) -> None:
    """Refuse a step function that answers differently the second time; `number` counts the steps of a search.

    Raises UnreliableStepError: every count of states, and every verdict, would depend on chance.
    """
    if number > SAMPLE and number % SAMPLE:
        return
    try:
        second_answers = tuple(system.step(local, event))
    except Exception:  # noqa: BLE001 - the first call didn't raise
        second_answers = None
    if not same(second_answers, answers):
        raise UnreliableStepError(
            f"{system.name}: step answered {event!r} in {local!r} differently the second time: keep chance, clocks and "
            "globals out of it, and return one Outcome for each thing that may happen"
        )


def link(system: System, message: object) -> tuple[int, int]:
    """Return the queue of a message: (sender, receiver); those of round ends come after all others."""
    if isinstance(message, RoundEnd):
        return (len(system.initial), message.node)
    return (system.source(message), system.destination(message))


def send(system: System, state: GlobalState, messages: tuple[Any, ...]) -> GlobalState:
    """Return `state` with `messages` in flight, after those of the current round."""
    current, following_round = state.flight[: state.current], state.flight[state.current :]
    return replace(state, flight=(*current, *kind(system).put(following_round, messages, partial(link, system))))


def tuples(views: list[Any], over: Over) -> Iterator[tuple[Any, ...]]:
    """Yield the tuples of views that a property over `over` judges."""
    match over:
        case Over.EACH:
            yield from ((v,) for v in views)
        case Over.PAIRS:
            yield from permutations(views, 2)
        case Over.ALL:
            yield tuple(views)


def broken(system: System, state: GlobalState) -> str | None:
    """Return the name of the first invariant that `state` violates, None if there is none."""
    for invariant in system.invariants:
        if isinstance(invariant, Invariant) and not _keeps(state, invariant):
            return invariant.name
    return None


def _keeps(state: GlobalState, invariant: Invariant) -> bool:
    if invariant.message_view is not None:
        return invariant.condition.is_true(state)
    views = [invariant.view(local) for local in state.nodes]
    return all(invariant.holds(t) for t in tuples(views, invariant.over))


def broken_at_end(system: System, state: GlobalState) -> str | None:
    """Return the name of the first promise that `state` violates, DEADLOCK after all invariants; None if none."""
    return broken(system, state) or (DEADLOCK if is_deadlock(system, state) else None)


def is_deadlock(system: System, state: GlobalState) -> bool:
    """Whether nothing can happen in `state` any more but faults, though not every node is done.

    What only a used budget, the capacity or the state constraint prevents can happen beyond the bounds. A step that
    raises happens, too.
    """
    if system.done is None or all(map(system.done, state.nodes)) or any(map(system.beyond, state.nodes)):
        return False
    for position in kind(system).deliverable(state.flight, state.current, partial(link, system)):
        message = state.flight[position]
        if isinstance(message, RoundEnd):
            move = Move(MoveKind.ROUND_END, message.node, system.network.round_end)
        else:
            move = Move(MoveKind.DELIVER, system.destination(message), message)
        if can(system, state.nodes[link(system, message)[1]], move):
            return False
    if kind(system).in_rounds and (state.flight or system.network.round_end is not None):
        return state.current > 0  # otherwise the next round can begin
    if system.network.at_once and state.flight:
        return True
    return all(is_quiet(system, local) for local in state.nodes)


def promises_of(system: System) -> tuple[str, ...]:
    """Return the names of what is judged of states and steps: the invariants, and that there is no deadlock."""
    return (*(invariant.name for invariant in system.invariants), *(() if system.done is None else (DEADLOCK,)))


def is_quiet(system: System, local: object) -> bool:
    """Whether no event but faults is enabled in a local state, budgets aside."""
    events = (spontaneous.event for spontaneous in system.spontaneous if not spontaneous.fault)
    return not any(can(system, local, Move(MoveKind.SPONTANEOUS, 0, event)) for event in events)


def can(system: System, local: object, move: Move) -> bool:
    """Whether a node in a local state makes a move, or raises."""
    try:
        return bool(local_step(system, local, move))
    except StepRaisedError:
        return True


def witnesses_in(system: System, state: GlobalState) -> Iterator[str]:
    """Yield the names of the witnesses that `state` shows."""
    for witness in system.witnesses:
        if isinstance(witness, Witness):
            views = [witness.view(local) for local in state.nodes]
            if any(witness.is_seen(t) for t in tuples(views, witness.over)):
                yield witness.name


def broken_by_step(system: System, before: object, event: object, outcome: Outcome) -> str | None:
    """Return the name of the first step invariant that a local step violates, None if there is none."""
    for invariant in system.invariants:
        if isinstance(invariant, StepInvariant) and not invariant.holds(before, event, outcome.local, outcome.messages):
            return invariant.name
    return None


def broken_by_move(system: System, state: GlobalState, move: Move, outcome: Outcome | None) -> str | None:
    """Return the name of the first step invariant that a move of `state` violates; only a node's move can."""
    if outcome is None or move.node is None:
        return None
    return broken_by_step(system, state.nodes[move.node], event_of(move), outcome)


def first_broken(
    system: System, state: GlobalState, move: Move, outcome: Outcome | None, after: GlobalState | None
) -> str | None:
    """Return the name of the promise that a move of `state` to `after` violates; step invariants come first."""
    if (name := broken_by_move(system, state, move, outcome)) is not None or after is None:
        return name
    return broken_at_end(system, after)


def event_of(move: Move) -> Any:  # noqa: ANN401 - events are the subject's own
    """Return the event for the node's step function in `move`."""
    return Deliver(move.event) if move.kind in {MoveKind.DELIVER, MoveKind.DUPLICATE} else move.event


def is_fault(system: System, move: Move) -> bool:
    """Whether a move is a failure of the network or of a node, rather than a part of the protocol."""
    match move.kind:
        case MoveKind.DROP | MoveKind.DUPLICATE:
            return True
        case MoveKind.SPONTANEOUS:
            return any(spontaneous.fault and same(spontaneous.event, move.event) for spontaneous in system.spontaneous)
        case _:
            return False
