"""Connections that this node dials: on these it sends."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from ssl import SSLContext
from typing import Final, Literal

from quorate.membership.claim import Claim
from quorate.membership.introductions import Introductions
from quorate.raft_server.interfaces import Loss, PeerMessage
from quorate.raft_server.wire import Hello, WireError, decode_hello, encode, encode_hello
from quorate.runtime.network_errors import describe
from quorate.runtime.network_writes import write_all
from quorate.runtime.transport.connection import HELLO_S, Connection, cancelled, watched
from quorate.runtime.transport.frames import header
from quorate.runtime.transport.tls import node_name

log = logging.getLogger("quorate.transport")

SHORTEST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0


class Link(Connection):
    """One connection dialled; it is `ready` from the peer's hello to its end."""

    def __init__(self, hello: Hello, introductions: Introductions | None = None) -> None:
        super().__init__()
        self._hello = hello
        self._introductions = introductions
        self._greeted = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    @property
    def ready(self) -> bool:
        """Whether what is sent has a chance to arrive."""
        return self._greeted and self.why is None

    @property
    def queued_bytes(self) -> int:
        """What the operating system hasn't taken yet; under TLS, what hasn't been encrypted for it yet."""
        assert self._transport is not None
        return self._waiting_bytes + self._transport.get_write_buffer_size()

    def send(self, payload: bytes) -> None:
        """Queue a frame. All those of one turn of the event loop leave together, if `flush` doesn't come sooner."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting += (header(payload), payload)
        self._waiting_bytes += len(payload)

    def flush(self) -> None:
        """Let all queued frames leave."""
        if not self._waiting:
            return
        assert self._transport is not None
        frames, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if self.why is None:
            write_all(self._transport, frames)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        super().connection_made(transport)
        claim = Claim() if self._introductions is None else self._introductions.claim(self._hello.dest)
        self.send(encode_hello(replace(self._hello, claim=claim)))

    def take(self, payload: memoryview) -> None:
        """The peer's hello; nothing may follow."""
        if self._greeted:
            raise WireError("it sent more than a hello on a connection that was for listening")
        hello, here = decode_hello(payload), self._hello
        if (hello.cluster, hello.source, hello.dest) != (here.cluster, here.dest, here.source):
            raise WireError(f"node {hello.source} of the cluster {hello.cluster!r} answered, to node {hello.dest}")
        verdict = None if self._introductions is None else self._introductions.hear(hello.source, hello.claim)
        if verdict is not None:
            self.was_told = True
            raise WireError(verdict.why)
        self._greeted = True
        self.settled.set()


class Outbound:
    """Keeps one peer connected, as far as it lets itself be.

    `address` is asked for before each attempt. `max_queue_bytes` may wait, and the message that reached it.
    """

    def __init__(
        self,
        hello: Hello,
        address: Callable[[], tuple[str, int]],
        rng: Random,
        *,
        lost: Loss,
        tls: SSLContext | None,
        max_frame_bytes: int,
        max_queue_bytes: int,
        introductions: Introductions | None,
    ) -> None:
        self._hello = hello
        self._introductions = introductions
        self._address = address
        self._rng = rng
        self._lost = lost
        self._tls = tls
        self._max_frame_bytes = max_frame_bytes
        self._max_queue_bytes = max_queue_bytes
        self._link = Link(hello, introductions)
        self._heard = asyncio.Event()
        self._refused: set[str] = set()
        self._dialling = watched(self._keep_connected())

    @property
    def connected(self) -> bool:
        """Whether there is a connection and the peer said its hello on it."""
        return self._link.ready

    def send(self, message: PeerMessage) -> bool:
        """Queue a message; False if there is no connection, no room, or no form that it could have in a frame."""
        link = self._link
        if not link.ready or link.queued_bytes >= self._max_queue_bytes:
            return False
        try:
            payload = encode(message)
        except WireError as error:
            return self._refuse(message, str(error))
        if len(payload) > self._max_frame_bytes:
            return self._refuse(message, f"{len(payload)} bytes are more than the {self._max_frame_bytes} of a frame")
        link.send(payload)
        return True

    def flush(self) -> None:
        """Let all queued messages leave."""
        self._link.flush()

    def dial_now(self) -> None:
        """Don't pause, now or after the attempt that is under way: the peer was just heard."""
        self._heard.set()

    def drop(self, why: str) -> None:
        """End the connection, and dial anew."""
        self._link.end(why)

    async def close(self) -> None:
        """Drop the connection, and dial no more."""
        await cancelled(self._dialling)
        self._link.end("this node is closing")

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause, reported = SHORTEST_PAUSE_S, ""
        while True:
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
            elif why != reported and not self._link.was_told:
                log.warning("peer cannot be reached", extra={"peer": self._hello.dest, "reason": why})
                reported = why
            if loop.time() - begin > LONGEST_PAUSE_S and why is None:
                pause = SHORTEST_PAUSE_S
            await self._pause(pause * self._rng.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _dial(self) -> str | None:
        """Try once to connect; None if there is a connection now, otherwise the reason."""
        link = self._link = Link(self._hello, self._introductions)
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

    def _refuse(self, message: PeerMessage, why: str) -> Literal[False]:
        """Say once for each kind of message that there is one which will never be sent."""
        kind = type(message).__name__
        if kind not in self._refused:
            self._refused.add(kind)
            log.error("message cannot be sent", extra={"peer": self._hello.dest, "kind": kind, "reason": why})
        return False
