"""The metrics over HTTP, for Prometheus, served in the node's event loop, so that all values are of one moment.

Only the HTTP that a scraper needs is here: GET /metrics, one request per connection.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from quorate.runtime.addresses import Address
from quorate.runtime.network_writes import write

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_REQUEST_BYTES = 8192
MOST_CONNECTIONS = 32
PATIENCE_S = 10.0


class MetricsEndpoint:
    """Serves the result of `page()`."""

    def __init__(self, page: Callable[[], bytes]) -> None:
        """Call `start` to listen."""
        self._page = page
        self._server: asyncio.Server | None = None
        self._conversations: dict[asyncio.Task[None], None] = {}

    async def start(self, address: Address) -> Address:
        """Listen and return the address; raises OSError if that isn't possible."""
        self._server = await asyncio.start_server(self._accept, *address, limit=MOST_REQUEST_BYTES)
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._conversations) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        conversation = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._conversations[conversation] = None
        conversation.add_done_callback(self._conversations.pop)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A client that disconnects, is silent or sends no HTTP gets no answer.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(PATIENCE_S):
                    write(writer.transport, self._answer(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        finally:
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        line, _, _ = request.partition(b"\r\n")
        match line.split(b" "):
            case [b"GET", path, _] if path.partition(b"?")[0] == b"/metrics":
                return _response(HTTPStatus.OK, self._page())
            case [b"GET", _, _]:
                return _response(HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n")
            case _:
                return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET /metrics is all there is\n")


def _response(status: HTTPStatus, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
