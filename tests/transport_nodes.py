"""Transports on loopback for tests, raw sockets that play the other end, and what the transports log meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from random import Random
from ssl import SSLContext
from typing import Any, Self

from quorate.raft import NodeId
from quorate.raft_server.interfaces import PeerMessage, Spoken
from quorate.raft_server.messages import SignOfLife
from quorate.raft_server.wire import CODEC, encode
from quorate.runtime.interfaces import Arriving
from quorate.runtime.transport import Codec, TcpTransport, Tls
from quorate.runtime.transport.frames import HEADER_BYTES, header
from quorate.runtime.transport.hello import Hello, decode_hello, encode_hello

CLUSTER = "test"
LOCAL = "127.0.0.1"
LONGEST_TEST_S = 30.0


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test; what waits for ever fails."""
    asyncio.run(asyncio.wait_for(test, LONGEST_TEST_S))


class Log(logging.Handler):
    """What the transports log, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record and wake who waits."""
        self.records.append({**vars(record), "event": record.getMessage()})
        self._news.set()

    def found(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The records of this event that have these fields."""
        wanted = {"event": event, **fields}
        return [record for record in self.records if wanted.items() <= record.items()]

    async def saw(self, event: str, *, times: int = 1, **fields: object) -> dict[str, Any]:
        """Wait for such a record, or so many; the last."""
        while len(found := self.found(event, **fields)) < times:
            self._news.clear()
            await self._news.wait()
        return found[-1]


@contextmanager
def logged() -> Iterator[Log]:
    """What is logged from here to the end of the block."""
    logger, log = logging.getLogger("quorate.transport"), Log()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)


class Node:
    """A transport and what it received; `parts` counts how often it told of a part of something large."""

    def __init__(
        self,
        node_id: NodeId,
        addresses: dict[NodeId, tuple[str, int]],
        *,
        tls: Tls | None = None,
        codec: Codec[Any] = CODEC,
        **limits: int,
    ) -> None:
        self.id = node_id
        self.addresses = addresses
        self.tls = tls
        self.received: asyncio.Queue[tuple[NodeId, PeerMessage]] = asyncio.Queue()
        self.parts = 0
        self.lost: asyncio.Queue[NodeId] = asyncio.Queue()
        self.transport = TcpTransport(
            codec, node_id, addresses, CLUSTER, Random(node_id), listen=addresses[node_id], tls=tls, **limits
        )

    async def __aenter__(self) -> Self:
        """Listen where the addresses say, and say there where that is."""
        await self.transport.start(self._take, self.lost.put_nowait)
        self.addresses[self.id] = self.transport.address
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.close()

    def _take(self, peer: NodeId, message: PeerMessage) -> None:
        if isinstance(message, Arriving):
            self.parts += 1
        else:
            self.received.put_nowait((peer, message))

    def send(self, peer: NodeId, message: Spoken) -> bool:
        """As the transport does."""
        return self.transport.send(peer, message)


@asynccontextmanager
async def nodes(
    *ids: NodeId, connected: bool = True, codec: Codec[Any] = CODEC, **limits: int
) -> AsyncIterator[list[Node]]:
    """So many nodes, each connected with each other unless told otherwise."""
    addresses = dict.fromkeys(ids, (LOCAL, 0))
    with logged() as log:
        async with AsyncExitStack() as stack:
            started = [
                await stack.enter_async_context(Node(node_id, addresses, codec=codec, **limits)) for node_id in ids
            ]
            if connected:
                await each_connected(started, log)
            yield started


async def each_connected(started: list[Node], log: Log) -> None:
    """Wait until each node has a connection to each other."""
    while any(len(node.transport.connected) < len(started) - 1 for node in started):
        await log.saw("connected to peer", times=len(log.found("connected to peer")) + 1)


class Raw:
    """The other end of a transport's connection, that says what a test lets it say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *payloads: bytes) -> None:
        """Send frames."""
        await self.write(b"".join(header(payload) + payload for payload in payloads))

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def frame(self) -> bytes:
        """The next frame's payload."""
        return await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(HEADER_BYTES), "big"))

    async def hello(self) -> Hello:
        """The next frame, which is a hello."""
        return read_hello(await self.frame())

    async def ended(self) -> bytes:
        """All that comes until the transport ends the connection."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        await quietly(self.writer.wait_closed())


async def quietly(closing: Awaitable[None]) -> None:
    """Wait, no matter whether it is the other end that closed first."""
    try:
        await closing
    except (ConnectionError, OSError):
        return


@asynccontextmanager
async def dialled(node: Node, *, ssl: SSLContext | None = None) -> AsyncIterator[Raw]:
    """A connection to a node's port."""
    name = None if ssl is None else f"node-{node.id}"
    raw = Raw(*await asyncio.open_connection(*node.transport.address, ssl=ssl, server_hostname=name))
    try:
        yield raw
    finally:
        await raw.close()


@asynccontextmanager
async def fake_peer(*, ssl: SSLContext | None = None) -> AsyncIterator[tuple[tuple[str, int], "asyncio.Queue[Raw]"]]:
    """A port, and the connections that come in on it."""
    arrived: asyncio.Queue[Raw] = asyncio.Queue()
    everyone: list[Raw] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = Raw(reader, writer)
        everyone.append(raw)
        arrived.put_nowait(raw)

    server = await asyncio.start_server(accept, LOCAL, 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname(), arrived
    finally:
        server.close()
        for raw in everyone:
            await raw.close()


def hello(source: NodeId, dest: NodeId, cluster: str = CLUSTER) -> bytes:
    """What a node says first."""
    return encode_hello(Hello(cluster, source, dest), CODEC.protocol)


def read_hello(payload: bytes) -> Hello:
    """What a node has said first."""
    return decode_hello(payload, CODEC.protocol)


def number(value: int) -> SignOfLife:
    """A small message to be told from others."""
    return SignOfLife(value, reply=False)


def numbered(value: int) -> bytes:
    """The same as a payload."""
    return encode(number(value))
