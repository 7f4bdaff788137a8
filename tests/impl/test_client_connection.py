"""One connection to one node: replies in order, and every request ends when it breaks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from patience import PATIENCE_S
from quorate.client.client import Client, connect_tcp
from quorate.client.retries import CommandError
from quorate.runtime.addresses import Address

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PONG = b"+PONG\r\n"


def talk(
    says: list[bytes | None], client: Callable[[Address], Awaitable[None]], later: list[bytes | None] | None = None
) -> None:
    """Run `client` against a node that answers each request with the next of `says`; None is its leaving.

    If `later` is given, that is what it says on all connections but the first.
    """
    conversations: set[asyncio.Task[None]] = set()

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            conversations.add(task)
        for reply in says if later is None or len(conversations) == 1 else later:
            if not await reader.read(4096) or reply is None:
                break
            writer.write(reply)
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(node, "127.0.0.1", 0)
        async with server, asyncio.timeout(PATIENCE_S):
            host, port = server.sockets[0].getsockname()
            await client((host, port))
            await asyncio.gather(*conversations)

    asyncio.run(main())


def test_replies_of_all_kinds_are_told_apart() -> None:
    """Numbers, texts, nothing and lists, also when they come in one piece."""

    async def client(address: Address) -> None:
        connection = await connect_tcp(address)
        replies = await asyncio.gather(*(connection.request(b"ECHO", b"x") for _ in range(4)))
        assert replies == [7, b"text", None, [1, b"two", None]]
        connection.close()

    talk([PONG, b":7\r\n$4\r\ntext\r\n$-1\r\n*3\r\n:1\r\n$3\r\ntwo\r\n$-1\r\n"], client)


def test_an_error_reply_is_raised_with_the_nodes_words() -> None:
    """And the connection stays usable."""

    async def client(address: Address) -> None:
        connection = await connect_tcp(address)
        with pytest.raises(CommandError, match=r"^ERR syntax error$") as raised:
            await connection.request(b"SET")
        assert raised.value.code == "ERR"
        assert await connection.request(b"PING") == b"PONG"
        connection.close()

    talk([PONG, b"-ERR syntax error\r\n", PONG], client)


def test_a_reply_whose_caller_has_left_is_not_given_to_the_next() -> None:
    """Or the next caller would read another's answer."""

    async def client(address: Address) -> None:
        connection = await connect_tcp(address)
        left = asyncio.ensure_future(connection.request(b"GET", b"a"))
        await asyncio.sleep(0)
        left.cancel()
        assert await connection.request(b"GET", b"b") == b"B"
        connection.close()

    talk([PONG, b"$1\r\nA\r\n$1\r\nB\r\n"], client)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (None, "the node closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n", "what answers is no Redis-protocol server"),
        (b"+first of two\r\n+second\r\n", "a reply came to no request"),
    ],
)
def test_a_connection_that_breaks_ends_what_waits_for_it(says: bytes | None, why: str) -> None:
    """With a reason, and nothing can be sent on it any more."""

    async def client(address: Address) -> None:
        connection = await connect_tcp(address)
        with suppress(ConnectionError):
            assert await connection.request(b"GET", b"key") == b"first of two"
        assert connection.closed
        with pytest.raises(ConnectionError, match=why):
            await connection.request(b"PING")

    talk([PONG, says], client)


def test_a_wrong_password_is_told_at_once() -> None:
    """It would be wrong at every node; nothing is repeated."""

    async def client(address: Address) -> None:
        async with Client([address], password="guess") as client:  # noqa: S106
            with pytest.raises(CommandError, match="WRONGPASS"):
                await client.get("key")

    wrong: list[bytes | None] = [b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"]
    talk(wrong, client, later=[PONG, b"$5\r\nvalue\r\n"])


def test_a_node_without_a_place_for_another_client_has_not_done_the_request() -> None:
    """It says so instead of listening, and the request is sent again elsewhere, or when there is a place."""

    async def client(address: Address) -> None:
        async with Client([address], timeout_s=PATIENCE_S) as client:
            assert await client.incr("key") == 1

    talk([b"-ERR max number of clients reached\r\n"], client, later=[PONG, b":7\r\n", b":1\r\n"])
