"""The status of a server for operators; nothing in the protocol depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.raft.configuration import Configuration, NodeId
from quorate.raft.state import Role, State


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member: whether messages can be sent to it, on a leader its match index, and its role (`role_of`)."""

    connected: bool
    match_index: int | None
    role: str = "voter"


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one server at one moment; sizes in bytes.

    `log_entries` counts the entries after the snapshot, `log_bytes` the commands of those that are applied.
    `machine_index` is the last entry that the state machine has applied; it may be behind `last_applied` for a moment
    after a restart. `disk_full` means that acknowledgements, or a snapshot, wait for room on the disk, `trace_lost`
    that the trace can't be written any more. `notice` names members whose applied states differ, if any.
    `configuration_index` is that of the entry with the configuration, 0 for the founders; `own_role` is this server's
    role in it, and `change` says whether it is part of a change (`change_of`).
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
    configuration_index: int = 0
    own_role: str = "voter"
    change: str = "none"


def role_of(member: NodeId, configuration: Configuration) -> str:
    """What a member is in a configuration; "removed" if it is none."""
    if member not in configuration.members:
        return "removed"
    if member in configuration.learners:
        return "learner" if member not in configuration.outgoing else "outgoing"
    if member not in configuration.voters:
        return "outgoing"
    return "incoming" if configuration.is_joint and member not in configuration.outgoing else "voter"


def change_of(state: State) -> str:
    """The change of members that is under way: "joint", "direct", or "none"."""
    if state.configuration.is_joint:
        return "joint"
    return "direct" if state.log.configuration_index > state.commit_index else "none"


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
        peers={
            peer: Peer(
                peer in connected, state.match_index_of(peer) if leads else None, role_of(peer, state.configuration)
            )
            for peer in state.peers
        },
        configuration_index=state.log.configuration_index,
        own_role=role_of(state.id, state.configuration) if state.configuration.members else "joining",
        change=change_of(state),
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
