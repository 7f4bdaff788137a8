"""Simulated time passes as it should, processes can be killed and paused, and bytes go between them."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from simulation.loop import Process, SimulatedLoop, SimulationError, UncaughtError
from simulation.streams import StreamLoop


@pytest.fixture
def loop() -> Iterator[StreamLoop]:
    """A loop at time 0."""
    loop = StreamLoop(Random(1))
    yield loop
    loop.close()


# The loop.


def test_time_passes_only_as_far_as_something_is_scheduled(loop: SimulatedLoop) -> None:
    """A minute of sleep ends at 60 s sharp, and the timers on the way have all run in their order."""
    seen: list[float] = []

    async def main() -> None:
        for when in (5.0, 0.25, 59.5):
            loop.call_at(when, lambda: seen.append(loop.time()))
        await asyncio.sleep(60)

    loop.run(main())
    assert (seen, loop.time()) == ([0.25, 5.0, 59.5], 60.0)


def test_a_run_with_nothing_left_to_happen_says_so(loop: SimulatedLoop) -> None:
    """What would wait for ever on a real loop is an error here."""

    async def main() -> None:
        await asyncio.sleep(1)
        await loop.create_future()

    with pytest.raises(SimulationError, match=r"at 1\.000000 s nothing is left to happen"):
        loop.run(main())


def test_a_run_in_which_no_time_passes_says_so(loop: SimulatedLoop) -> None:
    """Callbacks that call each other for ever are an error."""

    async def main() -> None:
        def again() -> None:
            loop.call_soon(again)

        again()
        await asyncio.sleep(1)

    with pytest.raises(SimulationError, match="no time passes"):
        loop.run(main())


def test_what_a_thread_would_do_takes_time(loop: SimulatedLoop) -> None:
    """The work is done in the loop, later."""

    async def main() -> tuple[int, bool]:
        number = await loop.run_in_executor(None, lambda: 7)
        return number, loop.time() > 0

    assert loop.run(main()) == (7, True)


def test_an_exception_in_a_callback_ends_the_run(loop: SimulatedLoop) -> None:
    """It names the process, what was raised and where."""
    process = Process(loop, "node 1")

    def bad() -> None:
        raise ValueError("no")

    async def main() -> None:
        loop.call_later(1, bad, context=process.context)
        await asyncio.sleep(2)

    with pytest.raises(UncaughtError, match=r"node 1: ValueError: no in bad, .*test_loop\.py"):
        loop.run(main())


# Processes.


async def count_up(seen: list[float]) -> None:
    """Note the time every second."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            await asyncio.sleep(1)
            seen.append(loop.time())
    finally:
        seen.append(-1)


def test_a_killed_process_does_nothing_more(loop: SimulatedLoop) -> None:
    """Neither its tasks nor what they scheduled go on, and nothing is cleaned up."""
    process = Process(loop, "p")
    seen: list[float] = []

    async def main() -> list[float]:
        kept = loop.create_task(count_up(seen), context=process.context)
        await asyncio.sleep(2.5)
        process.kill()
        await asyncio.sleep(10)
        assert not kept.done()
        return seen.copy()

    assert loop.run(main()) == [1.0, 2.0]


def test_a_paused_process_does_everything_later(loop: SimulatedLoop) -> None:
    """What became due meanwhile happens at once when it goes on, in its order; what was cancelled doesn't."""
    process = Process(loop, "p")
    seen: list[tuple[str, float]] = []

    def note(what: str) -> None:
        seen.append((what, loop.time()))

    def first() -> None:
        note("first")
        cancelled.cancel()

    async def main() -> None:
        process.pause()
        await asyncio.sleep(5)
        process.resume()
        await asyncio.sleep(5)

    loop.call_at(1, first, context=process.context)
    cancelled = loop.call_at(2, note, "cancelled", context=process.context)
    loop.call_at(3, note, "second", context=process.context)
    loop.call_at(7, note, "third", context=process.context)
    loop.run(main())
    assert seen == [("first", 5.0), ("second", 5.0), ("third", 7.0)]


@pytest.mark.parametrize("points", range(7))
def test_a_process_can_be_killed_between_any_two_effects(loop: SimulatedLoop, points: int) -> None:
    """Callbacks that begin, and effects, are counted together: two callbacks with two effects each are six points."""
    process = Process(loop, "p")
    process.kill_after(points)
    done: list[str] = []

    def callback(name: str) -> None:
        done.extend(effect for effect in (f"{name}1", f"{name}2") if process.acts())

    async def main() -> None:
        await asyncio.sleep(1)

    loop.call_soon(callback, "a", context=process.context)
    loop.call_soon(callback, "b", context=process.context)
    loop.run(main())
    assert len(done) == [0, 0, 1, 2, 2, 3, 4][points]
    assert process.alive == (points == 6)


# Connections.


class Lines(asyncio.Protocol):
    """Notes what happens on a connection."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.seen.append("made")

    def data_received(self, data: bytes) -> None:
        """Note it."""
        self.seen.append(data.decode())

    def connection_lost(self, _: Exception | None) -> None:
        """Note it."""
        self.seen.append("lost")


def test_bytes_arrive_in_order_and_a_death_ends_the_connection(loop: StreamLoop) -> None:
    """What was written before still arrives; nobody listens afterwards."""
    process = Process(loop, "p")
    accepted: list[Lines] = []

    def accept() -> Lines:
        accepted.append(Lines())
        return accepted[-1]

    async def main() -> Lines:
        task = loop.create_task(loop.create_server(accept, "here", 1), context=process.context)
        await task
        _, client = await loop.create_connection(Lines, "here", 1)
        for number in range(100):
            client.transport.write(f"{number} ".encode())
        await asyncio.sleep(1)
        accepted[0].transport.write(b"bye")
        process.kill()
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Lines, "here", 1)
        return client

    client = loop.run(main())
    assert "".join(accepted[0].seen) == "made" + "".join(f"{number} " for number in range(100))
    assert "".join(client.seen) == "madebyelost"
