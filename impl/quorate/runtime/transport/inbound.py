"""Inbound connections, which peers dialled and on which this node receives."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Final, Generic, TypeVar

from quorate.runtime.interfaces import Arriving, Loss, NodeId, Receiver
from quorate.runtime.network_errors import describe
from quorate.runtime.network_writes import write
from quorate.runtime.transport.codec import Codec
from quorate.runtime.transport.connection import HELLO_S, Connection, cancelled, watched
from quorate.runtime.transport.frames import WireError, header
from quorate.runtime.transport.hello import Handshake, Hello, OtherProtocolError, beginning, decode_hello, encode_hello
from quorate.runtime.transport.tls import names_node

log = logging.getLogger("quorate.transport")

MAX_STRANGERS: Final = 64  # connections without a hello: each may hold a quarter of a MiB for its TLS handshake
_PAUSE_AFTER_ERROR_S: Final = 0.1
_ALTERNATING_S: Final = 10.0  # two processes of one name dial again within about a second

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Door(Generic[M]):
    """The settings of inbound connections: which peers are admitted to `node_id`, and where their messages go."""

    cluster: str
    node_id: NodeId
    is_peer: Callable[[NodeId], bool]
    codec: Codec[M]
    tls: SSLContext | None
    receive: Receiver[M]
    lost: Loss
    heard: Callable[[NodeId], None]
    handshake: Handshake

    def check(self, hello: Hello, certificate: dict[str, Any] | None) -> None:
        """Raise WireError unless this hello, with this certificate under TLS, is from a peer and for this node."""
        if hello.cluster != self.cluster:
            raise WireError(f"it is of the cluster {hello.cluster!r}, this node of {self.cluster!r}")
        if hello.dest != self.node_id:
            raise WireError(f"it looks for node {hello.dest}, this is node {self.node_id}")
        if not self.is_peer(hello.source):
            raise WireError(f"it says that it is node {hello.source}, which is no peer of this node")
        if self.tls is not None and not names_node(certificate, hello.source):
            raise WireError(f"it says that it is node {hello.source}, but its certificate doesn't")


class Inbound(Connection, Generic[M]):
    """An accepted connection; `peer` is None until its hello has been accepted."""

    def __init__(self, listener: "Listener[M]", address: object) -> None:
        super().__init__()
        self.peer: NodeId | None = None
        self._listener = listener
        self._door = listener.door
        self._address = address

    def take(self, payload: memoryview) -> None:
        """Handle a hello, and after it messages."""
        if self.peer is None:
            self._welcome(self._hello(payload))
        else:
            self._deliver(self.peer, payload)

    def buffer_updated(self, nbytes: int) -> None:
        """Handle complete frames, and report an incomplete large message: its sender is alive."""
        super().buffer_updated(nbytes)
        if self.why is None and self.peer is not None and self._frames.holds_part_of_large:
            self._door.receive(self.peer, Arriving())

    def on_over(self, why: str) -> None:
        """Log the end, and forget the connection."""
        if self.is_reported:
            return
        if self.peer is None:
            log.warning("connection refused", extra={"address": self._address, "reason": why})
        else:
            log.warning("connection from peer closed", extra={"peer": self.peer, "reason": why})
            self._listener.dismiss(self.peer, self)
            self._door.lost(self.peer)

    def _hello(self, payload: memoryview) -> Hello:
        """Decode a hello; a node with another protocol or version gets ours, so that both ends can report both."""
        protocol = self._door.codec.protocol
        try:
            return decode_hello(payload, protocol)
        except OtherProtocolError as error:
            assert self._transport is not None
            ours = beginning(protocol)
            write(self._transport, header(ours) + ours)
            self.end(str(error), last_words=True)
            raise

    def _welcome(self, hello: Hello) -> None:
        assert self._transport is not None
        self._door.check(hello, self._transport.get_extra_info("peercert"))
        why_not = self._door.handshake.hear(hello.source, hello.claim)
        claim = self._door.handshake.claim(hello.source)
        ours = Hello(self._door.cluster, self._door.node_id, hello.source, claim)
        answer = encode_hello(ours, self._door.codec.protocol)
        write(self._transport, header(answer) + answer)
        if why_not is not None:
            self.is_reported = True
            self.end(why_not, last_words=True)
            return
        self.peer = hello.source
        self._frames.limit = self._door.codec.max_frame_bytes
        self._listener.admit(self.peer, self)
        self.settled.set()

    def _deliver(self, peer: NodeId, payload: memoryview) -> None:
        message = self._door.codec.decode(payload, peer, self._door.node_id)
        try:
            self._door.receive(peer, message)
        except Exception as error:  # noqa: BLE001  # not the peer's fault, so the connection stays
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a {type(message).__name__} from node {peer} was not taken", "exception": error}
            )


class Listener(Generic[M]):
    """Accepts connections on one address, and keeps the latest of each peer."""

    def __init__(self, door: Door[M], listening: socket.socket) -> None:
        self.door = door
        self._socket = listening
        self._members: dict[NodeId, Inbound[M]] = {}
        self._strangers: dict[Inbound[M], asyncio.Task[None]] = {}
        self._replaced: dict[NodeId, float] = {}
        self._posed_as: dict[NodeId, float] = {}
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    @property
    def address(self) -> tuple[str, int]:
        """The address at which it listens."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def admit(self, peer: NodeId, newcomer: Inbound[M]) -> None:
        """Replace the peer's connection by a new one whose hello has been accepted."""
        if peer in self._members:
            self._members[peer].end(self._why_replaced(peer))
        self._members[peer] = newcomer
        self.door.heard(peer)

    def drop(self, peer: NodeId, why: str) -> None:
        """End the peer's connection, if it has one."""
        if peer in self._members:
            self._members[peer].end(why)

    def _why_replaced(self, peer: NodeId) -> str:
        """Why a peer has a second connection, though a process closes a connection before it dials again.

        The network may have lost the first one. Soon afterwards that can't happen again, unless two processes of one
        name replace each other.
        """
        now, before = asyncio.get_running_loop().time(), self._replaced.get(peer)
        self._replaced[peer] = now
        if before is None or now - before > _ALTERNATING_S:
            return f"it has dialled again, or another process poses as node {peer}"
        self._posed_as[peer] = now
        log.error(
            "another process poses as a peer", extra={"peer": peer, "remedy": f"stop one of the two nodes {peer}"}
        )
        return f"another process poses as node {peer}"

    @property
    def posed_as(self) -> list[NodeId]:
        """The peers of whose name two processes have dialled lately."""
        now = asyncio.get_running_loop().time()
        return sorted(peer for peer, since in self._posed_as.items() if now - since <= _ALTERNATING_S)

    def dismiss(self, peer: NodeId, leaving: Inbound[M]) -> None:
        """Forget a connection that has ended."""
        if self._members.get(peer) is leaving:
            del self._members[peer]

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        if self._socket.fileno() < 0:
            return  # it is closed already
        self._loop.remove_reader(self._socket)
        if self._pause is not None:
            self._pause.cancel()
        self._socket.close()
        for task in tuple(self._strangers.values()):
            await cancelled(task)
        for member in tuple(self._members.values()):
            member.end("this node is closing")

    def _listen(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        """Accept one connection; the event loop calls this again, after the tasks that are due, while others wait.

        There is no task to cancel: one that is cancelled in the turn in which a connection arrives would lose it.
        """
        try:
            accepted, address = self._socket.accept()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            # Usually file descriptors are missing, and others may release some.
            log.warning("connection not accepted", extra={"reason": describe(error)})
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(_PAUSE_AFTER_ERROR_S, self._listen)
            return
        accepted.setblocking(False)  # noqa: FBT003  # the standard library's own form
        if len(self._strangers) >= MAX_STRANGERS:
            # The oldest has had the most time; a peer sends its hello at once.
            self._strangers.pop(next(iter(self._strangers))).cancel()
        stranger = Inbound(self, address)
        self._strangers[stranger] = meeting = watched(self._meet(stranger, accepted))
        meeting.add_done_callback(lambda _: self._forget(stranger, accepted))

    async def _meet(self, stranger: Inbound[M], accepted: socket.socket) -> None:
        """Wait for the TLS handshake and the hello of a connection, or end it."""
        try:
            async with asyncio.timeout(HELLO_S):
                await self._loop.connect_accepted_socket(lambda: stranger, accepted, ssl=self.door.tls)
                await stranger.settled.wait()
        except TimeoutError:
            stranger.end(f"it said no hello within {HELLO_S:g} s")
        except OSError as error:
            stranger.end(describe(error))
        except asyncio.CancelledError:
            stranger.end("it said no hello before many others came, or this node closed")

    def _forget(self, stranger: Inbound[M], accepted: socket.socket) -> None:
        self._strangers.pop(stranger, None)
        if not stranger.settled.is_set():
            accepted.close()  # the task was cancelled before its first turn
