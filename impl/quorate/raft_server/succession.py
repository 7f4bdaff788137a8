"""The choice of the next leader when a leader stops."""

from collections.abc import Set as AbstractSet

from quorate.raft import NodeId, Role, State


def may_leave(state: State, connected: AbstractSet[NodeId], *, resigned: bool) -> bool:
    """Return whether there is another leader, or a connected peer with the whole log could win an election at once."""
    if state.role is not Role.LEADER:
        return state.leader_id is not None or not resigned
    return not connected or state.match_index_of(successor(state, connected)) == state.log.last_index


def successor(state: State, connected: AbstractSet[NodeId]) -> NodeId:
    """Return the peer that should lead next: among the connected ones, that with most of the leader's log."""
    return max(state.peers, key=lambda peer: (peer in connected, state.match_index_of(peer)))
