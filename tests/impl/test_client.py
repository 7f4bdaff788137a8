"""What the client's methods return, from a real front and a real state machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from quorate.client.client import Client
from quorate.client.retries import CommandError
from quorate.runtime.outcomes import Done, Outcome
from quorate.store.front import Front, FrontSettings
from quorate.store.machine import KeyValueMachine


class Alone:
    """A cluster in one object: everything is applied at once."""

    def __init__(self) -> None:
        self.machine = KeyValueMachine()
        self.index = 0

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Apply, or answer."""
        self.index += write
        reply = self.machine.apply(self.index, payload) if write else self.machine.query(payload)
        asyncio.get_running_loop().call_soon(done, Done(reply))

    def info(self) -> str:
        """Tell nothing."""
        return ""


@asynccontextmanager
async def client_of_one(password: str | None = None, given: str | None = None) -> AsyncIterator[Client]:
    """A client that gives `given` to a front that wants `password`."""
    front = Front(Alone(), FrontSettings(password))
    address = await front.start("127.0.0.1", 0)
    try:
        async with Client([address], password=given) as client:
            yield client
    finally:
        await front.close()


def test_every_method_says_what_happened() -> None:
    """Values are bytes; what isn't there is None."""

    async def main() -> None:
        async with client_of_one() as client:
            assert await client.get("a") is None
            assert await client.set("a", "1")
            assert not await client.set("a", "2", nx=True)
            assert not await client.set("b", "2", xx=True)
            assert not await client.set("a", "2", ifeq="3")
            assert await client.set("a", b"\xff\r\n", ifeq=1)
            assert await client.get("a") == b"\xff\r\n"
            assert await client.getset("a", 5) == b"\xff\r\n"
            assert await client.getset("new", "") is None
            assert await client.incr("a") == 6
            assert await client.incr("a", -10) == -4
            assert await client.append("a", "!") == 3
            assert await client.strlen("a") == 3
            await client.mset({"b": "B", "c": 7})
            assert await client.mget("a", "b", "c", "d") == [b"-4!", b"B", b"7", None]
            assert await client.exists("a", "b", "a", "d") == 3
            assert await client.dbsize() == 4
            assert await client.delete("a", "b", "d") == 2
            assert await client.read("SCAN", 0) in ([b"0", [b"c", b"new"]], [b"0", [b"new", b"c"]])
            assert await client.write("DECR", "c") == 6

    asyncio.run(main())


def test_a_refused_write_is_told_and_the_next_one_is_done() -> None:
    """Whether the state machine refused it or the front."""

    async def main() -> None:
        async with client_of_one() as client:
            await client.set("a", "text")
            with pytest.raises(CommandError, match=r"^ERR value is not an integer or out of range$"):
                await client.incr("a")
            assert await client.append("a", "s") == 5
            with pytest.raises(CommandError, match=r"^ERR syntax error$"):
                await client.set("a", "1", nx=True, xx=True)
            assert await client.append("a", "s") == 6

    asyncio.run(main())


def test_writes_at_once_are_all_done_once() -> None:
    """Each in a session of its own; there are more of them than sessions."""

    async def main() -> None:
        async with client_of_one() as client:
            sums = await asyncio.gather(*(client.incr("n") for _ in range(200)))
            assert sorted(sums) == list(range(1, 201))

    asyncio.run(main())


def test_the_password_is_given_on_every_connection() -> None:
    """Without it, or with a wrong one, nothing is done."""

    async def main() -> None:
        async with client_of_one("open sesame", "open sesame") as client:
            assert await client.set("a", "1")
        for given, code in ((None, "NOAUTH"), ("open", "WRONGPASS")):
            async with client_of_one("open sesame", given) as client:
                with pytest.raises(CommandError, match=code):
                    await client.set("a", "1")

    asyncio.run(main())
