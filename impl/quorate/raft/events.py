"""The events of a node: clocks, disks and sockets affect the core only through them."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.raft.configuration import NodeId
from quorate.raft.messages import Message, Snapshot


@dataclass(frozen=True, slots=True)
class Receive:
    """A message has arrived."""

    message: Message


@dataclass(frozen=True, slots=True)
class ElectionTimeout:
    """An election timeout has passed: without word of a leader, or, at a leader, since the last such event.

    A leader checks whether a quorum has answered it meanwhile (CheckQuorum), and gives up a transfer of its leadership.
    """


@dataclass(frozen=True, slots=True)
class Hear:
    """A member answers this leader by what is no message of the core; other servers ignore this event (CheckQuorum)."""

    member: NodeId


@dataclass(frozen=True, slots=True)
class HeartbeatTimeout:
    """A leader must send heartbeats, and repeat what was not acknowledged; other servers ignore this event."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Clients propose these commands for the log, in this order."""

    commands: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChangeMembers:
    """An operator wants these members, each a sorted tuple, and contacts instead of the present ones (§6)."""

    voters: tuple[NodeId, ...]
    learners: tuple[NodeId, ...] = ()
    contacts: bytes = b""


@dataclass(frozen=True, slots=True)
class TransferLeadership:
    """An operator, or a driver that is about to stop, wants `target` to lead instead of this server (transfer.py)."""

    target: NodeId


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Clients wait to read: a leader finds out whether it still leads; other servers ignore this event (§6.4)."""


@dataclass(frozen=True, slots=True)
class Persisted:
    """The log is on disk up to `index`, where the written entry has the term `term`."""

    term: int
    index: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The state machine has been serialised in its state after `snapshot.last_included_index`."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class StepDown:
    """The driver finds that this server must not lead any more; a server that isn't leader ignores this event.

    Its disk refuses writes or has stalled, or it is about to stop.
    """


Event: TypeAlias = (
    Receive
    | ElectionTimeout
    | Hear
    | HeartbeatTimeout
    | Propose
    | ChangeMembers
    | TransferLeadership
    | ReadRequest
    | Persisted
    | SnapshotTaken
    | StepDown
)
