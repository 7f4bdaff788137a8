"""Whatever can happen to a node is one of these; clocks, disks and sockets reach the core in no other way."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.raft.messages import Message, Snapshot


@dataclass(frozen=True, slots=True)
class Receive:
    """A message has arrived."""

    message: Message


@dataclass(frozen=True, slots=True)
class ElectionTimeout:
    """An election timeout has passed without a reason to restart it; a leader ignores it."""


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader of this term wants this server to lead the next (§3.10 of the dissertation); a leader ignores it.

    There is no pre-vote: others, who don't know yet that their leader has stopped, would refuse it.
    """


@dataclass(frozen=True, slots=True)
class HeartbeatTimeout:
    """It is time for a leader to be heard, and to repeat what was not answered; others ignore it."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Clients want these commands in the log, in this order."""

    commands: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Persisted:
    """The disk holds the log up to `index`, where it had an entry of `term` when it was written."""

    term: int
    index: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The state machine has been serialised as it was after `snapshot.last_included_index`."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class StepDown:
    """The driver finds that this server should not lead; who doesn't lead ignores it.

    It hears from no majority any more (CheckQuorum, §6.2 of the dissertation), or its disk refuses writes.
    """


Event: TypeAlias = (
    Receive | ElectionTimeout | TimeoutNow | HeartbeatTimeout | Propose | Persisted | SnapshotTaken | StepDown
)
