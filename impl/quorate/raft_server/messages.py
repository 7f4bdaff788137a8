"""What servers say to each other beside Raft's own messages: requests passed on, and whether a leader still leads.

None of these promises anything about a disk, so all of them may leave at once.
"""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.runtime.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Forward:
    """A client's request, passed on to whom the sender takes for the leader. `id` is the sender's own.

    Transports deliver it at most once: a write without a session that arrived twice would be done twice.
    """

    id: int
    write: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the Forward with this `id`."""

    id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ConfirmLeadership:
    """Asks whether the receiver is still in `term`, which the sender leads (dissertation §6.4)."""

    term: int
    round: int


@dataclass(frozen=True, slots=True)
class LeadershipConfirmed:
    """When I was asked in `round`, I was in `term`, so nobody led a later one with my vote."""

    term: int
    round: int


@dataclass(frozen=True, slots=True)
class Resigned:
    """The sender led `term` and stops: the receiver, whose log is as good as any, should stand for election now."""

    term: int


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A part of the InstallSnapshot of `term`'s leader: `data` from `offset` on, of `length` bytes in all.

    Without data it only asks how much of the snapshot with this `digest` the receiver has.
    """

    term: int
    last_included_index: int
    last_included_term: int
    length: int
    digest: bytes
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChunkTaken:
    """Of the snapshot with this `digest`, I have the first `length` bytes, in memory."""

    digest: bytes
    length: int


@dataclass(frozen=True, slots=True)
class StateDigest:
    """When I had applied all up to `index`, my state machine's digest was this."""

    index: int
    digest: bytes


ServerMessage: TypeAlias = Forward | Answer | ConfirmLeadership | LeadershipConfirmed | Resigned | StateDigest
Transferred: TypeAlias = SnapshotChunk | ChunkTaken
DriverMessage: TypeAlias = ServerMessage | Transferred
