"""The status of a server for operators; nothing in the protocol depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.raft.configuration import NodeId
from quorate.raft.state import Role, State


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member: whether messages can be sent to it, and, on a leader, its match index."""

    connected: bool
    match_index: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one server at one moment; sizes in bytes.

    `log_entries` counts the entries after the snapshot, `log_bytes` the commands of those that are applied.
    `machine_index` is the last entry that the state machine has applied; it may be behind `last_applied` for a moment
    after a restart. `disk_full` means that acknowledgements, or a snapshot, wait for room on the disk, `trace_lost`
    that the trace can't be written any more. `notice` names members whose applied states differ, if any.
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
    trace_lost: bool
    notice: str
    peers: Mapping[NodeId, Peer]


def describe(
    state: State,
    connected: frozenset[NodeId],
    *,
    machine_index: int,
    log_bytes: int,
    pending_requests: int,
    disk_full: bool,
    trace_lost: bool,
    notice: str,
) -> Status:
    """Return the status of a server in `state`; the other arguments are values outside the core."""
    leads = state.role is Role.LEADER
    return Status(
        node_id=state.id,
        role=state.role,
        term=state.current_term,
        leader_id=state.id if leads else state.leader_id,
        commit_index=state.commit_index,
        last_log_index=state.log.last_index,
        snapshot_index=state.log.snapshot_index,
        log_entries=state.log.last_index - state.log.snapshot_index,
        peers={peer: Peer(peer in connected, state.match_index_of(peer) if leads else None) for peer in state.peers},
        machine_index=machine_index,
        log_bytes=log_bytes,
        pending_requests=pending_requests,
        disk_full=disk_full,
        trace_lost=trace_lost,
        notice=notice,
    )


def place(state: State) -> tuple[Role, NodeId | None, int]:
    """Return the role, the leader and the term, whose changes are logged."""
    return state.role, state.leader_id, state.current_term
