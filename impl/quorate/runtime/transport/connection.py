"""One TCP connection between two nodes: the part that both ends share."""

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Final, cast

from quorate.runtime.network_errors import describe
from quorate.runtime.transport.frames import PIECE_BYTES, FrameBuffer, WireError

MAX_HELLO_BYTES: Final = 4096
HELLO_S: Final = 3.0  # how long the other end has for the TLS handshake and its hello
_SILENCE_S: Final = 5  # how long a dead machine may look like a slow one


class Connection(asyncio.BufferedProtocol):
    """Gives every frame that arrives to `take` until the connection ends; `why` is the reason of its end.

    `settled` is set when the other end's hello was accepted or never will be, `over` when the connection has ended.
    """

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.over = asyncio.Event()
        self.why: str | None = None
        self.is_reported = False  # the reason has been logged already
        self._frames = FrameBuffer(MAX_HELLO_BYTES)
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def take(self, payload: memoryview) -> None:
        """Handle a frame; a WireError ends the connection."""

    def on_over(self, why: str) -> None:
        """Called once, when the connection is over."""

    def end(self, why: str, *, last_words: bool = False) -> None:
        """End the connection, unless it has ended, and drop its queue; with `last_words` written bytes still leave.

        The socket is closed in the next turn of the event loop, or when the last words have left.
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
        """The buffer for bytes that arrive."""
        del sizehint
        return self._frames.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the frames that are complete now."""
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
    """Return a task whose exception, which would be a bug, reaches the event loop's exception handler at once."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda done: None if done.cancelled() else done.result())
    return task


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait until it is done."""
    task.cancel()
    await asyncio.wait([task])


def _notice_silence(sock: socket.socket) -> None:
    """Let TCP notice a machine that lost power within seconds instead of a quarter of an hour."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_S * 1000)
        # Small messages wait for the part of a large one that the operating system has already taken, so keep that
        # short.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE_BYTES)
