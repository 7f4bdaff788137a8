"""The status of a member for operators; nothing in the protocol depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.bft import NodeId


@dataclass(frozen=True, slots=True)
class BftStatus:
    """The status of one member at one moment; `peers` says whether messages can be sent to each other member."""

    node_id: NodeId
    leader_id: NodeId
    index: int
    view: int
    decided_index: int
    applied_index: int
    pending_requests: int
    known_payloads: int
    evidence: int
    refused_messages: int
    disk_full: bool
    trace_lost: bool
    peers: Mapping[NodeId, bool]
