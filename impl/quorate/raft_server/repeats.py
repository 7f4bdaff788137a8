"""What a leader's transport is given in place of large entries that the core repeats before they can have arrived.

The core sends what isn't acknowledged with every heartbeat. Of entries that take longer than that to travel, copies
would fill the network, and followers would hear of their leader only what is late. So a repetition waits as long as
its bytes would take at SLOWEST_BYTES_PER_S, and in its place goes a sign of life.
"""

import asyncio
from typing import Final

from quorate.raft import AppendEntries, NodeId, State
from quorate.raft_server.interfaces import PeerMessage, Receiver, Spoken, Transport
from quorate.raft_server.messages import SignOfLife
from quorate.runtime.interfaces import Arriving, Loss

SLOWEST_BYTES_PER_S: Final = 4 << 20


class PatientTransport:
    """A transport (quorate.raft_server.interfaces.Transport) that doesn't repeat itself too soon."""

    def __init__(self, inner: Transport) -> None:
        """Send by `inner`."""
        self._inner = inner
        self._sent: dict[NodeId, tuple[AppendEntries, float]] = {}  # the last entries for each peer, and when they left

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Begin to listen and to connect."""

        def forget(peer: NodeId) -> None:
            self._sent.pop(peer, None)
            lost(peer)

        await self._inner.start(receive, forget)

    def send(self, peer: NodeId, message: Spoken) -> bool:
        """Hand over a message, or a heartbeat in place of entries that are on their way."""
        if not isinstance(message, AppendEntries) or not message.entries:
            return self._inner.send(peer, message)
        now = asyncio.get_running_loop().time()
        if peer in self._sent and _is_on_its_way(*self._sent[peer], message, now):
            return self._inner.send(peer, SignOfLife(message.term, reply=False))
        if not self._inner.send(peer, message):
            return False
        self._sent[peer] = message, now
        return True

    def flush(self) -> None:
        """Let all that was handed over leave now."""
        self._inner.flush()

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers that `send` has a connection to."""
        return self._inner.connected

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        await self._inner.close()


def _is_on_its_way(sent: AppendEntries, when: float, message: AppendEntries, now: float) -> bool:
    if (sent.term, sent.prev_log_index) != (message.term, message.prev_log_index):
        return False
    size = sum(len(entry.command or b"") for entry in sent.entries)
    return now < when + size / SLOWEST_BYTES_PER_S


def understood(state: State, peer: NodeId, message: PeerMessage) -> PeerMessage:
    """Return what a server in `state` answers: to a part of a large message, the sign of life behind it.

    Else a leader would hear nobody while its entries travel, if that takes an election timeout, and stop leading.
    """
    is_leaders = isinstance(message, Arriving) and peer == state.leader_id
    return SignOfLife(state.current_term, reply=False) if is_leaders else message


def shows_leader(state: State, peer: NodeId, message: PeerMessage) -> bool:
    """Whether `message` shows that the leader of a server in `state` is there, though the core takes none of it.

    Elections are only put off by that, which no promise depends on. A server that has given its leader up, and has
    helped nobody to lead since, believes in it again: entries, by which the core would, may be long on their way.
    """
    match message:
        case SignOfLife(term, reply=False):
            return term == state.current_term and state.leader_id in (peer, None)
        case _:
            return False
