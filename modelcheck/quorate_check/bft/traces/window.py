"""A step of a traced member in the terms of Bft.tla, with the indices of the log counted from a recent one.

A log in a trace is long, and an action looks at no index but the current one and that of a late member's timeout. So
the indices before both are left out, a multiple of the number of members: each index has the leader that it had.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, assert_never

from quorate.bft import Message, Receive, State
from quorate.bft import Timeout as CodeTimeout
from quorate.bft.decisions import Decisions
from quorate_check.bft.conformance.check import CAUSES
from quorate_check.bft.conformance.explain import Cause, LocalStep
from quorate_check.bft.conformance.mapping import Mapped, NoMessage, map_message, map_sent, map_server
from quorate_check.bft.traces.replay import MemberStep
from quorate_spec.bft.messages import NO_CERTIFICATE, Certificate, Certified, Propose, Timeout, Vote
from quorate_spec.bft.state import HonestMember

M = TypeVar("M", Propose, Vote, Timeout, Certificate)


def local_step(step: MemberStep) -> tuple[LocalStep, int]:
    """Return a step in the specification's terms, and the index that is counted as 1 there."""
    before = step.before
    assert before is not None, "the state in which a trace begins is no step"
    message = step.event.message if isinstance(step.event, Receive) else None
    left_out = _left_out(before, message)
    config = before.config
    received = None if message is None else _shifted(map_message(config, message), left_out)
    if isinstance(received, Timeout) and received.index < 1:
        received = None  # of an index that the member has forgotten: the driver answers it from the disk
    sent = frozenset(_shifted(each, left_out) for each in map_sent(before, step.sent))
    cause = Cause.CRASH if step.event is None else CAUSES[type(step.event)]
    local = LocalStep(_member(before, left_out), received, _member(step.after, left_out), sent, cause)
    return local, left_out + 1


def _left_out(before: State, message: Message | None) -> int:
    """Return how many of the first indices play no part in a step."""
    lowest = before.index
    if isinstance(message, CodeTimeout) and before.decisions.at(message.index) is not None:
        lowest = message.index
    return (lowest - 1) // len(before.config.members) * len(before.config.members)


def _member(state: State, left_out: int) -> HonestMember:
    whole = map_server(replace(state, decisions=Decisions()))
    return replace(
        whole,
        log=tuple(_decided(state, index) for index in range(left_out + 1, state.index)),
        heard=frozenset(_moved(timeout, left_out) for timeout in whole.heard),
        votes=frozenset(_moved(vote, left_out) for vote in whole.votes),
    )


def _decided(state: State, index: int) -> Certified:
    decision = state.decisions.at(index)
    return NO_CERTIFICATE if decision is None else Certified(decision.view, decision.digest)


def _shifted(message: Mapped, left_out: int) -> Mapped:
    match message:
        case NoMessage():
            return message
        case Propose() | Vote() | Timeout() | Certificate():
            return replace(message, index=message.index - left_out)
        case _:
            assert_never(message)


def _moved(message: M, left_out: int) -> M:
    return replace(message, index=message.index - left_out)
