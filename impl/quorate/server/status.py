"""What a server says about itself to operators; nothing in the protocol depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.raft.messages import NodeId
from quorate.raft.state import Role


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member: whether messages can be sent to it, and, on a leader, how far its log is known to agree."""

    connected: bool
    match_index: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """One server at one moment; sizes in bytes.

    `log_entries` counts those after the snapshot, `log_bytes` the commands in those of them that are applied.
    `machine_index` is the last entry that the state machine has really applied; it may trail `last_applied` for
    moments after a restart. `disk_full` says that acknowledgements wait for room on the disk.
    """

    node_id: NodeId
    role: Role
    term: int
    leader_id: NodeId | None
    commit_index: int
    machine_index: int
    last_log_index: int
    snapshot_index: int
    log_entries: int
    log_bytes: int
    pending_requests: int
    disk_full: bool
    peers: Mapping[NodeId, Peer]
