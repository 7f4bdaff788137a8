"""An asyncio client of a cluster: it uses any node, and a write takes effect exactly once or raises an error.

    async with Client([("127.0.0.1", 6379), ("127.0.0.1", 6380)]) as client:
        await client.set("greeting", "hello")
        assert await client.get("greeting") == b"hello"

quorate.client.retries describes how requests are retried, and what is known of a request without an answer.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Self, TypeAlias, assert_never, cast

import hiredis

from quorate.client.quorum_client import Quorum
from quorate.client.retries import CommandError, Connect, NodeConnection, Nodes, Reply, Retrier
from quorate.runtime.addresses import Address
from quorate.runtime.network_errors import describe
from quorate.runtime.network_writes import write

Value: TypeAlias = bytes | str | int

TIMEOUT_S = 10.0
ATTEMPT_TIMEOUT_S = 2.0
MOST_WRITES_AT_ONCE = 64

_NOTHING_YET = object()
_TURNED_AWAY = "ERR max number of clients"


class TcpConnection(asyncio.Protocol):
    """A connection that speaks RESP2; requests may overlap, and replies come in the order of requests."""

    def __init__(self) -> None:
        """Prepare a connection; call `connect_tcp` instead."""
        self._reader = hiredis.Reader(notEnoughData=_NOTHING_YET)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._has_answered = False
        self._error: OSError | None = None

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, so that nothing can be sent."""
        return self._error is not None

    async def request(self, *args: bytes) -> Reply:
        """Send a command and return the reply; CommandError for an error reply, OSError if the connection breaks."""
        if self._error is not None:
            raise self._error
        assert self._transport is not None
        write(self._transport, hiredis.pack_command(args))  # type: ignore[arg-type] # the stub means tuple[..., ...]
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(reply)
        return await reply

    def close(self) -> None:
        """Close the connection; requests under way raise OSError."""
        self._break(ConnectionError("the connection was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        """Give replies to the requests that wait for them."""
        self._has_answered = True
        try:
            self._reader.feed(data)
            while self._error is None and (reply := self._reader.gets()) is not _NOTHING_YET:
                self._answer(reply)
        except hiredis.ProtocolError:
            self._break(ConnectionError("what answers is no Redis-protocol server"))

    def _answer(self, reply: Reply | hiredis.ReplyError) -> None:
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(_TURNED_AWAY):
            self._break(ConnectionError(str(reply)))  # the node refused the connection, not this request
        elif not self._waiting:
            self._break(ConnectionError("a reply came to no request"))
        elif (waiting := self._waiting.popleft()).done():
            pass  # its caller was cancelled
        elif isinstance(reply, hiredis.ReplyError):
            waiting.set_exception(CommandError(str(reply)))
        else:
            waiting.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the requests that wait for replies."""
        if exc is None:
            exc = ConnectionError(
                "the node closed the connection" + ("" if self._has_answered else self._likely_reason())
            )
        self._break(exc if isinstance(exc, OSError) else ConnectionError(describe(exc)))  # ssl.SSLError is an OSError

    def _likely_reason(self) -> str:
        """Why a node may have closed a connection without any reply: a failed TLS handshake sends no error."""
        if self._transport is None:
            return ""  # the connection never existed
        secure = self._transport.get_extra_info("sslcontext") is not None
        return f" without an answer; does it ask for {'a certificate of the client' if secure else 'TLS'}?"

    def _break(self, why: OSError) -> None:
        if self._error is not None:
            return
        self._error = why
        if self._transport is not None:
            self._transport.abort()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(why)
        self._waiting.clear()


async def connect_tcp(
    address: Address, password: str | None = None, tls: ssl.SSLContext | None = None
) -> TcpConnection:
    """Return an open connection; raises OSError if no node listens, CommandError if the password is wrong."""
    host, port = address
    _, connection = await asyncio.get_running_loop().create_connection(TcpConnection, host, port, ssl=tls)
    try:
        # This also detects a node that has too many clients, before a real request is sent.
        await connection.request(*([b"AUTH", password.encode()] if password is not None else [b"PING"]))
    except BaseException:
        connection.close()
        raise
    return connection


class Client:
    """The client for programs: sends requests to any node, and repeats them until `timeout_s` has passed.

    `addresses` are some or all of the nodes. One attempt at one node takes at most `attempt_timeout_s`. A request
    without an answer in time raises UnavailableError if it surely has not taken effect and never will; a write that may
    have taken effect raises UnknownOutcomeError. CommandError means that the cluster refuses the request. If TLS is
    impossible with every node because of the settings of either end, the error comes at once.
    `quorate.runtime.trust.client_context` makes a `tls` that trusts the same authority as the nodes.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
        byzantine: bool = False,
        connect: Connect | None = None,
        rng: Random | None = None,
    ) -> None:
        """Nothing is sent before the first request; raises ValueError without addresses.

        With `byzantine`, `addresses` must be all nodes of the cluster, and answers are compared (quorum_client).
        Simulations give `connect` and `rng`.
        """

        async def over_tcp(address: Address) -> NodeConnection:
            return await connect_tcp(address, password, tls)

        rng = rng or Random()  # noqa: S311 - for jitter
        self._nodes = Nodes(addresses, connect or over_tcp, rng, attempt_timeout_s)
        self._retrier: Retrier | Quorum = (
            Quorum(self._nodes, rng, timeout_s)
            if byzantine
            else Retrier(self._nodes, rng, timeout_s, MOST_WRITES_AT_ONCE)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        self._nodes.close()

    async def read(self, *args: Value) -> Reply:
        """Return the reply to a command that changes nothing."""
        return await self._retrier.read([_bytes(arg) for arg in args])

    async def write(self, *args: Value) -> Reply:
        """Return the reply to a write, which takes effect exactly once."""
        return await self._retrier.write([_bytes(arg) for arg in args])

    async def get(self, key: Value) -> bytes | None:
        """Return the value of `key`, None if there is none."""
        return _value(await self.read("GET", key))

    async def mget(self, *keys: Value) -> list[bytes | None]:
        """Return the values of all `keys` at one moment, None for absent keys."""
        reply = await self.read("MGET", *keys)
        assert isinstance(reply, list)
        return [_value(item) for item in reply]

    async def exists(self, *keys: Value) -> int:
        """Return the number of `keys` that exist."""
        return _number(await self.read("EXISTS", *keys))

    async def strlen(self, key: Value) -> int:
        """Return the length of the value of `key` in bytes, 0 if there is none."""
        return _number(await self.read("STRLEN", key))

    async def dbsize(self) -> int:
        """Return the number of keys."""
        return _number(await self.read("DBSIZE"))

    async def set(
        self, key: Value, value: Value, *, nx: bool = False, xx: bool = False, ifeq: Value | None = None
    ) -> bool:
        """Set the value of `key`; return whether the condition held.

        The condition is that there is no value (`nx`), that there is one (`xx`), or that it equals `ifeq`. Raises
        CommandError if more than one condition is given.
        """
        condition = [*(["NX"] if nx else []), *(["XX"] if xx else []), *(["IFEQ", ifeq] if ifeq is not None else [])]
        return await self.write("SET", key, value, *condition) is not None

    async def getset(self, key: Value, value: Value) -> bytes | None:
        """Set the value of `key` and return the old value, None if there was none."""
        return _value(await self.write("SET", key, value, "GET"))

    async def mset(self, values: Mapping[str, Value]) -> None:
        """Set the values of several keys at one moment."""
        await self.write("MSET", *(part for pair in values.items() for part in pair))

    async def delete(self, *keys: Value) -> int:
        """Delete `keys`; return the number of those that existed."""
        return _number(await self.write("DEL", *keys))

    async def incr(self, key: Value, amount: int = 1) -> int:
        """Add to the integer at `key`, 0 if there is none, and return the sum."""
        return _number(await self.write("INCRBY", key, amount))

    async def append(self, key: Value, value: Value) -> int:
        """Append to the value of `key`; return its new length in bytes."""
        return _number(await self.write("APPEND", key, value))


def _bytes(value: Value) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case int():
            return b"%d" % value
        case _:
            assert_never(value)


def _value(reply: Reply) -> bytes | None:
    assert reply is None or isinstance(reply, bytes)
    return reply


def _number(reply: Reply) -> int:
    assert isinstance(reply, int)
    return reply
