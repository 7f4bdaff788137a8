"""Why a message can't have been received where a trace says that it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from quorate.raft import Message, NodeId
from quorate.raft_server.trace_lines import outline
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.findings import BrokenError, TraceRule
from quorate_check.raft.traces.member import TracedMember
from quorate_check.raft.traces.reading import Place
from quorate_check.raft.traces.server import message_text


def why_not_received(members: Sequence[TracedMember], forgotten: Mapping[Message, Place]) -> BrokenError:
    """Return what is wrong with the receipts that none of `members` can go past; consumes the rest of their traces.

    `forgotten` are the messages that had waited for the disk when their server crashed. Raises UnusableSystemError if
    the trace that should tell is missing.
    """
    blocked = [(m.following.place, m.awaited) for m in members if m.following is not None and m.awaited is not None]
    later = _go_on(members, {message for _, message in blocked})
    for place, message in blocked:
        if message in later.left:
            continue
        if message in later.sent:
            since = later.sent[message]
            what = f"{_text(message)} waited from {since} on for a write that nothing says is durable"
            return BrokenError(TraceRule.SENT, place, what)
        if message.source not in later.broken:
            return BrokenError(TraceRule.SENT, place, _never_sent(members, message, forgotten.get(message)))
    for place, message in blocked:
        if message in later.left:
            what = f"{_text(message)} left only at {later.left[message]}, which comes after this"
            return BrokenError(TraceRule.SENT, place, what)
    return next(iter(later.broken.values()))


@dataclass
class _Later:
    """Where messages are sent and where they may leave, further on; and by node, what stops its replay there."""

    sent: dict[Message, Place] = field(default_factory=dict)
    left: dict[Message, Place] = field(default_factory=dict)
    broken: dict[NodeId, BrokenError] = field(default_factory=dict)


def _go_on(members: Sequence[TracedMember], wanted: set[Message]) -> _Later:
    """Return where messages are sent and may leave if every server goes on as its trace says."""
    later = _Later()
    for member in members:
        for waiting in member.queue:
            later.sent |= {message: place for message, place in waiting.messages if message in wanted}
        try:
            while member.following is not None:
                happened = member.advance()
                for message in () if happened.taken is None else happened.taken.sent:
                    if message in wanted:
                        later.sent.setdefault(message, happened.place)
                for message, _ in happened.released:
                    if message in wanted:
                        later.left.setdefault(message, happened.place)
        except BrokenError as broken:
            later.broken[member.file.node] = broken
    return later


def _never_sent(members: Sequence[TracedMember], message: Message, forgotten: Place | None) -> str:
    if forgotten is not None:
        return f"{_text(message)} waited from {forgotten} on for a write that was lost, or not confirmed, in a crash"
    if message.source not in {member.file.node for member in members}:
        raise UnusableSystemError(f"there is no trace of node {message.source}, which sent {_text(message)}")
    return f"{_text(message)} was never sent"


def _text(message: Message) -> str:
    return message_text(msgspec.to_builtins(outline(message)))
