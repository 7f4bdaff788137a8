"""The events of a node: clocks, disks and sockets affect the core only through them."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.raft.messages import Message, Snapshot


@dataclass(frozen=True, slots=True)
class Receive:
    """A message has arrived."""

    message: Message


@dataclass(frozen=True, slots=True)
class ElectionTimeout:
    """The election timeout has passed; a leader ignores this event."""


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader of this term transfers leadership to this server (§3.10 of the dissertation); a leader ignores it.

    There is no pre-vote: other servers, which still know a leader, would refuse it.
    """


@dataclass(frozen=True, slots=True)
class HeartbeatTimeout:
    """A leader must send heartbeats, and repeat what was not acknowledged; other servers ignore this event."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Clients propose these commands for the log, in this order."""

    commands: tuple[bytes, ...]


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

    Either it has not heard from a majority (CheckQuorum, §6.2 of the dissertation), or its disk refuses writes.
    """


Event: TypeAlias = (
    Receive
    | ElectionTimeout
    | TimeoutNow
    | HeartbeatTimeout
    | Propose
    | ReadRequest
    | Persisted
    | SnapshotTaken
    | StepDown
)
