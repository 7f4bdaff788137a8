"""The port for clients of Redis: requests about the map go to the cluster, the front answers the others."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from typing import Final, Protocol

from quorate.backup.export import Exports
from quorate.runtime.outcomes import Outcome
from quorate.store.answers import Caller
from quorate.store.budget import STALLED_S, Budget
from quorate.store.connection import ClientConnection
from quorate.store.handshake import Handshake
from quorate.store.keyspace import MOST_VALUE_BYTES

HANDSHAKE_TIMEOUT_S: Final = 5.0
MOST_EXTRA: Final = 16  # connections above the limit, for administration
EXTRA_TIMEOUT_S: Final = 2.0
RELIEF_S: Final = 1.0
_BACKLOG: Final = 128  # as many are accepted in one turn of the event loop
CLOSE_TIMEOUT_S: Final = 1.0
REQUEST_OVERHEAD: Final = 64 * 1024  # bytes of a request beside its value

log = logging.getLogger("quorate.front")


class Backend(Protocol):
    """What a front needs of the cluster."""

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Apply (`write`) or answer `payload`; `done` is called once, in the event loop, after this call."""
        ...

    def info(self) -> str:
        """Return the text of INFO: sections that begin with a line `# Name`, of lines `key:value`."""
        ...


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """The passwords of clients and of operators, and the limits on clients, values and requests.

    Without a password for operators every client may do what operators do. Only under BFT no members change.

    `max_request_bytes` counts all headers. A client may hold about three times `max_request_bytes` of memory, and the
    replies that it hasn't read; all clients together `max_client_bytes` of requests, beside the allowance of each
    (quorate.store.budget). A client that sends nothing for `idle_timeout_s` and waits for no reply is disconnected.
    Above `max_clients` a few more are admitted for a short time, but only to commands that the node answers by itself,
    such as INFO, so that an operator can see why the node is full.
    """

    password: str | None = field(default=None, repr=False)
    operator_password: str | None = field(default=None, repr=False)
    max_clients: int = 10_000
    max_value_bytes: int = MOST_VALUE_BYTES
    max_request_bytes: int = MOST_VALUE_BYTES + REQUEST_OVERHEAD
    max_client_bytes: int = 256 << 20
    idle_timeout_s: float | None = None
    members_change: bool = True


class Front:
    """Serves clients between `start` and `close`; `commands` counts requests, `accepted` admitted connections."""

    def __init__(self, backend: Backend, settings: FrontSettings, exports: Exports | None = None) -> None:
        """Prepare the front; nothing happens before `start`. Without `exports` there are no backups."""
        self.exports = exports
        self.members_change = settings.members_change
        self.budget = Budget(settings.max_client_bytes)
        self._backend = backend
        self._settings = settings
        self.commands = 0
        self.accepted = 0
        self._ids = count(1)
        self._connections: dict[ClientConnection, None] = {}  # the oldest first, which no set would keep
        self._extra: dict[ClientConnection, asyncio.TimerHandle] = {}
        self._handshakes: dict[Handshake, None] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._described = {
            b"appendfsync": b"always",
            b"appendonly": b"yes",
            b"cluster-enabled": b"no",
            b"databases": b"1",
            b"maxclients": b"%d" % settings.max_clients,
            b"maxmemory": b"0",
            b"maxmemory-policy": b"noeviction",
            b"proto-max-bulk-len": b"%d" % settings.max_value_bytes,
            b"protected-mode": b"no",
            b"save": b"",
            b"timeout": b"%d" % ceil(settings.idle_timeout_s or 0),
        }

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._connections)

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Listen and return the address; port 0 lets the system choose one. Raises OSError if the address is in use."""
        self._loop = asyncio.get_running_loop()
        # Each TLS handshake holds a file descriptor, and asyncio doesn't limit handshakes of its own.
        factory = self._connection if tls is None else lambda: Handshake(tls, self._connection, self._handshakes)
        self._server = await self._loop.create_server(factory, host, port, backlog=_BACKLOG)
        self._relieve()
        if self._settings.idle_timeout_s is not None:
            self._leave_idle(self._settings.idle_timeout_s)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def close(self) -> None:
        """Stop listening and close all connections, after the replies that clients read within CLOSE_TIMEOUT_S."""
        self._server.close()
        self._relief.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
        for handshake in tuple(self._handshakes):
            handshake.end()
        for connection in (*self._connections, *self._extra):
            connection.transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._empty.wait()
        for connection in self._connections:
            connection.transport.abort()
        await self._server.wait_closed()

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass a request to the cluster (quorate.store.connection.Host)."""
        self._backend.submit(write, payload, done)

    def admit(self, connection: ClientConnection) -> bool:
        """Count a client, unless there are too many (quorate.store.connection.Host)."""
        if len(self._connections) >= self._settings.max_clients:
            if connection not in self._extra:
                self._admit_extra(connection)
            return False
        self._forget(connection)
        self._connections[connection] = None
        self.accepted += 1
        self._empty.clear()
        return True

    def _admit_extra(self, connection: ClientConnection) -> None:
        """Admit a client above the limit for a while, in place of the oldest such client if there are too many."""
        log.warning("too many clients", extra={"max_clients": len(self._connections)})
        if len(self._extra) >= MOST_EXTRA:
            next(iter(self._extra)).turn_away()
        self._extra[connection] = self._loop.call_later(EXTRA_TIMEOUT_S, connection.turn_away)

    def _forget(self, connection: ClientConnection) -> None:
        if (timer := self._extra.pop(connection, None)) is not None:
            timer.cancel()

    def _leave_idle(self, timeout_s: float) -> None:
        """Disconnect idle clients, and schedule the next call."""
        since = self._loop.time() - timeout_s
        for connection in tuple(self._connections):
            connection.leave_if_idle(since)
        self._sweep = self._loop.call_later(min(timeout_s / 4, 1.0), self._leave_idle, timeout_s)

    def _relieve(self) -> None:
        self.budget.relieve(self._loop.call_soon, self._loop.time() - STALLED_S)
        self._relief = self._loop.call_later(RELIEF_S, self._relieve)

    def leave(self, connection: ClientConnection) -> None:
        """Stop counting a client (quorate.store.connection.Host)."""
        self._forget(connection)
        self._connections.pop(connection, None)
        if not self._connections:
            self._empty.set()

    def _connection(self) -> ClientConnection:
        password = self._settings.password
        caller = Caller(
            id=next(self._ids),
            password=password,
            info=self._backend.info,
            settings=self._described,
            operator_password=self._settings.operator_password,
            authenticated=password is None,
            operates=self._settings.operator_password is None,
            everybody=lambda: [connection.caller for connection in self._connections],
        )
        return ClientConnection(caller, self, self._settings.max_request_bytes, self._settings.max_value_bytes)
