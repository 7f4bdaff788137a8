"""An asyncio client of a cluster: any node will do, and a write is done exactly once, or the caller is told.

    async with Client([("127.0.0.1", 6379), ("127.0.0.1", 6380)]) as client:
        await client.set("greeting", "hello")
        assert await client.get("greeting") == b"hello"

How requests are retried, and what may be claimed of one that has no answer, is in quorate.client.retries.
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
    """A connection that speaks RESP2; requests overlap, and replies come in their order."""

    def __init__(self) -> None:
        """Made by `connect_tcp`."""
        self._reader = hiredis.Reader(notEnoughData=_NOTHING_YET)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._has_answered = False
        self._error: OSError | None = None

    @property
    def closed(self) -> bool:
        """Nothing can be sent any more."""
        return self._error is not None

    async def request(self, *args: bytes) -> Reply:
        """Send a command and return its reply; CommandError for an error reply, OSError if the connection breaks."""
        if self._error is not None:
            raise self._error
        assert self._transport is not None
        write(self._transport, hiredis.pack_command(args))  # type: ignore[arg-type] # the stub means tuple[..., ...]
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(reply)
        return await reply

    def close(self) -> None:
        """Break it off; requests under way end with OSError."""
        self._break(ConnectionError("the connection was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        """Give replies to those who wait for them."""
        self._has_answered = True
        try:
            self._reader.feed(data)
            while self._error is None and (reply := self._reader.gets()) is not _NOTHING_YET:
                self._answer(reply)
        except hiredis.ProtocolError:
            self._break(ConnectionError("what answers is no Redis-protocol server"))

    def _answer(self, reply: Reply | hiredis.ReplyError) -> None:
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(_TURNED_AWAY):
            self._break(ConnectionError(str(reply)))  # said instead of listening to us
        elif not self._waiting:
            self._break(ConnectionError("a reply came to no request"))
        elif (waiting := self._waiting.popleft()).done():
            pass  # its caller has left
        elif isinstance(reply, hiredis.ReplyError):
            waiting.set_exception(CommandError(str(reply)))
        else:
            waiting.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for replies."""
        if exc is None:
            exc = ConnectionError(
                "the node closed the connection" + ("" if self._has_answered else self._likely_reason())
            )
        self._break(exc if isinstance(exc, OSError) else ConnectionError(describe(exc)))  # ssl.SSLError is an OSError

    def _likely_reason(self) -> str:
        """Why a node may have closed a connection on which it never answered: a failed TLS handshake has no words."""
        if self._transport is None:
            return ""  # it never was one
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
    """Return a connection that may send commands; OSError if nobody listens, CommandError if the password is wrong."""
    host, port = address
    _, connection = await asyncio.get_running_loop().create_connection(TcpConnection, host, port, ssl=tls)
    try:
        # Also told apart here, before anything is sent that matters: who has no place for another client.
        await connection.request(*([b"AUTH", password.encode()] if password is not None else [b"PING"]))
    except BaseException:
        connection.close()
        raise
    return connection


class Client:
    """What a program uses: requests at any node, repeated until `timeout_s` has passed.

    `addresses` are some or all of the nodes. One attempt at one node takes at most `attempt_timeout_s`. A method that
    has no answer in time raises UnavailableError, if the request surely has not taken effect and never will, and
    otherwise, of a write, UnknownOutcomeError. CommandError says that the cluster refuses the request as it is. If TLS
    can't come about with any node as both ends are set up, that is said at once. A `tls` that believes what the nodes
    believe is made by `quorate.runtime.trust.client_context`.
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
        """Nothing is sent before the first request; ValueError without addresses. Simulations give `connect`, `rng`.

        With `byzantine`, `addresses` are all nodes of the cluster, and no single one is believed (quorum_client).
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
        """Return the reply to any command that changes nothing."""
        return await self._retrier.read([_bytes(arg) for arg in args])

    async def write(self, *args: Value) -> Reply:
        """Return the reply to any command that changes something; it is done exactly once."""
        return await self._retrier.write([_bytes(arg) for arg in args])

    async def get(self, key: Value) -> bytes | None:
        """Return the value of `key`, None if there is none."""
        return _value(await self.read("GET", key))

    async def mget(self, *keys: Value) -> list[bytes | None]:
        """Return the values of all `keys` at one moment, None for those that have none."""
        reply = await self.read("MGET", *keys)
        assert isinstance(reply, list)
        return [_value(item) for item in reply]

    async def exists(self, *keys: Value) -> int:
        """Return how many of `keys` have a value."""
        return _number(await self.read("EXISTS", *keys))

    async def strlen(self, key: Value) -> int:
        """Return how many bytes the value of `key` has, 0 if there is none."""
        return _number(await self.read("STRLEN", key))

    async def dbsize(self) -> int:
        """Return how many keys have a value."""
        return _number(await self.read("DBSIZE"))

    async def set(
        self, key: Value, value: Value, *, nx: bool = False, xx: bool = False, ifeq: Value | None = None
    ) -> bool:
        """Give `key` this value; return whether that was done.

        It isn't if `nx` and there is a value, `xx` and there is none, or `ifeq` is not the value. At most one of them
        may be given, or CommandError says so.
        """
        condition = [*(["NX"] if nx else []), *(["XX"] if xx else []), *(["IFEQ", ifeq] if ifeq is not None else [])]
        return await self.write("SET", key, value, *condition) is not None

    async def getset(self, key: Value, value: Value) -> bytes | None:
        """Give `key` this value and return the former one, None if there was none."""
        return _value(await self.write("SET", key, value, "GET"))

    async def mset(self, values: Mapping[str, Value]) -> None:
        """Give all these keys their values, at one moment."""
        await self.write("MSET", *(part for pair in values.items() for part in pair))

    async def delete(self, *keys: Value) -> int:
        """Take the values of `keys` away; return how many of them had one."""
        return _number(await self.write("DEL", *keys))

    async def incr(self, key: Value, amount: int = 1) -> int:
        """Add to the number at `key`, which is 0 if there is none, and return the sum."""
        return _number(await self.write("INCRBY", key, amount))

    async def append(self, key: Value, value: Value) -> int:
        """Add `value` to the end of that of `key`; return how many bytes it has now."""
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
