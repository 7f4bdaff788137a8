"""One member of the cluster: its trace, line by line, as far as the messages that it receives allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.raft import Message, PreVote, PreVoteReply, Receive
from quorate_check.raft.traces.format import ServerTrace
from quorate_check.raft.traces.lines import LineEffects, Replay
from quorate_check.raft.traces.stalls import with_stalls


@dataclass
class TracedMember:
    """A member whose next line to judge is `next_line`, None after the last one."""

    file: ServerTrace
    next_line: LineEffects | None = field(init=False)
    _replay: Replay = field(init=False)
    _lines: Iterator[LineEffects] = field(init=False)

    def __post_init__(self) -> None:
        self._replay = Replay(self.file)
        self._lines = with_stalls(self._replay.lines())
        self.next_line = next(self._lines, None)

    @property
    def awaited_message(self) -> Message | None:
        """The message that the next line receives, None if it receives none."""
        event = None if self.next_line is None else self.next_line.event
        return event.message if isinstance(event, Receive) else None

    def may_have_sent_before(self, message: Message) -> bool:
        """Whether `message` can have left this server in a part of its trace that is gone.

        It can't if its term is later than the one in which the trace begins. A pre-vote carries the term after its
        sender's, and its reply may carry any.
        """
        initial_term = self._replay.initial_term
        if self.file.first_part == 0 or message.source != self.file.node:
            return False
        if initial_term is None or isinstance(message, PreVoteReply):
            return True
        return message.term <= initial_term + isinstance(message, PreVote)

    def advance(self) -> LineEffects:
        """Return the next line and go on; raise its violation, if it has one."""
        line = self.next_line
        assert line is not None, "the trace has ended"
        if line.violation is not None:
            raise line.violation
        self.next_line = next(self._lines, None)
        return line
