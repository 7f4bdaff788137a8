"""A write that a client repeats is applied once (§8 of the paper, §6.3 of the dissertation).

A client numbers the writes of its session 1, 2, 3, … and sends the next only after the last was answered. So the last
reply is all that must be kept. Who opens more sessions than there is room for ends the one that was used least
recently, counted in commands of the log: no clock is asked, and all servers agree.

The first words of the errors are for programs: NOSESSION and BADSEQUENCE both say that this request changed nothing.
Of NOSESSION's write, an earlier request may have been applied before the session ended. BADSIGNATURE says that a write
in a session that has an owner isn't his, which changed nothing either.

Owners are for clusters in which a server may lie: it passes on what clients ask, and could ask something itself under
the number that a client will use next, whose write would then be taken for a repetition.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from quorate.runtime.keys import is_signed_by
from quorate.store import digest, replies
from quorate.store.operations import InSession, Write, signed_text
from quorate.store.replies import Failure

MOST_SESSIONS: Final = 10_000
MOST_REPLY_BYTES: Final = 64 * 1024 * 1024


# A session as snapshots have it: its number, the last sequence and its reply, its owner.
Saved: TypeAlias = tuple[int, int, bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Session:
    """The number of the last write and its encoded reply; before the first, 0 and nothing. Who owns it, if anybody."""

    sequence: int = 0
    reply: bytes = b""
    owner: bytes | None = None


class Sessions:
    """All open sessions, the least recently used first; a part of the replicated state."""

    def __init__(self, sessions: Iterable[Saved] = ()) -> None:
        """Take what iterating over another gave."""
        self._sessions = {number: Session(sequence, reply, owner) for number, sequence, reply, owner in sessions}
        self._owned = {session.owner: number for number, session in self._sessions.items() if session.owner}
        self._reply_bytes = sum(len(session.reply) for session in self._sessions.values())
        self.sum = sum_of(self)  # kept up to date (quorate.store.digest)

    def __iter__(self) -> Iterator[Saved]:
        """Yield what makes an equal one."""
        return ((number, s.sequence, s.reply, s.owner) for number, s in self._sessions.items())

    def open(self, index: int, owner: bytes | None = None) -> bytes:
        """Open the session that is numbered by its place in the log, or the owner's own; return the encoded reply."""
        number = index if owner is None else self._owned.get(owner, index)
        self._put(number, self._sessions.get(number, Session(owner=owner)))
        return replies.encode(number)

    def run(self, command: InSession, apply: Callable[[Write], bytes]) -> bytes:
        """Return the encoded reply to `command`, which `apply` gives unless the same was answered before."""
        number, sequence = command.session, command.sequence
        session = self._sessions.get(number)
        if session is None:
            return _failure(f"NOSESSION session {number} is unknown or has expired; this request changed nothing")
        if not _is_the_owners(command, session):
            return _failure(f"BADSIGNATURE session {number} has another owner; this request changed nothing")
        if sequence == session.sequence + 1:
            session = Session(sequence, apply(command.write), session.owner)
        elif sequence != session.sequence or sequence == 0:
            expected = f"the last in session {number} was {session.sequence}"
            return _failure(f"BADSEQUENCE {expected}, this is {sequence}; this request changed nothing")
        self._put(number, session)
        return session.reply

    def _put(self, number: int, session: Session) -> None:
        before = self._sessions.pop(number, None)
        self._sessions[number] = session
        if session.owner is not None:
            self._owned[session.owner] = number
        self._reply_bytes += len(session.reply) - (0 if before is None else len(before.reply))
        if session is not before:
            self.sum += _part(number, session) - (0 if before is None else _part(number, before))
        while len(self._sessions) > MOST_SESSIONS or self._reply_bytes > MOST_REPLY_BYTES:
            oldest = next(iter(self._sessions))
            ended = self._sessions.pop(oldest)
            self._reply_bytes -= len(ended.reply)
            self.sum -= _part(oldest, ended)
            if ended.owner is not None:
                del self._owned[ended.owner]


def sum_of(saved: Iterable[Saved]) -> int:
    """Return the sum over sessions, made anew; their order isn't in it."""
    return sum(map(digest.part, saved))


def _part(number: int, session: Session) -> int:
    saved: Saved = number, session.sequence, session.reply, session.owner
    return digest.part(saved)


def _is_the_owners(command: InSession, session: Session) -> bool:
    if session.owner is None:
        return command.signature is None
    if command.signature is None:
        return False
    return is_signed_by(session.owner, signed_text(command.session, command.sequence, command.write), command.signature)


def _failure(text: str) -> bytes:
    return replies.encode(Failure(text))
