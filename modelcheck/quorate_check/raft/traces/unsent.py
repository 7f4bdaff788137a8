"""Why a message can't have been received where a trace says that it was: it hadn't left its sender by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from quorate.raft import Message, NodeId
from quorate.raft_server.trace_lines import outline
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.member import TracedMember
from quorate_check.raft.traces.reading import Place
from quorate_check.raft.traces.server import message_text


def receipt_violation(members: Sequence[TracedMember], unsent: Mapping[Message, Place]) -> RuleViolationError:
    """Return the violation when no member can go on, each waiting for a message; reads the rest of their traces.

    `unsent` are the messages that waited for the disk when their server crashed. Raises UnusableSystemError if the
    trace of a sender is missing.
    """
    blocked = [
        (m.next_line.place, m.awaited_message)
        for m in members
        if m.next_line is not None and m.awaited_message is not None
    ]
    remainder = _remainder(members, {message for _, message in blocked})
    for place, message in blocked:
        if message in remainder.left_at:
            continue
        if message in remainder.sent_at:
            since = remainder.sent_at[message]
            what = f"{_text(message)} waited from {since} on for a write that nothing says is durable"
            return RuleViolationError(TraceRule.SENT, place, what)
        if message.source not in remainder.violations:
            return RuleViolationError(TraceRule.SENT, place, _never_sent(members, message, unsent.get(message)))
    for place, message in blocked:
        if message in remainder.left_at:
            what = f"{_text(message)} left only at {remainder.left_at[message]}, which comes after this"
            return RuleViolationError(TraceRule.SENT, place, what)
    return next(iter(remainder.violations.values()))


@dataclass
class _Remainder:
    """The rest of the traces: where messages are sent, where they may leave, and each node's violation, if any."""

    sent_at: dict[Message, Place] = field(default_factory=dict)
    left_at: dict[Message, Place] = field(default_factory=dict)
    violations: dict[NodeId, RuleViolationError] = field(default_factory=dict)


def _remainder(members: Sequence[TracedMember], messages: set[Message]) -> _Remainder:
    """Read the rest of the traces without waiting for receipts; return what they say of `messages`."""
    remainder = _Remainder()
    for member in members:
        for waiting in member.queue:
            remainder.sent_at |= {message: place for message, place in waiting.messages if message in messages}
        try:
            while member.next_line is not None:
                effects = member.advance()
                for message in () if effects.step is None else effects.step.sent:
                    if message in messages:
                        remainder.sent_at.setdefault(message, effects.place)
                for message, _ in effects.departures:
                    if message in messages:
                        remainder.left_at.setdefault(message, effects.place)
        except RuleViolationError as error:
            remainder.violations[member.file.node] = error
    return remainder


def _never_sent(members: Sequence[TracedMember], message: Message, unsent: Place | None) -> str:
    if unsent is not None:
        return f"{_text(message)} waited from {unsent} on for a write that was lost, or not confirmed, in a crash"
    if message.source not in {member.file.node for member in members}:
        raise UnusableSystemError(f"there is no trace of node {message.source}, which sent {_text(message)}")
    return f"{_text(message)} was never sent"


def _text(message: Message) -> str:
    return message_text(msgspec.to_builtins(outline(message)))
