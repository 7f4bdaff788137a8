"""The specification's nearest step to a step of the Byzantine core that has no explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate_check.bft.conformance.explain import Cause, LocalStep, Position, positions
from quorate_check.bft.conformance.mapping import NoMessage
from quorate_check.conformance.nearest import (
    Nearest,
    closest,
    differences,
    distance,
    failing_condition,
    unsent_messages,
)
from quorate_check.conformance.sequences import names_of
from quorate_spec.bft import actions
from quorate_spec.bft.messages import Certificate, Digest, Message, Phase, Propose, Timeout, Vote
from quorate_spec.bft.state import HonestMember, index


def nearest(step: LocalStep) -> Nearest:
    """Return the longest explained part of a step, and the first action and condition that fail after it."""
    ways = positions(step)
    best = closest(ways, lambda position: distance(position.server, position.sent, step))
    explained, differing, unsent = (
        names_of(ways[best]),
        differences(best.server, step.after),
        unsent_messages(best.sent, step),
    )
    if isinstance(step.received, NoMessage):
        return Nearest(explained, differing, unsent, "no action", f"the message is {step.received.reason}")
    action, arguments = _expected(best, step)
    condition = failing_condition(action, arguments)
    instead = "" if condition is not None else "something else"
    return Nearest(explained, differing, unsent, action.__name__, condition, instead)


def _expected(position: Position, step: LocalStep) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the action that the step needs next, with its arguments."""
    server: dict[str, Any] = {"server": position.server}
    for message in unsent_messages(position.sent, step):
        if isinstance(message, Propose):
            return actions.propose, {**server, "digest": message.digest}
        if isinstance(message, Certificate) and not isinstance(step.received, Timeout):
            return actions.certify, {**server, "phase": message.phase, "digest": message.digest}
    match step.received:
        case Timeout() if step.received in position.server.heard:
            return actions.follow_timeouts, server
        case Propose() | Vote() | Certificate() | Timeout():
            return _receiver(position.server, step.received), {**server, "m": step.received}
        case _:
            by_cause = {
                Cause.PATIENCE: actions.view_timeout,
                Cause.WAIT: actions.wait_over,
                Cause.CRASH: actions.start_again,
            }
            new_digests: frozenset[Digest] = step.after.known - position.server.known
            submit = (actions.submit, {**server, "digest": next(iter(new_digests), None)})
            return (by_cause[step.cause], server) if step.cause in by_cause else submit


def _receiver(server: HonestMember, m: Message) -> Callable[..., Any]:
    """Return the action that receives `m` at `server`."""
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
