"""Why a message can't have been received where a trace says that it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from quorate.raft import Message
from quorate.trace import outline
from quorate_check.conformance.traces.findings import BrokenError, Rule
from quorate_check.conformance.traces.member import Member
from quorate_check.conformance.traces.reading import Place
from quorate_check.conformance.traces.server import told
from quorate_check.system import UnusableSystemError


def why_not_received(members: Sequence[Member], forgotten: Mapping[Message, Place]) -> BrokenError:
    """Return what is wrong with the receipts that none of `members` can go past; consumes the rest of their traces.

    `forgotten` are the messages that had waited for the disk when their server crashed. Raises UnusableSystemError if
    the trace that should tell is missing.
    """
    blocked = [(m.following.place, m.awaited) for m in members if m.following is not None and m.awaited is not None]
    sent, left = _sent_later(members, {message for _, message in blocked})
    for place, message in blocked:
        if message not in sent:
            return BrokenError(Rule.SENT, place, _never_sent(members, message, forgotten.get(message)))
    for place, message in blocked:
        if message not in left:
            return BrokenError(
                Rule.SENT,
                place,
                f"{_told(message)} waited from {sent[message]} on for a write that nothing says is durable",
            )
    place, message = blocked[0]
    return BrokenError(Rule.SENT, place, f"{_told(message)} left only at {left[message]}, which comes after this")


def _sent_later(
    members: Sequence[Member], wanted: set[Message]
) -> tuple[Mapping[Message, Place], Mapping[Message, Place]]:
    """Return where messages were sent, and where they could leave, if every server goes on as its trace says."""
    sent: dict[Message, Place] = {}
    left: dict[Message, Place] = {}
    for member in members:
        for waiting in member.queue:
            sent |= {message: waiting.place for message in waiting.messages if message in wanted}
        try:
            while member.following is not None:
                happened = member.advance()
                for message in () if happened.taken is None else happened.taken.sent:
                    if message in wanted:
                        sent.setdefault(message, happened.place)
                for message, _ in happened.released:
                    if message in wanted:
                        left.setdefault(message, happened.place)
        except BrokenError:
            continue  # what follows would follow from what is wrong already
    return sent, left


def _never_sent(members: Sequence[Member], message: Message, forgotten: Place | None) -> str:
    if forgotten is not None:
        return f"{_told(message)} waited from {forgotten} on for a write that was lost, or not confirmed, in a crash"
    if message.source not in {member.file.node for member in members}:
        raise UnusableSystemError(f"there is no trace of node {message.source}, which sent {_told(message)}")
    return f"{_told(message)} was never sent"


def _told(message: Message) -> str:
    return told(msgspec.to_builtins(outline(message)))
