"""What a member says about itself to operators; nothing in the protocol depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.bft import NodeId


@dataclass(frozen=True, slots=True)
class BftStatus:
    """One member at one moment; `peers` says to which of the others messages can be sent."""

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
    peers: Mapping[NodeId, bool]
