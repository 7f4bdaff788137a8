"""Sessions: a write that a client repeats is applied once (§8 of the paper, §6.3 of the dissertation).

A client numbers the writes of its session 1, 2, 3, … and sends a write only after the one before it was answered. So
only the last reply must be kept. If there are more than MOST_SESSIONS sessions, the least recently used one ends,
counted in commands of the log: no clock is involved, and all servers agree.

The first words of the errors are for programs. All three say that this request changed nothing: NOSESSION (the session
has ended; an earlier request with the same write may have been applied before), BADSEQUENCE (the number of the write is
neither the last one nor the next) and BADSIGNATURE (the session has an owner, who didn't sign the write).

Owners are for clusters with traitors: a server passes the requests of clients on, and a traitor could send a write of
its own under the next number of a client, whose own write would then be taken for a repetition.
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


# A session in a snapshot: its number, the number of the last write, the reply to that, the owner.
SessionRow: TypeAlias = tuple[int, int, bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Session:
    """The last write's number and its encoded reply, 0 and empty before the first; the owner's public key, if any."""

    sequence: int = 0
    reply: bytes = b""
    owner: bytes | None = None


class Sessions:
    """All open sessions, the least recently used first; a part of the replicated state."""

    def __init__(self, sessions: Iterable[SessionRow] = ()) -> None:
        """Begin with the rows that iterating over another object yields."""
        self._sessions = {number: Session(sequence, reply, owner) for number, sequence, reply, owner in sessions}
        self._owned = {session.owner: number for number, session in self._sessions.items() if session.owner}
        self._reply_bytes = sum(len(session.reply) for session in self._sessions.values())
        self.sum = sum_of(self)  # kept up to date (quorate.store.digest)

    def __iter__(self) -> Iterator[SessionRow]:
        """Yield the rows that make an equal object."""
        return ((number, s.sequence, s.reply, s.owner) for number, s in self._sessions.items())

    def open(self, index: int, owner: bytes | None = None) -> bytes:
        """Open a session, whose number is the `index` of the command, or find the owner's; return the encoded reply."""
        number = index if owner is None else self._owned.get(owner, index)
        self._put(number, self._sessions.get(number, Session(owner=owner)))
        return replies.encode(number)

    def run(self, command: InSession, apply: Callable[[Write], bytes]) -> bytes:
        """Return the encoded reply to `command`; `apply` executes its write unless it has been applied before."""
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
            session = self._sessions.pop(oldest)
            self._reply_bytes -= len(session.reply)
            self.sum -= _part(oldest, session)
            if session.owner is not None:
                del self._owned[session.owner]


def sum_of(rows: Iterable[SessionRow]) -> int:
    """Return the sum over sessions, computed anew; it ignores their order."""
    return sum(map(digest.part, rows))


def _part(number: int, session: Session) -> int:
    row: SessionRow = number, session.sequence, session.reply, session.owner
    return digest.part(row)


def _is_the_owners(command: InSession, session: Session) -> bool:
    if session.owner is None:
        return command.signature is None
    if command.signature is None:
        return False
    return is_signed_by(session.owner, signed_text(command.session, command.sequence, command.write), command.signature)


def _failure(text: str) -> bytes:
    return replies.encode(Failure(text))
