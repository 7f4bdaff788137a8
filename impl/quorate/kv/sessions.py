"""A write that a client repeats is applied once (§8 of the paper, §6.3 of the dissertation).

A client numbers the writes of its session 1, 2, 3, … and sends the next only after the last was answered. So the last
reply is all that must be kept. Who opens more sessions than there is room for ends the one that was used least
recently, counted in commands of the log: no clock is asked, and all servers agree.

The first words of the errors are for programs: NOSESSION and BADSEQUENCE both say that this request changed nothing.
Of NOSESSION's write, an earlier request may have been applied before the session ended.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from quorate.kv import replies
from quorate.kv.operations import InSession, Write
from quorate.kv.replies import Failure

MOST_SESSIONS: Final = 10_000
MOST_REPLY_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Session:
    """The number of the last write and its encoded reply; before the first, 0 and nothing."""

    sequence: int = 0
    reply: bytes = b""


class Sessions:
    """All open sessions, the least recently used first; a part of the replicated state."""

    def __init__(self, sessions: Iterable[tuple[int, int, bytes]] = ()) -> None:
        """Take what iterating over another gave: number, last sequence and its reply."""
        self._sessions = {number: Session(sequence, reply) for number, sequence, reply in sessions}
        self._reply_bytes = sum(len(session.reply) for session in self._sessions.values())

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield what makes an equal one."""
        return ((number, session.sequence, session.reply) for number, session in self._sessions.items())

    def open(self, index: int) -> bytes:
        """Open the session that is numbered by its place in the log, and return the encoded reply."""
        self._put(index, Session())
        return replies.encode(index)

    def run(self, command: InSession, apply: Callable[[Write], bytes]) -> bytes:
        """Return the encoded reply to `command`, which `apply` gives unless the same was answered before."""
        number, sequence = command.session, command.sequence
        session = self._sessions.get(number)
        if session is None:
            return _failure(f"NOSESSION session {number} is unknown or has expired; this request changed nothing")
        if sequence == session.sequence + 1:
            session = Session(sequence, apply(command.write))
        elif sequence != session.sequence or sequence == 0:
            expected = f"the last in session {number} was {session.sequence}"
            return _failure(f"BADSEQUENCE {expected}, this is {sequence}; this request changed nothing")
        self._put(number, session)
        return session.reply

    def _put(self, number: int, session: Session) -> None:
        before = self._sessions.pop(number, None)
        self._sessions[number] = session
        self._reply_bytes += len(session.reply) - (0 if before is None else len(before.reply))
        while len(self._sessions) > MOST_SESSIONS or self._reply_bytes > MOST_REPLY_BYTES:
            oldest = next(iter(self._sessions))
            self._reply_bytes -= len(self._sessions.pop(oldest).reply)


def _failure(text: str) -> bytes:
    return replies.encode(Failure(text))
