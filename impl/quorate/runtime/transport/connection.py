"""One TCP connection between two nodes, as far as both ends of it are alike."""

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Final, cast

from quorate.runtime.network_errors import describe
from quorate.runtime.transport.frames import PIECE_BYTES, FrameBuffer, WireError

MAX_HELLO_BYTES: Final = 4096
HELLO_S: Final = 3.0  # how long the other end has for the TLS handshake and its hello
_SILENCE_S: Final = 5  # how long a machine that is gone may look as if it were slow


class Connection(asyncio.BufferedProtocol):
    """Gives every frame that arrives to `take`, until the connection ends; `why` says why it did.

    `settled` is set when the other end's hello was accepted or never will be, and `over` when nothing more happens.
    """

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.over = asyncio.Event()
        self.why: str | None = None
        self.is_reported = False  # operators know already why it ended
        self._frames = FrameBuffer(MAX_HELLO_BYTES)
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def take(self, payload: memoryview) -> None:
        """Do what a frame asks for. WireError ends the connection."""

    def on_over(self, why: str) -> None:
        """Called once, when the connection is over."""

    def end(self, why: str, *, last_words: bool = False) -> None:
        """Drop the connection and all that waits on it, but for what was written as `last_words`; first reason counts.

        Its socket is closed in the next turn of the event loop, or when the last words have left.
        """
        if self.why is not None:
            return
        if self._transport is not None:
            if last_words:
                self._transport.close()
            else:
                self._transport.abort()
        self._finish(why)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop once bytes can flow."""
        self._transport = cast("asyncio.Transport", transport)
        if self.why is not None:
            self._transport.abort()
            return
        _notice_silence(self._transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop when no more bytes can flow."""
        if self.why is None:
            closed = "the other end closed it" if self.settled.is_set() else "the other end closed it without a hello"
            self._finish(closed if exc is None else describe(exc))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the event loop puts what arrives."""
        del sizehint
        return self._frames.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Take the frames that are complete now, one after another."""
        self._frames.filled(nbytes)
        try:
            for payload in self._frames.payloads():
                self.take(payload)
                if self.why is not None:
                    return
        except WireError as error:
            self.end(str(error))

    def _finish(self, why: str) -> None:
        self.why = why
        self.settled.set()
        self.over.set()
        self.on_over(why)


def watched(work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
    """A task whose failure, which would be a bug of ours, reaches the event loop's exception handler at once."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda done: None if done.cancelled() else done.result())
    return task


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait until it is done."""
    task.cancel()
    await asyncio.wait([task])


def _notice_silence(sock: socket.socket) -> None:
    """A machine that lost power says nothing; without these options TCP goes on for a quarter of an hour."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_S * 1000)
        # What is small waits behind what the operating system has already taken of what is large.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE_BYTES)
