"""Outbound connections, which this node dials and on which it sends."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from ssl import SSLContext
from typing import Final, Generic, Literal, TypeVar

from quorate.runtime.interfaces import Loss
from quorate.runtime.network_errors import describe
from quorate.runtime.network_writes import write_all
from quorate.runtime.transport.codec import Codec
from quorate.runtime.transport.connection import HELLO_S, Connection, cancelled, watched
from quorate.runtime.transport.frames import PIECE_BYTES, Departures, WireError
from quorate.runtime.transport.hello import Handshake, Hello, decode_hello, encode_hello
from quorate.runtime.transport.tls import node_name

log = logging.getLogger("quorate.transport")

SHORTEST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
PIECES_AT_ONCE: Final = 8  # of large payloads, in one turn of the event loop: a MiB

M = TypeVar("M")


class Link(Connection):
    """One dialled connection, which is `ready` from the peer's hello to its end."""

    def __init__(self, hello: Hello, protocol: str, handshake: Handshake) -> None:
        super().__init__()
        self._hello = hello
        self._protocol = protocol
        self._handshake = handshake
        self._greeted = False
        self._departures = Departures()
        self._flush_due = False
        self._is_drained = True  # the operating system has taken nearly all bytes

    @property
    def ready(self) -> bool:
        """Whether messages can be sent."""
        return self._greeted and self.why is None

    def has_room(self, size: int, most_bytes: int) -> bool:
        """Whether less than `most_bytes` wait: of large payloads if `size` is that of one, else of small ones.

        Flushed bytes wait until the operating system has taken them; under TLS, until they are encrypted.
        """
        assert self._transport is not None
        if size > PIECE_BYTES:
            return self._departures.large_bytes < most_bytes
        return self._departures.small_bytes + self._transport.get_write_buffer_size() < most_bytes

    def send(self, parts: Sequence[bytes], size: int) -> None:
        """Queue a payload; those of one turn of the event loop leave together, unless `flush` is called before."""
        self._departures.add(parts, size)
        self._want_flush()

    def flush(self) -> None:
        """Send all small payloads, and some pieces of large ones, as far as the operating system takes them."""
        if self._transport is None or self.why is not None:
            return
        departures = self._departures
        if departures.small_bytes:
            write_all(self._transport, departures.small())
        if not departures.large_bytes:
            return
        for _ in range(PIECES_AT_ONCE):
            if not self._is_drained or (piece := departures.next_piece()) is None:
                return
            write_all(self._transport, piece)
        self._want_flush()

    def _want_flush(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush_due_now)

    def _flush_due_now(self) -> None:
        self._flush_due = False
        self.flush()

    def pause_writing(self) -> None:
        """Called by the event loop when many bytes wait: send no more of large payloads."""
        self._is_drained = False

    def resume_writing(self) -> None:
        """Called by the event loop when these bytes have left."""
        self._is_drained = True
        self._want_flush()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the hello."""
        super().connection_made(transport)
        claim = self._handshake.claim(self._hello.dest)
        hello = encode_hello(replace(self._hello, claim=claim), self._protocol)
        self.send((hello,), len(hello))

    def take(self, payload: memoryview) -> None:
        """Handle the peer's hello, after which nothing may follow."""
        if self._greeted:
            raise WireError("it sent more than a hello on a connection that was for listening")
        hello, here = decode_hello(payload, self._protocol), self._hello
        if (hello.cluster, hello.source, hello.dest) != (here.cluster, here.dest, here.source):
            raise WireError(f"node {hello.source} of the cluster {hello.cluster!r} answered, to node {hello.dest}")
        why_not = self._handshake.hear(hello.source, hello.claim)
        if why_not is not None:
            self.is_reported = True
            raise WireError(why_not)
        self._greeted = True
        self.settled.set()


