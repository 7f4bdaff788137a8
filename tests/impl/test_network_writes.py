"""Connections that close while there is something to write: what is written then is dropped, on every Python."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from patience import PATIENCE_S
from quorate.runtime.network_writes import write, write_all
from quorate.runtime.transport.frames import header
from quorate.runtime.transport.hello import Hello, NoHandshake, encode_hello
from quorate.runtime.transport.outbound import Link
from transport_nodes import LOCAL, run

MANY = 10  # asyncio logs the writes after the fifth


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda transport: write(transport, b"late"), id="one part"),
        pytest.param(lambda transport: write_all(transport, [b"late", b"r"]), id="several"),
    ],
)
def test_a_connection_that_is_closing_takes_nothing_more(
    send: Callable[[asyncio.WriteTransport], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither before the event loop has closed its socket nor after, and nothing is logged."""

    async def test() -> None:
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.put_nowait(await reader.read())
            writer.close()

        server = await asyncio.start_server(listen, LOCAL, 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        write(writer.transport, b"in ")
        write_all(writer.transport, [b"ti", b"me"])
        writer.close()
        for _ in range(MANY):
            send(writer.transport)
        assert await reader.read() == b""
        for _ in range(MANY):
            send(writer.transport)
        assert await arrived.get() == b"in time"
        server.close()

    with caplog.at_level(logging.DEBUG):
        run(test())
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_a_message_to_a_peer_that_is_leaving_is_dropped() -> None:
    """The peer's end has arrived and its connection is closing, but the link wasn't told yet: a turn of the loop."""

    async def test() -> None:
        async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answer = encode_hello(Hello("c", 2, 1), "p/1")
            writer.write(header(answer) + answer)
            await reader.read(1)
            writer.close()

        server = await asyncio.start_server(peer, LOCAL, 0)
        link = Link(Hello("c", 1, 2), "p/1", NoHandshake())
        await asyncio.get_running_loop().create_connection(lambda: link, *server.sockets[0].getsockname())
        await link.settled.wait()
        assert link._transport is not None
        async with asyncio.timeout(PATIENCE_S):
            while not link._transport.is_closing():  # noqa: ASYNC110  # nobody is told of what lasts for one turn
                await asyncio.sleep(0)
        assert link.ready
        link.send((b"a message",), 9)
        link.flush()
        assert link._departures.small_bytes == 0
        await link.over.wait()
        server.close()

    run(test())
