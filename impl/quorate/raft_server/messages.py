"""Messages between servers beyond those of the core: requests passed on, signs of life, snapshots in chunks, digests.

None of these promises anything about a disk, so all of them may leave at once.
"""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.raft import Configuration
from quorate.runtime.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Forward:
    """A client's request, forwarded to the supposed leader; `id` is the sender's number for it.

    Transports deliver it at most once: a write without a session that arrived twice would be applied twice.
    """

    id: int
    write: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of the Forward with this `id`."""

    id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """The sender leads `term`; as a reply: the sender is in the term of that leader (hearing.py)."""

    term: int
    reply: bool


@dataclass(frozen=True, slots=True)
class Farewell:
    """The sender is about to stop; as a reply: the sender waits for nothing from the receiver, which is about to stop.

    A server replies when it doesn't take the other for its leader, and has an answer to all that it forwarded to it.
    """

    reply: bool


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A part of the InstallSnapshot of `term`'s leader: `data` from `offset` on, of `length` bytes in all.

    Without data it asks how much of the snapshot with this `digest` the receiver has.
    """

    term: int
    last_included_index: int
    last_included_term: int
    length: int
    digest: bytes
    offset: int
    data: bytes
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class ChunkTaken:
    """The receiver has the first `length` bytes of the snapshot with this `digest`, in memory."""

    digest: bytes
    length: int


@dataclass(frozen=True, slots=True)
class StateDigest:
    """The digest of the sender's state machine after all entries up to `index`."""

    index: int
    digest: bytes


ServerMessage: TypeAlias = Forward | Answer | SignOfLife | Farewell | StateDigest
Transferred: TypeAlias = SnapshotChunk | ChunkTaken
DriverMessage: TypeAlias = ServerMessage | Transferred
