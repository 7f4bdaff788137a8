"""The transport of real clusters, over TCP."""

import asyncio
import socket
from collections.abc import Mapping
from random import Random
from typing import Final, Generic, TypeVar

from quorate.runtime.interfaces import Loss, NodeId, Receiver
from quorate.runtime.network_errors import describe
from quorate.runtime.transport.codec import Codec
from quorate.runtime.transport.frames import WireError
from quorate.runtime.transport.hello import Handshake, Hello, NoHandshake, encode_hello
from quorate.runtime.transport.inbound import Door, Listener
from quorate.runtime.transport.outbound import Outbound
from quorate.runtime.transport.tls import Tls

MAX_QUEUE_BYTES: Final = 16 << 20
_MOST_NAME_BYTES: Final = 992  # of a hello's 4096
_BACKLOG: Final = 128

M = TypeVar("M")


class TransportError(Exception):
    """The transport can't start; `str(error)` is one line that says why."""


class TcpTransport(Generic[M]):
    """A `quorate.runtime.interfaces.Transport` over TCP. Call `start` once, and `close` at the end.

    `addresses` has every node of the cluster until `set_peers` gives others; it is looked up at each attempt to
    connect. `listen` is where this node accepts connections, if that is not its own entry there; port 0 takes a free
    one, see `address`. A peer that doesn't read takes `max_queue_bytes` of memory for what is small, which under TLS is
    there once more, encrypted, and as much and one message for what is large. Messages are exchanged only with peers
    that `handshake` finds good. ValueError names a bad argument.
    """

    def __init__(
        self,
        codec: Codec[M],
        node_id: NodeId,
        addresses: Mapping[NodeId, tuple[str, int]],
        cluster: str,
        rng: Random,
        *,
        listen: tuple[str, int] | None = None,
        tls: Tls | None = None,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        handshake: Handshake | None = None,
    ) -> None:
        self._codec = codec
        self._node_id = node_id
        self._addresses = addresses
        self._cluster = cluster
        self._rng = rng
        self._listen = addresses[node_id] if listen is None else listen
        self._tls = tls
        self._max_queue_bytes = max_queue_bytes
        self._handshake = NoHandshake() if handshake is None else handshake
        self._listener: Listener[M] | None = None
        self._peers: dict[NodeId, Outbound[M]] = {}
        self._closing: list[asyncio.Future[None]] = []
        self._lost: Loss = lambda _: None
        _check_name(cluster, max(node_id, *addresses))
        for _, port in (*addresses.values(), self._listen):
            if not 0 <= port < 1 << 16:
                raise ValueError(f"port: a number below 65536 is needed, not {port}")
        if max_queue_bytes < 1:
            raise ValueError(f"max_queue_bytes: a positive number is needed, not {max_queue_bytes}")

    @property
    def address(self) -> tuple[str, int]:
        """Where this node listens, once it does."""
        assert self._listener is not None
        return self._listener.address

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers that `send` has a connection to."""
        return frozenset(peer for peer, outbound in self._peers.items() if outbound.connected)

    @property
    def notices(self) -> list[str]:
        """The notices for operators: a line for each peer of whose name there are two processes."""
        posed_as = [] if self._listener is None else self._listener.posed_as
        return [f"another process poses as node {peer}: stop one of the two" for peer in posed_as]

    async def start(self, receive: Receiver[M], lost: Loss) -> None:
        """Listen, and begin to dial the peers; raises TransportError if the address is not available."""
        listening = await _listen(*self._listen)

        def over(peer: NodeId) -> None:
            self._handshake.lost(peer)
            lost(peer)

        self._lost = over
        self._handshake.connect(self._dial_all, self._drop)
        self._peers = {peer: self._outbound(peer) for peer in sorted(self._addresses) if peer != self._node_id}
        door = Door(
            cluster=self._cluster,
            node_id=self._node_id,
            is_peer=lambda peer: peer in self._peers or self._handshake.knows_members,
            codec=self._codec,
            tls=None if self._tls is None else self._tls.accepting,
            receive=receive,
            lost=over,
            heard=self._heard,
            handshake=self._handshake,
        )
        self._listener = Listener(door, listening)

    def send(self, peer: NodeId, message: M) -> bool:
        """Queue a message; return False if it was dropped: no connection, a full queue, or too large for a frame."""
        outbound = self._peers.get(peer)
        return outbound is not None and outbound.send(message)

    def set_peers(self, addresses: Mapping[NodeId, tuple[str, int]]) -> None:
        """Connect to these nodes from now on, at these addresses, and to no others but this one."""
        before, self._addresses = self._addresses, {**addresses}
        if self._listener is None:
            return
        for peer in self._peers.keys() - addresses.keys():
            self._drop(peer, "it is no peer of this node any more")
            former = self._peers.pop(peer)
            former.dial_no_more()
            self._closing = [closing for closing in self._closing if not closing.done()]
            self._closing.append(asyncio.ensure_future(former.close()))
        for peer in sorted(addresses.keys() - {self._node_id}):
            if peer not in self._peers:
                self._peers[peer] = self._outbound(peer)
            elif addresses[peer] != before[peer]:
                self._peers[peer].drop("its address has changed")

    def flush(self) -> None:
        """Send all queued messages now, not in the next turn of the event loop."""
        for outbound in self._peers.values():
            outbound.flush()

    async def close(self) -> None:
        """Stop listening and drop all connections; nothing is received or sent afterwards."""
        if self._listener is not None:
            await self._listener.close()
        for outbound in self._peers.values():
            await outbound.close()
        await asyncio.gather(*self._closing)
        # The next turn of the event loop closes the sockets.
        await asyncio.sleep(0)

    def _dial_all(self) -> None:
        for outbound in self._peers.values():
            outbound.dial_now()

    def _heard(self, peer: NodeId) -> None:
        if peer in self._peers:
            self._peers[peer].dial_now()

    def _drop(self, peer: NodeId, why: str) -> None:
        if peer in self._peers:
            self._peers[peer].drop(why)
        if self._listener is not None:
            self._listener.drop(peer, why)

    def _outbound(self, peer: NodeId) -> Outbound[M]:
        return Outbound(
            Hello(self._cluster, self._node_id, peer),
            lambda: self._addresses[peer],
            self._rng,
            lost=self._lost,
            tls=None if self._tls is None else self._tls.dialling,
            codec=self._codec,
            max_queue_bytes=self._max_queue_bytes,
            handshake=self._handshake,
        )


def _check_name(cluster: str, largest_id: NodeId) -> None:
    try:
        encode_hello(Hello(cluster, largest_id, largest_id), "")
    except WireError as error:
        raise ValueError(f"cluster: {error}") from None
    if len(cluster.encode()) > _MOST_NAME_BYTES:
        raise ValueError(f"cluster: a name of at most {_MOST_NAME_BYTES} bytes is needed, not {cluster!r}")


async def _listen(host: str, port: int) -> socket.socket:
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = addresses[0]
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise TransportError(f"cannot listen on {host}:{port}: {describe(error)}") from None
    listening.setblocking(False)  # noqa: FBT003  # the standard library's own form
    return listening
