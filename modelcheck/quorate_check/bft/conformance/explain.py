"""Sequences of Bft.tla's actions at one member that have the effect of one step of the code.

In Bft.tla a message once sent stays available and may reach any member at any time, or never. So if every local step of
the code is a sequence of local steps of the specification, given a message that its signatures vouch for, then every
run of the code is a run of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from quorate_check.bft.conformance.mapping import Mapped, NoMessage
from quorate_check.conformance.nearest import Nearest, differences, failing_condition
from quorate_check.conformance.sequences import Sequence, Way, names_of, reached
from quorate_spec.bft import actions
from quorate_spec.bft.actions import Step
from quorate_spec.bft.messages import Certificate, Digest, Message, Phase, Propose, Timeout, Vote
from quorate_spec.bft.state import HonestMember, index

MOST_ACTIONS = 6


class Cause(Enum):
    """The cause of a step; an action explains only steps of its own cause."""

    MESSAGE = "a message"
    PATIENCE = "a view that lasted too long"
    WAIT = "a wait that is over"
    CLIENT = "a client"
    CRASH = "a crash"


@dataclass(frozen=True, slots=True)
class LocalStep:
    """A step of the code in the specification's terms; `received` is None if no message caused it."""

    before: HonestMember
    received: Mapped | None
    after: HonestMember
    sent: frozenset[Mapped]
    cause: Cause


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


def nearest(step: LocalStep) -> Nearest:
    """Return the longest explained part of a step, and the first action and condition that fail after it."""
    found = positions(step)
    best = min(found, key=lambda at: (_distance(at, step), len(found[at]), names_of(found[at])))
    explained = names_of(found[best])
    differs = tuple(differences(best.server, step.after))
    missing = tuple(sorted(step.sent - best.sent, key=repr))
    if isinstance(step.received, NoMessage):
        return Nearest(explained, differs, missing, "no action", f"the message is {step.received.reason}")
    action, arguments = _expected(best, step)
    condition = failing_condition(action, arguments)
    instead = "" if condition is not None else "something else"
    return Nearest(explained, differs, missing, action.__name__, condition, instead)


def _distance(at: Position, step: LocalStep) -> int:
    return len(list(differences(at.server, step.after))) + len(step.sent - at.sent)


def _expected(at: Position, step: LocalStep) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the action that the step needs next, with its arguments."""
    server: dict[str, Any] = {"server": at.server}
    for message in sorted(step.sent - at.sent, key=repr):
        if isinstance(message, Propose):
            return actions.propose, {**server, "digest": message.digest}
        if isinstance(message, Certificate) and not isinstance(step.received, Timeout):
            return actions.certify, {**server, "phase": message.phase, "digest": message.digest}
    match step.received:
        case Timeout() if step.received in at.server.heard:
            return actions.follow_timeouts, server
        case Propose() | Vote() | Certificate() | Timeout():
            return _receiver(at.server, step.received), {**server, "m": step.received}
        case _:
            by = {Cause.PATIENCE: actions.view_timeout, Cause.WAIT: actions.wait_over, Cause.CRASH: actions.start_again}
            wanted: frozenset[Digest] = step.after.known - at.server.known
            submit = (actions.submit, {**server, "digest": next(iter(wanted), None)})
            return (by[step.cause], server) if step.cause in by else submit


def _receiver(server: HonestMember, m: Message) -> Callable[..., Any]:
    """Return the action that is for messages like `m`."""
    match m:
        case Propose():
            return actions.handle_propose
        case Vote():
            return actions.handle_vote
        case Timeout():
            return actions.hear_timeout if m.index >= index(server) else actions.show_decision
        case Certificate(phase=Phase.COMMIT):
            return actions.handle_decide
        case Certificate():
            return actions.follow_certificate if m.view > server.view else actions.handle_prepared
