"""Sequences of Bft.tla's actions at one member that have the effect of one step of the code.

In Bft.tla a message once sent stays available and may reach any member at any time, or never. So if every local step of
the code is a sequence of local steps of the specification, given a message that its signatures vouch for, then every
run of the code is a run of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from quorate_check.bft.conformance.mapping import Mapped, NoMessage
from quorate_check.conformance import steps
from quorate_check.conformance.sequences import Sequence, Way, names_of, reached
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
    return reached(start, goal, MOST_ACTIONS, lambda at: successors(at, step))


def successors(at: Position, step: LocalStep) -> Iterator[tuple[str, Position]]:
    """Yield the actions enabled at `at` that don't overshoot `step`, and where they lead."""
    for name, taken in _taken(at.server, step):
        if step.sent.issuperset(taken.sent) and (index(taken.server), taken.server.view) <= (
            index(step.after),
            max(step.after.view, step.before.view) if index(taken.server) < index(step.after) else step.after.view,
        ):
            yield name, Position(taken.server, at.sent.union(taken.sent))


def _taken(server: HonestMember, step: LocalStep) -> Iterator[tuple[str, Step]]:
    m = step.received
    if m is not None and not isinstance(m, NoMessage):
        for action in actions.RECEIVING:
            yield from ((action.__name__, taken) for taken in action(server, m))
    for own in (actions.follow_timeouts, *_by_cause(step.cause)):
        yield from ((own.__name__, taken) for taken in own(server))
    if step.cause is Cause.CLIENT:
        for digest in step.after.known - server.known:
            yield from ((actions.submit.__name__, taken) for taken in actions.submit(server, digest))
    for message in step.sent:  # an action that sends anything else would overshoot
        if isinstance(message, Propose):
            yield from ((actions.propose.__name__, taken) for taken in actions.propose(server, message.digest))
        if isinstance(message, Certificate):
            certified = actions.certify(server, message.phase, message.digest)
            yield from ((actions.certify.__name__, taken) for taken in certified)


def _by_cause(cause: Cause) -> tuple[Callable[[HonestMember], Iterator[Step]], ...]:
    match cause:
        case Cause.PATIENCE:
            return (actions.view_timeout,)
        case Cause.WAIT:
            return (actions.wait_over,)
        case Cause.CRASH:
            return (actions.start_again,)
        case Cause.MESSAGE | Cause.CLIENT:
            return ()
