"""The text of INFO: sections of `key:value` lines as in Redis, and one section about the protocol.

Keys that Redis has mean the same as there, so that its tools understand them: a leader is a master, all other nodes are
slaves; under the BFT protocol every node is a master. All else is in the section Raft or BFT.
"""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType

from quorate.bft_server.status import BftStatus
from quorate.raft.state import Role
from quorate.raft_server.status import Status
from quorate.runtime.addresses import Address

# The version of Redis whose commands and errors Quorate follows.
REDIS_VERSION = "7.2.0"
QUORATE_VERSION = version("quorate")


@dataclass(frozen=True, slots=True)
class Clients:
    """The number of connected clients, of connections accepted so far, and of commands so far."""

    connected: int
    accepted: int
    commands: int


def info_text(
    status: Status | BftStatus,
    listen: Address,
    *,
    uptime_s: float,
    clients: Clients,
    notices: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the text of INFO for a node that listens for clients at `listen`.

    `notices` describe the standing of the node's storage in the cluster, and what is wrong.
    """
    protocol = "bft" if isinstance(status, BftStatus) else "raft"
    sections = (
        ("Server", _server(listen, uptime_s)),
        ("Clients", iter([("connected_clients", clients.connected)])),
        ("Stats", _stats(clients)),
        ("CPU", _cpu()),
        *_of_protocol(status),
        ("Cluster", iter([("cluster_enabled", 0)])),
        *((("Membership", ((f"{protocol}_{key}", value) for key, value in notices.items())),) if notices else ()),
    )
    return "\r\n".join("".join([f"# {name}\r\n", *(f"{k}:{v}\r\n" for k, v in lines)]) for name, lines in sections)


def _of_protocol(status: Status | BftStatus) -> tuple[tuple[str, Iterator[tuple[str, object]]], ...]:
    if isinstance(status, BftStatus):
        return ("Replication", iter([("role", "master")])), ("BFT", _bft(status))
    return ("Replication", _replication(status)), ("Raft", _raft(status))


def parse_info(text: str) -> dict[str, str]:
    """Return the values in INFO's text by key; lines without a colon are ignored."""
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {key: value for key, colon, value in pairs if colon}


def _server(listen: Address, uptime_s: float) -> Iterator[tuple[str, object]]:
    yield "redis_version", REDIS_VERSION
    yield "quorate_version", QUORATE_VERSION
    yield "redis_mode", "standalone"
    yield "os", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "arch_bits", 64 if sys.maxsize > 2**32 else 32
    yield "process_id", os.getpid()
    yield "tcp_port", listen[1]
    yield "uptime_in_seconds", int(uptime_s)


def _stats(clients: Clients) -> Iterator[tuple[str, object]]:
    yield "total_connections_received", clients.accepted
    yield "total_commands_processed", clients.commands


def _cpu() -> Iterator[tuple[str, object]]:
    used = os.times()
    yield "used_cpu_sys", f"{used.system:.6f}"
    yield "used_cpu_user", f"{used.user:.6f}"


def _replication(status: Status) -> Iterator[tuple[str, object]]:
    leads = status.role is Role.LEADER
    yield "role", "master" if leads else "slave"
    yield "connected_slaves", sum(peer.connected for peer in status.peers.values()) if leads else 0
    if not leads:
        leader = None if status.leader_id is None else status.peers.get(status.leader_id)
        yield "master_link_status", "up" if leader is not None and leader.connected else "down"


def _raft(status: Status) -> Iterator[tuple[str, object]]:
    yield "raft_node_id", status.node_id
    yield "raft_role", status.role.value
    yield "raft_term", status.term
    yield "raft_leader_id", "none" if status.leader_id is None else status.leader_id
    yield "raft_commit_index", status.commit_index
    yield "raft_applied_index", status.machine_index
    yield "raft_last_log_index", status.last_log_index
    yield "raft_snapshot_index", status.snapshot_index
    yield "raft_log_entries", status.log_entries
    yield "raft_log_bytes", status.log_bytes
    yield "raft_pending_requests", status.pending_requests
    yield "raft_disk_full", int(status.disk_full)
    yield "raft_trace_lost", int(status.trace_lost)
    yield "raft_configuration_index", status.configuration_index
    yield "raft_membership", status.own_role
    yield "raft_change", status.change
    if status.notice:
        yield "raft_notice_state", status.notice
    for number, peer in status.peers.items():
        match_index = "unknown" if peer.match_index is None else peer.match_index
        yield f"raft_peer{number}", f"connected={int(peer.connected)},match_index={match_index},role={peer.role}"


def _bft(status: BftStatus) -> Iterator[tuple[str, object]]:
    yield "bft_node_id", status.node_id
    yield "bft_leader_id", status.leader_id
    yield "bft_index", status.index
    yield "bft_view", status.view
    yield "bft_decided_index", status.decided_index
    yield "bft_applied_index", status.applied_index
    yield "bft_pending_requests", status.pending_requests
    yield "bft_known_payloads", status.known_payloads
    yield "bft_evidence", status.evidence
    yield "bft_refused_messages", status.refused_messages
    yield "bft_disk_full", int(status.disk_full)
    yield "bft_trace_lost", int(status.trace_lost)
    for number, connected in status.peers.items():
        yield f"bft_peer{number}", f"connected={int(connected)}"
