"""TLS handshakes of clients, bounded in number and time."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

MOST_HANDSHAKES: Final = 128
TIMEOUT_S: Final = 5.0


class Handshake(asyncio.Protocol):
    """Upgrades its connection to TLS and hands it to a new `connection()`; `under_way` has all current handshakes."""

    def __init__(
        self, context: ssl.SSLContext, connection: Callable[[], asyncio.Protocol], under_way: dict["Handshake", None]
    ) -> None:
        """Wait for a connection."""
        self._context = context
        self._connection = connection
        self._under_way = under_way
        self._early = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, unless MOST_HANDSHAKES are under way."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._under_way) >= MOST_HANDSHAKES:
            self._transport.abort()
            return
        self._under_way[self] = None
        self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._upgrade())

    def data_received(self, data: bytes) -> None:
        """Keep bytes that a client sends together with the end of its handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that there is nothing to hand over."""
        self._lost = True

    def end(self) -> None:
        """Abort the handshake and its connection."""
        self._task.cancel()
        self._transport.abort()

    async def _upgrade(self) -> None:
        try:
            secure = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._context, server_side=True, ssl_handshake_timeout=TIMEOUT_S
            )
        except OSError:  # includes ssl.SSLError and a handshake that times out
            self._transport.abort()
            return
        finally:
            self._under_way.pop(self, None)
        if secure is None or self._lost:
            return
        connection = self._connection()
        secure.set_protocol(connection)
        connection.connection_made(secure)
        if self._early:
            connection.data_received(bytes(self._early))
