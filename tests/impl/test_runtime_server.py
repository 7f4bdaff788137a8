"""A server of a protocol of a few lines: what all servers promise, the runtime promises without knowing a protocol."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

import pytest

import quick_loop
from quorate.runtime.disk import Written
from quorate.runtime.interfaces import Arriving, DiskFullError, Loss, NodeId, Receiver
from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.runtime.requests import Deadlines, Request, RequestPhase
from quorate.runtime.server import Clock, Server
from quorate.runtime.timers import Ticker


class Limits:
    """Settings."""

    disk_retry_s = 0.0
    request_timeout_s = 60.0
    max_pending = 3


class Disk:
    """Ends a write when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.closed = False

    def write(self, batch: Iterable[bytes], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin."""
        del may_block
        self.batches.append([*batch])
        self.writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self.writing

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Cable:
    """A transport of texts to one peer, who isn't there yet."""

    connected: frozenset[NodeId] = frozenset()

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = False

    async def start(self, receive: Receiver[str], lost: Loss) -> None:
        """Keep who hears."""
        self.receive, self.lost = receive, lost

    def send(self, peer: NodeId, message: str) -> bool:
        """Note what leaves; nothing does when it is closed."""
        del peer
        self.sent.append(message)
        return not self.closed

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Note it."""
        self.closed = True


class Counts:
    """Metrics."""

    def __init__(self) -> None:
        self.entries, self.lost = 0, 0

    def committed(self, seconds: float, entries: int) -> None:
        """Count entries."""
        assert seconds >= 0
        self.entries += entries

    def dropped(self, peer: NodeId) -> None:
        """Count messages."""
        assert peer == 2
        self.lost += 1


class Echo(Server[bytes, str, str]):
    """Writes what it is asked, and answers when that is durable; tells its peer of all that it has heard."""

    LOG = logging.getLogger("quorate.echo")
    WHY_WAITING = "nobody echoes"

    def __init__(self, disk: Disk, cable: Cable, counts: Counts) -> None:
        self.asked: list[Request] = []
        self.waiting: list[Request] = []
        self.heard: list[str] = []
        self.turns = self.ticks = 0
        self.was_full = False
        self.deadlines = Deadlines()
        super().__init__(1, Limits(), storage=disk, transport=cable, pending=self.deadlines, metrics=counts)

    def _load(self) -> None:
        self.heard.append("loaded")

    def _start_clocks(self) -> tuple[Clock, ...]:
        return (Ticker(self._loop, 0.25, self._tick),)

    def _tick(self) -> None:
        self.ticks += 1
        self.deadlines.expire(self._loop.time())
        self._leaving.note(nobody_waits=not self.deadlines)

    def _receive(self, peer: NodeId, message: str | Arriving) -> None:
        assert peer == 2
        if isinstance(message, str):
            self.heard.append(message)
            self._want_turn()

    def _refusal(self, payload: bytes) -> str | None:
        return "too short" if not payload else None

    def _accept(self, request: Request) -> None:
        self.deadlines.add(request)
        self.asked.append(request)

    def _turn(self) -> None:
        self.turns += 1
        for request in self.asked:
            request.phase = RequestPhase.PROPOSED
            assert self._queue(request.payload, (), (request.payload.decode(),)) == ()
        self.waiting += self.asked
        self.asked = []

    def _written(self, written: Written[bytes, str]) -> None:
        for message in written.messages:
            self._send(2, message)
        done, self.waiting = self.waiting[: len(written.persists)], self.waiting[len(written.persists) :]
        self._count(done[0].arrived, len(done))
        for request in done:
            request.finish(Done(request.payload))

    def _may_block(self) -> bool:
        return False

    def _disk_full(self) -> None:
        self.was_full = True

    async def _leave(self) -> None:
        await self._leaving.drain(60.0)


class World:
    """One such server and all around it."""

    def __init__(self) -> None:
        self.disk, self.cable, self.counts = Disk(), Cable(), Counts()
        self.outcomes: list[Outcome] = []
        self.server = Echo(self.disk, self.cable, self.counts)

    def ask(self, payload: bytes) -> None:
        """Ask for a write; no outcome comes within the call."""
        before = len(self.outcomes)
        self.server.submit(True, payload, self.outcomes.append)  # noqa: FBT003  # the server's own form
        assert len(self.outcomes) == before

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the event loop go on until something holds."""
        async with asyncio.timeout(30):
            while not holds():  # noqa: ASYNC110  # nobody is told of a turn
                await asyncio.sleep(0.01)


def in_world(test: Callable[[World], Awaitable[None]]) -> None:
    """Run a test with a server that has started."""

    async def run() -> None:
        world = World()
        await world.server.start()
        await test(world)

    quick_loop.run(run)


def test_what_arrives_in_one_turn_is_dealt_with_in_one() -> None:
    """Two requests and a message make one turn, one write, and, when it is durable, all answers."""

    async def test(world: World) -> None:
        world.ask(b"a")
        world.ask(b"b")
        world.cable.receive(2, "hello")
        await world.until(lambda: bool(world.disk.batches))
        assert (world.server.turns, world.disk.batches) == (1, [[b"a", b"b"]])
        assert (world.outcomes, world.cable.sent) == ([], [])
        world.disk.writing.set_result(None)
        await world.until(lambda: len(world.outcomes) == 2)
        assert world.outcomes == [Done(b"a"), Done(b"b")]
        assert world.cable.sent == ["a", "b"]
        assert world.counts.entries == 2

    in_world(test)


def test_a_request_that_is_not_taken_gets_one_outcome_that_says_why() -> None:
    """Whether the protocol refuses it or there are too many."""

    async def test(world: World) -> None:
        world.ask(b"")
        for payload in (b"a", b"b", b"c", b"d"):
            world.ask(payload)
        await world.until(lambda: len(world.outcomes) == 2)
        assert world.outcomes == [NotDone("too short"), NotDone("too many requests are pending")]

    in_world(test)


def test_who_is_asked_to_end_finishes_and_closes_all() -> None:
    """What comes meanwhile is refused; afterwards nothing is heard, and no clock runs."""

    async def test(world: World) -> None:
        world.ask(b"a")
        await world.until(lambda: bool(world.disk.batches))
        ending = asyncio.ensure_future(world.server.stop())
        await asyncio.sleep(0)
        world.ask(b"late")
        await world.until(lambda: bool(world.outcomes))
        assert world.outcomes == [NotDone("the server is stopping")]
        assert not ending.done()
        world.disk.writing.set_result(None)
        await ending
        assert world.outcomes[1:] == [Done(b"a")]
        assert (world.cable.closed, world.disk.closed) == (True, True)
        heard, ticks = [*world.server.heard], world.server.ticks
        world.cable.receive(2, "too late")
        await asyncio.sleep(10)
        assert (world.server.heard, world.server.ticks) == (heard, ticks)

    in_world(test)


def test_a_disk_that_fails_ends_the_server_and_every_request() -> None:
    """Nobody is told what may be untrue, and who owns the server learns why."""

    async def test(world: World) -> None:
        world.ask(b"a")
        await world.until(lambda: bool(world.disk.batches))
        world.disk.writing.set_exception(OSError("the disk is gone"))
        world.ask(b"b")
        with pytest.raises(OSError, match="the disk is gone"):
            await asyncio.wait_for(world.server.failed, 30)
        assert world.outcomes == [
            Unknown("the server is stopping: it was not seen to be committed"),
            NotDone("the server is stopping: nobody echoes"),
        ]
        assert world.cable.sent == []
        await world.server.stop()
        assert (world.cable.closed, world.disk.closed) == (True, True)

    in_world(test)


def test_a_full_disk_is_told_and_tried_again() -> None:
    """Nothing is lost of what waits."""

    async def test(world: World) -> None:
        world.ask(b"a")
        await world.until(lambda: bool(world.disk.batches))
        world.disk.writing.set_exception(DiskFullError("full"))
        await world.until(lambda: world.server.was_full)
        world.cable.receive(2, "hello")
        await world.until(lambda: len(world.disk.batches) == 2)
        assert world.disk.batches[1] == [b"a"]
        world.disk.writing.set_result(None)
        await world.until(lambda: world.outcomes == [Done(b"a")])

    in_world(test)


def test_a_message_that_is_dropped_is_counted() -> None:
    """Where the transport has no room or no connection."""

    async def test(world: World) -> None:
        world.cable.closed = True
        world.ask(b"a")
        await world.until(lambda: bool(world.disk.batches))
        world.disk.writing.set_result(None)
        await world.until(lambda: world.counts.lost == 1)

    in_world(test)