class Outbound(Generic[M]):
    """Keeps a connection to one peer, and dials again when it ends.

    `address` is called before each attempt. `max_queue_bytes` limits small payloads and, separately, large ones, each
    but for the message that reaches the limit; so large messages never keep small ones from leaving.
    """

    def __init__(
        self,
        hello: Hello,
        address: Callable[[], tuple[str, int]],
        rng: Random,
        *,
        lost: Loss,
        tls: SSLContext | None,
        codec: Codec[M],
        max_queue_bytes: int,
        handshake: Handshake,
    ) -> None:
        self._hello = hello
        self._handshake = handshake
        self._address = address
        self._rng = rng
        self._lost = lost
        self._tls = tls
        self._codec = codec
        self._max_queue_bytes = max_queue_bytes
        self._link = Link(hello, codec.protocol, handshake)
        self._heard = asyncio.Event()
        self._refused: set[str] = set()
        self._is_former = False
        self._dialling = watched(self._keep_connected())

    @property
    def connected(self) -> bool:
        """Whether there is a connection on which the peer has sent its hello."""
        return self._link.ready

    def send(self, message: M) -> bool:
        """Queue a message; return False if there is no connection or no room, or the message can't be encoded."""
        link = self._link
        if not link.ready:
            return False
        try:
            parts = self._codec.encode(message)
        except WireError as error:
            return self._refuse(message, str(error))
        size = sum(map(len, parts))
        if size > (most := self._codec.max_frame_bytes):
            return self._refuse(message, f"{size} bytes are more than the {most} of a frame")
        if not link.has_room(size, self._max_queue_bytes):
            return False
        link.send(parts, size)
        return True

    def flush(self) -> None:
        """Send all queued messages."""
        self._link.flush()

    def dial_now(self) -> None:
        """Dial without a pause, now or after the current attempt, because the peer was just heard."""
        self._heard.set()

    def drop(self, why: str) -> None:
        """End the connection, and dial again."""
        self._link.end(why)

    def dial_no_more(self) -> None:
        """Call `address` no more, from this moment: a pause may end in the same turn of the event loop."""
        self._is_former = True

    async def close(self) -> None:
        """End the connection, and stop dialling."""
        await cancelled(self._dialling)
        self._link.end("this node is closing")

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause, reported = SHORTEST_PAUSE_S, ""
        while not self._is_former:
            begin = loop.time()
            self._heard.clear()
            why = await self._dial()
            if why is None:
                log.info("connected to peer", extra={"peer": self._hello.dest})
                await self._link.over.wait()
                self._lost(self._hello.dest)
                log.warning("connection to peer lost", extra={"peer": self._hello.dest, "reason": self._link.why})
                self._heard.clear()
                reported = ""
            elif why != reported and not self._link.is_reported:
                log.warning("peer cannot be reached", extra={"peer": self._hello.dest, "reason": why})
                reported = why
            if loop.time() - begin > LONGEST_PAUSE_S and why is None:
                pause = SHORTEST_PAUSE_S
            await self._pause(pause * self._rng.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _dial(self) -> str | None:
        """Try once to connect; return None after success, otherwise the reason."""
        link = self._link = Link(self._hello, self._codec.protocol, self._handshake)
        host, port = self._address()
        name = None if self._tls is None else node_name(self._hello.dest)
        try:
            async with asyncio.timeout(HELLO_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: link, host, port, ssl=self._tls, server_hostname=name
                )
                await link.settled.wait()
        except TimeoutError:
            link.end(f"no hello within {HELLO_S:g} s")
        except (OSError, UnicodeError) as error:
            link.end(describe(error))
        return link.why

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    def _refuse(self, message: M, why: str) -> Literal[False]:
        """Log, once for each kind of message, that a message can't be sent."""
        kind = type(message).__name__
        if kind not in self._refused:
            self._refused.add(kind)
            log.error("message cannot be sent", extra={"peer": self._hello.dest, "kind": kind, "reason": why})
        return False
