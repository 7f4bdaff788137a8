"""A server stops: the choice of the next leader if it leads, and the farewells of all who may pass requests on to it.

A follower that hears late of the next leader passes requests on to the old one until then. If that one stopped with
such a request unread, the follower couldn't know whether a write took effect. So a server stops when every connected
peer has said that it waits for nothing from it. Connections keep the order of messages, so what the peer had passed on
before that was read, and since a stopping server never leads again, nothing comes after it.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from quorate.raft import NodeId, Role, State


def may_leave(state: State, connected: AbstractSet[NodeId], *, resigned: bool) -> bool:
    """Return whether there is another leader, or a connected peer with the whole log could win an election at once."""
    if state.role is not Role.LEADER:
        return state.leader_id is not None or not resigned
    return not connected or state.match_index_of(successor(state, connected)) == state.log.last_index


def successor(state: State, connected: AbstractSet[NodeId]) -> NodeId:
    """Return the peer that should lead next: among the connected ones, that with most of the leader's log."""
    return max(state.peers, key=lambda peer: (peer in connected, state.match_index_of(peer)))


@dataclass
class Farewells:
    """The peers that wait for nothing from this server any more."""

    _replied: set[NodeId] = field(default_factory=set, init=False)

    def add_reply(self, peer: NodeId) -> None:
        """Note that a peer waits for nothing."""
        self._replied.add(peer)

    def missing(self, connected: AbstractSet[NodeId]) -> list[NodeId]:
        """Return the connected peers that haven't replied."""
        return sorted(connected - self._replied)
