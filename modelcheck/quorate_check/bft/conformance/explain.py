"""Sequences of Bft.tla's actions at one member that have the effect of one step of the code.

In Bft.tla a sent message stays available and may reach any member at any time, or never. So if every local step of the
code that receives a correctly signed message is a sequence of local steps of the specification, then every run of the
code is a run of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from quorate_check.bft.conformance.mapping import Mapped, NoMessage
from quorate_check.conformance import steps
from quorate_check.conformance.sequences import Sequence, Way, names_of, shortest_ways
from quorate_spec.bft import actions
from quorate_spec.bft.actions import Step
from quorate_spec.bft.messages import Certificate, Propose
from quorate_spec.bft.state import HonestMember, index

MOST_ACTIONS = 6


class Cause(Enum):
    """The cause of a step; an action explains only steps of its own cause."""

    MESSAGE = "a message"
    PATIENCE = "a view that lasted too long"
    WAIT = "a wait that is over"
    CLIENT = "a client"
    CRASH = "a crash"


class LocalStep(steps.LocalStep[HonestMember, Mapped, Cause]):
    """A step of the Byzantine core in the terms of Bft.tla."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a sequence of actions: the member and the messages that it has sent."""

    server: HonestMember
    sent: frozenset[Mapped]


def explain(step: LocalStep) -> Sequence | None:
    """Return a shortest sequence of actions with the effect of `step`, None if there is none."""
    way = positions(step).get(Position(step.after, step.sent))
    return None if way is None else names_of(way)


def positions(step: LocalStep) -> dict[Position, Way[Position]]:
    """Return the positions that actions reach without sending more than `step` did, each with a shortest way."""
    start, goal = Position(step.before, frozenset()), Position(step.after, step.sent)
    return shortest_ways(start, goal, MOST_ACTIONS, lambda position: successors(position, step))


def successors(position: Position, step: LocalStep) -> Iterator[tuple[str, Position]]:
    """Yield the enabled actions that neither pass the step's last index and view nor send more than `step` did."""
    for name, result in _enabled_steps(position.server, step):
        if step.sent.issuperset(result.sent) and (index(result.server), result.server.view) <= (
            index(step.after),
            max(step.after.view, step.before.view) if index(result.server) < index(step.after) else step.after.view,
        ):
            yield name, Position(result.server, position.sent.union(result.sent))


def _enabled_steps(server: HonestMember, step: LocalStep) -> Iterator[tuple[str, Step]]:
    m = step.received
    if m is not None and not isinstance(m, NoMessage):
        for action in actions.RECEIVING:
            yield from ((action.__name__, result) for result in action(server, m))
    for own_action in (actions.follow_timeouts, *_actions_for(step.cause)):
        yield from ((own_action.__name__, result) for result in own_action(server))
    if step.cause is Cause.CLIENT:
        for digest in step.after.known - server.known:
            yield from ((actions.submit.__name__, result) for result in actions.submit(server, digest))
    for message in step.sent:  # any other message would not be among those that the step sent
        if isinstance(message, Propose):
            yield from ((actions.propose.__name__, result) for result in actions.propose(server, message.digest))
        if isinstance(message, Certificate):
            results = actions.certify(server, message.phase, message.digest)
            yield from ((actions.certify.__name__, result) for result in results)


def _actions_for(cause: Cause) -> tuple[Callable[[HonestMember], Iterator[Step]], ...]:
    match cause:
        case Cause.PATIENCE:
            return (actions.view_timeout,)
        case Cause.WAIT:
            return (actions.wait_over,)
        case Cause.CRASH:
            return (actions.start_again,)
        case Cause.MESSAGE | Cause.CLIENT:
            return ()
