"""Which messages have left their senders, and why one can't have been received where a trace says that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from quorate.raft import Message, NodeId
from quorate.raft_server.trace_lines import outline
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.member import TracedMember
from quorate_check.raft.traces.server import message_text
from quorate_check.traces.reading import Place


@dataclass
class Departures:
    """Where messages have left, and where those were sent that haven't.

    `waiting` are messages that wait for the disk, `withheld` those of a server whose disk has stalled.
    """

    left: dict[Message, Place] = field(default_factory=dict)
    waiting: dict[Message, Place] = field(default_factory=dict)
    withheld: dict[Message, Place] = field(default_factory=dict)

    def add(self, line: LineEffects) -> None:
        """Add the next line of a trace."""
        if line.step is not None and line.step.output is not None:
            messages = self.withheld if line.step.stalled else self.waiting
            messages.update(dict.fromkeys(line.step.output.send_when_durable, line.place))
        for message, _ in line.departures:
            self.left.setdefault(message, line.place)
            self.waiting.pop(message, None)

    def forget(self, most: int) -> int:
        """Forget all but the latest `most` messages of each kind; return how many that have left are forgotten."""
        count = max(0, len(self.left) - most)
        for messages in (self.left, self.waiting, self.withheld):
            for message in list(islice(messages, max(0, len(messages) - most))):
                del messages[message]
        return count


def receipt_violation(members: Sequence[TracedMember], departures: Departures) -> RuleViolationError:
    """Return the violation when no member can go on, each waiting for a message; reads the rest of their traces.

    Raises UnusableSystemError if the trace of a sender is missing.
    """
    blocked = [
        (m.next_line.place, m.awaited_message)
        for m in members
        if m.next_line is not None and m.awaited_message is not None
    ]
    violations = _add_rest(members, departures)
    for place, message in blocked:
        if message in departures.left:
            continue
        if message in departures.withheld:
            what = f"waited from {departures.withheld[message]} on for a write that a crash lost"
        elif message in departures.waiting:
            what = f"waited from {departures.waiting[message]} on for a write that nothing says is durable"
        elif message.source in violations:
            continue
        elif message.source in {member.file.node for member in members}:
            what = "was never sent"
        else:
            raise UnusableSystemError(f"there is no trace of node {message.source}, which sent {text_of(message)}")
        return RuleViolationError(TraceRule.SENT, place, f"{text_of(message)} {what}")
    for place, message in blocked:
        if message in departures.left:
            what = f"{text_of(message)} left only at {departures.left[message]}, which comes after this"
            return RuleViolationError(TraceRule.SENT, place, what)
    return next(iter(violations.values()))


def _add_rest(members: Sequence[TracedMember], departures: Departures) -> dict[NodeId, RuleViolationError]:
    """Read the rest of the traces without waiting for receipts; return each node's violation there."""
    violations: dict[NodeId, RuleViolationError] = {}
    for member in members:
        try:
            while member.next_line is not None:
                departures.add(member.advance())
        except RuleViolationError as error:
            violations[member.file.node] = error
    return violations


def text_of(message: Message) -> str:
    """Return a message as text: its name and its fields."""
    return message_text(msgspec.to_builtins(outline(message)))
