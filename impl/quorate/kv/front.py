"""The port that clients of Redis connect to; what they ask of the map goes to the cluster."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

from quorate.kv.answers import Caller
from quorate.kv.connection import Connection
from quorate.kv.limits import MOST_VALUE_BYTES
from quorate.server.messages import Outcome

HANDSHAKE_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 1.0

log = logging.getLogger("quorate.front")


class Backend(Protocol):
    """The cluster, as a front sees it."""

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Have `payload` applied or answered; `done` is called once, in the event loop, and not from within this."""
        ...

    def info(self) -> str:
        """Return the text of INFO: sections that begin with a line `# Name`, of lines `key:value`."""
        ...


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """How many clients, how large their requests, in bytes with all headers, and what password they must give.

    A client may hold about three times `max_request_bytes` of memory, and the replies that it hasn't read.
    """

    password: str | None = field(default=None, repr=False)
    max_clients: int = 1_000
    max_request_bytes: int = MOST_VALUE_BYTES + 64 * 1024


class Front:
    """Call `start`, and at last `close`. It counts the requests that came, and the connections that were accepted."""

    def __init__(self, backend: Backend, settings: FrontSettings) -> None:
        """Take the parts; nothing happens before `start`."""
        self._backend = backend
        self._settings = settings
        self.commands = 0
        self.accepted = 0
        self._ids = count(1)
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._told = {
            b"appendonly": b"yes",
            b"databases": b"1",
            b"maxclients": b"%d" % settings.max_clients,
            b"proto-max-bulk-len": b"%d" % MOST_VALUE_BYTES,
            b"save": b"",
        }

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Listen; return the address, whose port was chosen if 0 was given. Raises OSError if it can't be had."""
        self._server = await asyncio.get_running_loop().create_server(
            self._connection, host, port, ssl=tls, ssl_handshake_timeout=None if tls is None else HANDSHAKE_TIMEOUT_S
        )
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def close(self) -> None:
        """Stop listening and close all connections, after the replies that clients take within CLOSE_TIMEOUT_S."""
        self._server.close()
        for connection in self._connections:
            connection.transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._empty.wait()
        for connection in self._connections:
            connection.transport.abort()
        await self._server.wait_closed()

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass a request on (quorate.kv.connection.Host)."""
        self._backend.submit(write, payload, done)

    def admit(self, connection: Connection) -> bool:
        """Count a client, unless there are too many (quorate.kv.connection.Host)."""
        if len(self._connections) >= self._settings.max_clients:
            log.warning("client refused", extra={"reason": "too many clients", "max_clients": len(self._connections)})
            return False
        self._connections.add(connection)
        self.accepted += 1
        self._empty.clear()
        return True

    def leave(self, connection: Connection) -> None:
        """Count a client no more (quorate.kv.connection.Host)."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _connection(self) -> Connection:
        password = self._settings.password
        caller = Caller(
            id=next(self._ids),
            password=password,
            info=self._backend.info,
            settings=self._told,
            authenticated=password is None,
            everybody=lambda: [connection.caller for connection in self._connections],
        )
        return Connection(caller, self, self._settings.max_request_bytes)
