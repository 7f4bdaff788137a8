"""Who leads next when a leader leaves, and whether anybody can."""

from collections.abc import Set as AbstractSet

from quorate.raft import NodeId, Role, State


def may_leave(state: State, connected: AbstractSet[NodeId], *, resigned: bool) -> bool:
    """Return whether another leads, or could at once: a peer with the whole log, whom nobody refuses."""
    if state.role is not Role.LEADER:
        return state.leader_id is not None or not resigned
    return not connected or state.match_index_of(successor(state, connected)) == state.log.last_index


def successor(state: State, connected: AbstractSet[NodeId]) -> NodeId:
    """Return the peer of a leader that should lead next: of those that can be reached, who has most of its log."""
    return max(state.peers, key=lambda peer: (peer in connected, state.match_index_of(peer)))
