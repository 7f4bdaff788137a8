"""A server stops: it transfers its leadership if it leads, and bids farewell to all who may pass requests on to it.

A follower that hears late of the next leader passes requests on to the old one until then. If that one stopped with
such a request unread, the follower couldn't know whether a write took effect. So a server stops when every connected
peer has said that it waits for nothing from it. Connections keep the order of messages, so what the peer had passed on
before that was read, and since a stopping server never leads again, nothing comes after it.
"""

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from quorate.raft import Event, NodeId, Role, State, TransferLeadership, TransferRefused

log = logging.getLogger("quorate.server")


def may_leave(state: State, connected: AbstractSet[NodeId], *, hands_over: bool) -> bool:
    """Return whether there is another leader, or a connected voter with the whole log could win an election at once.

    A leader that already `hands_over` stays until there is another, or nobody to hand over to.
    """
    if state.role is not Role.LEADER:
        return state.leader_id is not None or not hands_over
    heir = successor(state, connected)
    return heir is None or (not hands_over and state.match_index_of(heir) == state.log.last_index)


def successor(state: State, connected: AbstractSet[NodeId]) -> NodeId | None:
    """Return the voter that should lead next: of those connected, the one with most of the leader's log."""
    voters = (peer for peer in state.peers if peer in connected and state.configuration.is_voter(peer))
    return max(voters, key=state.match_index_of, default=None)


def hand_over(state: State, connected: AbstractSet[NodeId], step: Callable[[Event], None]) -> None:
    """Begin a transfer by `step` if a leader can and none is under way."""
    if state.role is not Role.LEADER or state.transfer_target is not None:
        return
    if (heir := successor(state, connected)) is None:
        return
    try:
        step(TransferLeadership(heir))
    except TransferRefused as error:
        log.info("leadership isn't handed over yet", extra={"to": heir, "reason": str(error)})


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
