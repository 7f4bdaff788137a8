"""What `quorate members` says of nodes that don't answer, and of changes that may have happened."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from patience import PATIENCE_S
from quorate.cli.access import Access
from quorate.cli.errors import NEGATIVE, NO_ANSWER, CommandFailedError
from quorate.cli.members import request
from quorate.client import client
from transport_nodes import LOCAL

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SHORT_S = 1.0  # for what ends when the time is up


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take connections and answer nothing, as a process that is stopped does."""
    await reader.read()


def answers(*replies: bytes) -> Behaviour:
    """One reply to each request; then the connection breaks."""

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"+PONG\r\n", *replies):
            await reader.read(1000)
            writer.write(reply)
        await reader.read(1000)

    return behaviour


async def asked(behaviours: list[Behaviour], *words: str, timeout_s: float = PATIENCE_S) -> object:
    """The reply to a request to such nodes, asked in this order."""
    handlers = []

    def handled(behaviour: Behaviour) -> Behaviour:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handlers.append(asyncio.current_task())
            await behaviour(reader, writer)
            writer.close()
            await writer.wait_closed()

        return handle

    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(await asyncio.start_server(handled(behaviour), LOCAL, 0))
            for behaviour in behaviours
        ]
        addresses = [server.sockets[0].getsockname() for server in servers]
        try:
            return await request(Access(addresses), None, timeout_s, *words)
        finally:
            await asyncio.gather(*handlers)


@pytest.mark.parametrize("words", [("LIST",), ("PROMOTE", "4")])
def test_a_node_that_takes_no_connection_is_left_for_the_next(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the time is up."""
    monkeypatch.setattr("quorate.cli.members.ATTEMPT_TIMEOUT_S", SHORT_S / 4)
    assert client.ATTEMPT_TIMEOUT_S < 10, "less than quorate members has by default"
    assert asyncio.run(asked([silent, answers(b"$2\r\n{}\r\n")], *words)) == b"{}"


REFUSED = b"-ERR node 4 is no learner: it votes already\r\n"
LATER = b"-CLUSTERDOWN no leader is known\r\n"


@pytest.mark.parametrize(
    ("behaviours", "words", "timeout_s", "status", "in_doubt"),
    [
        ([answers(REFUSED)], ("PROMOTE", "4"), PATIENCE_S, NEGATIVE, False),
        ([answers(LATER), answers(REFUSED)], ("PROMOTE", "4"), PATIENCE_S, NEGATIVE, False),
        ([silent], ("PROMOTE", "4"), SHORT_S, NO_ANSWER, False),
        ([answers(), answers(REFUSED)], ("PROMOTE", "4"), PATIENCE_S, NO_ANSWER, True),
        ([answers(), answers(LATER)], ("PROMOTE", "4"), SHORT_S, NO_ANSWER, True),
        ([answers(b"-UNKNOWN it may have happened\r\n")], ("PROMOTE", "4"), PATIENCE_S, NO_ANSWER, True),
        ([answers(), answers(REFUSED)], ("LIST",), PATIENCE_S, NEGATIVE, False),
    ],
)
def test_a_change_is_in_doubt_once_a_reply_was_lost(
    behaviours: list[Behaviour],
    words: tuple[str, ...],
    timeout_s: float,
    status: int,
    in_doubt: bool,  # noqa: FBT001
) -> None:
    """A refusal after that may be of what has just happened, so it is no refusal; who only asks is in no doubt."""
    with pytest.raises(CommandFailedError) as failed:
        asyncio.run(asked(behaviours, *words, timeout_s=timeout_s))
    assert failed.value.status == status
    assert ("shows whether it has happened" in str(failed.value)) is in_doubt
