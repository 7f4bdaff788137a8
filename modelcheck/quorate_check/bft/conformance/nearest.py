"""The specification's nearest step to a step of the Byzantine core that has no explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate_check.bft.conformance.explain import Cause, LocalStep, Position, positions
from quorate_check.bft.conformance.mapping import NoMessage
from quorate_check.conformance.nearest import Nearest, closest, differences, distance, failing_condition, unsent
from quorate_check.conformance.sequences import names_of
from quorate_spec.bft import actions
from quorate_spec.bft.messages import Certificate, Digest, Message, Phase, Propose, Timeout, Vote
from quorate_spec.bft.state import HonestMember, index


def nearest(step: LocalStep) -> Nearest:
    """Return the longest explained part of a step, and the first action and condition that fail after it."""
    found = positions(step)
    best = closest(found, lambda at: distance(at.server, at.sent, step))
    explained, differs, missing = names_of(found[best]), differences(best.server, step.after), unsent(best.sent, step)
    if isinstance(step.received, NoMessage):
        return Nearest(explained, differs, missing, "no action", f"the message is {step.received.reason}")
    action, arguments = _expected(best, step)
    condition = failing_condition(action, arguments)
    instead = "" if condition is not None else "something else"
    return Nearest(explained, differs, missing, action.__name__, condition, instead)


def _expected(at: Position, step: LocalStep) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the action that the step needs next, with its arguments."""
    server: dict[str, Any] = {"server": at.server}
    for message in unsent(at.sent, step):
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
