"""The check of a cluster's run while it runs: the traces are followed as they grow.

Each line is judged as in check.py, once it may be: a message is received only after the line by which it left, and a
step whose write isn't durable yet is judged when it is, or when a crash has lost it (stalls.py). If a server adds no
line for PATIENCE_S, its lines are judged as if its trace ended there.

Memory is bounded. Forgotten are entries more than ENTRIES before the latest commit index, all but the latest MESSAGES
messages, and all but the latest TERMS terms. So what comes later isn't compared with these, and a message that may be
among the forgotten ones counts as sent; `counts.taken_as_sent` counts such messages.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.raft import Event, Message, NodeId, Receive
from quorate.raft_server.trace_lines import Line
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.format import FORMAT, ServerLine
from quorate_check.raft.traces.lines import LineEffects, Replay
from quorate_check.raft.traces.stalls import Stalls
from quorate_check.raft.traces.unsent import text_of
from quorate_check.traces.following import FollowedFile, new_files, poll

PATIENCE_S: Final = 5.0
ENTRIES: Final = 5_000
MESSAGES: Final = 20_000
TERMS: Final = 16
EXPLANATIONS: Final = 20_000
LINES_BETWEEN: Final = 2_000  # two times of forgetting


@dataclass
class FollowedMember:
    """A member whose trace grows; `ready` are lines that may be judged when their messages have left."""

    followed: FollowedFile[Line, Event]
    ready: deque[LineEffects] = field(default_factory=deque)
    has_violation: bool = False
    awaited_before: Message | None = None

    def __post_init__(self) -> None:
        self._replay = Replay(self.followed.file)
        self._stalls = Stalls()

    @property
    def node(self) -> NodeId:
        """The member's id."""
        return self.followed.node

    @property
    def undecided(self) -> int:
        """How many lines wait for the disk."""
        return self._stalls.undecided

    @property
    def awaited_message(self) -> Message | None:
        """The message that the next line receives, None if it receives none."""
        event = self.ready[0].event if self.ready else None
        return event.message if isinstance(event, Receive) else None

    def read(self) -> None:
        """Read what is new in the trace; raises UnusableSystemError at what no server writes there."""
        self.awaited_before = self.awaited_message
        for line in self.followed.read():
            if not self.has_violation:
                self._add(line)
        if time.monotonic() - self.followed.silent_since > PATIENCE_S:
            self.ready.extend(self._stalls.rest())

    def forget(self) -> None:
        """Forget what no line needs any more."""
        self._replay.forget(ENTRIES)

    def _add(self, line: ServerLine) -> None:
        effects = self._replay.effects(line)
        self.ready.extend(self._stalls.add(effects))
        if effects.violation is not None:
            self.has_violation = True
            self.ready.extend(self._stalls.rest())


@dataclass
class FollowedCheck(TraceCheck):
    """The check of traces that grow in `folder`, whose first files may come later."""

    _followed: dict[Path, FollowedMember] = field(default_factory=dict)
    _has_forgotten: bool = False
    _lines_then: int = 0
    _elections_then: int = 0

    def __post_init__(self) -> None:
        self.members = ()

    @property
    def lines_waiting(self) -> int:
        """How many lines are read and not judged."""
        return sum(len(member.ready) + member.undecided for member in self._followed.values())

    def follow(self, stop: Callable[[], str | None], report: Callable[[], None]) -> None:
        """Judge lines as they come, up to the first broken rule, or until `stop` returns a reason.

        `report` is called after each look at the files. Raises UnusableSystemError at what no server writes there.
        """
        try:
            self.stopped = poll(self._look, stop, report)
        except RuleViolationError as error:
            self.finding = error.finding

    def _look(self) -> None:
        """Read what is new, and judge what may be."""
        self._find_new()
        members = list(self._followed.values())
        for member in members:
            member.read()
        while any(self._judge_ready(member) for member in members):
            pass
        for member in members:
            self._judge_wait(member)
        if len(self.safety.elections) != self._elections_then:
            self.safety.finish()
        if self.counts.lines - self._lines_then > LINES_BETWEEN:
            self._forget()
        self._elections_then = len(self.safety.elections)

    def _find_new(self) -> None:
        for followed in new_files(self.folder, FORMAT, self._followed):
            self._followed[followed.part.path] = FollowedMember(followed)
            self._has_forgotten |= followed.part.number > 0  # the parts before it

    def _judge_ready(self, member: FollowedMember) -> bool:
        """Judge the lines of a member up to a message that hasn't left; return whether there was one."""
        count = 0
        while member.ready and ((message := member.awaited_message) is None or message in self._departures.left):
            line = member.ready.popleft()
            if line.violation is not None:
                raise line.violation
            self._judge(line)
            count += 1
        return count > 0

    def _judge_wait(self, member: FollowedMember) -> None:
        """Judge whether a message that a member waits for can still be found to have left.

        The line by which it left was written before the line that receives it. So if it wasn't there when the traces
        were read after that, it has to be among the lines of its sender that wait themselves.
        """
        message = member.awaited_message
        if message is None or message != member.awaited_before:
            return
        sender = next((each for each in self._followed.values() if each.node == message.source), None)
        if sender is not None and (sender.ready or sender.undecided):
            return
        if self._has_forgotten:
            self._departures.left[message] = member.ready[0].place
            self.counts.taken_as_sent += 1
            return
        raise RuleViolationError(TraceRule.SENT, member.ready[0].place, f"{text_of(message)} was never sent")

    def _forget(self) -> None:
        self._lines_then = self.counts.lines
        committed = max((commitment.index for commitment in self.safety.commitments.values()), default=0)
        self.safety.forget(committed - ENTRIES, TERMS)
        self._has_forgotten |= self._departures.forget(MESSAGES) > 0
        for member in self._followed.values():
            member.forget()
        if len(self._explanations) > EXPLANATIONS:
            self._explanations.clear()
