"""A connection that becomes a client's after its TLS handshake; until then it has a place, and not for long."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

MOST_HANDSHAKES: Final = 128
TIMEOUT_S: Final = 5.0


class Handshake(asyncio.Protocol):
    """Upgrades its connection and hands it to what `connection` makes; `under_way` holds all that do so now."""

    def __init__(
        self, context: ssl.SSLContext, connection: Callable[[], asyncio.Protocol], under_way: set["Handshake"]
    ) -> None:
        """Wait for a connection."""
        self._context = context
        self._connection = connection
        self._under_way = under_way
        self._early = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless too many do."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._under_way) >= MOST_HANDSHAKES:
            self._transport.abort()
            return
        self._under_way.add(self)
        self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._upgrade())

    def data_received(self, data: bytes) -> None:
        """Keep what a client says together with the last words of its handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Hand over nothing."""
        self._lost = True

    def end(self) -> None:
        """Drop it."""
        self._task.cancel()
        self._transport.abort()

    async def _upgrade(self) -> None:
        try:
            secure = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._context, server_side=True, ssl_handshake_timeout=TIMEOUT_S
            )
        except OSError:  # ssl.SSLError and a handshake that takes too long are
            self._transport.abort()
            return
        finally:
            self._under_way.discard(self)
        if secure is None or self._lost:
            return
        connection = self._connection()
        secure.set_protocol(connection)
        connection.connection_made(secure)
        if self._early:
            connection.data_received(bytes(self._early))
