"""Nothing that vouches for a write is released before the write is on disk, whatever the disk does."""

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from quorate.raft import Durable, Entry, Persist, Persisted, RequestVoteReply, Snapshot
from quorate.raft_server.confirmations import confirmations
from quorate.runtime.disk import DiskQueue, Written
from quorate.runtime.interfaces import DiskFullError

VOTE = RequestVoteReply(1, 2, 1, vote_granted=True)
REFUSAL = RequestVoteReply(1, 3, 1, vote_granted=False)


@dataclass
class ManualDisk:
    """A disk whose writes end when the test says so."""

    batches: list[tuple[Persist, ...]] = field(default_factory=list)
    futures: list["asyncio.Future[None]"] = field(default_factory=list)
    blocking: list[bool] = field(default_factory=list)

    def load(self) -> Durable:
        """Nothing is on it."""
        return Durable()

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin."""
        self.blocking.append(may_block)
        self.batches.append(tuple(batch))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def close(self) -> None:
        """Nothing is open."""


class Queue:
    """A disk queue, and what it has called."""

    def __init__(self, retry_s: float = 0.0) -> None:
        """Begin empty."""
        self.disk = ManualDisk()
        self.written: list[Written[Persist, RequestVoteReply]] = []
        self.full = 0
        self.errors: list[BaseException] = []
        self.has_time = False
        self.queue: DiskQueue[Persist, RequestVoteReply] = DiskQueue(
            self.disk, retry_s, lambda: self.has_time, self.written.append, self._count, self.errors.append
        )

    def _count(self) -> None:
        self.full += 1


def entry(term: int, index: int) -> Persist:
    """One entry to write."""
    return Persist(term, None, index, (Entry(term, b"x"),))


async def end(future: "asyncio.Future[None]", error: Exception | None = None) -> None:
    """Let a write succeed or fail, and be noticed."""
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    noticed = asyncio.Event()
    asyncio.get_running_loop().call_soon(noticed.set)
    await noticed.wait()


def test_a_message_waits_for_its_own_write_and_all_earlier_ones() -> None:
    """Also the message of a step that writes nothing."""

    async def run() -> None:
        q = Queue()
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        assert q.queue.add(2, None, (), (REFUSAL,)) == ()
        q.queue.begin()
        assert q.written == []
        await end(q.disk.futures[0])
        assert q.written == [Written(2, (VOTE, REFUSAL), (entry(1, 1),))]
        assert q.queue.add(3, None, (), (VOTE,)) == (VOTE,), "nothing is left that it could wait for"

    asyncio.run(run())


def test_what_comes_during_a_write_is_written_together() -> None:
    """One fsync for all of it, in order, confirmed by the last."""

    async def run() -> None:
        q = Queue()
        q.queue.add(1, entry(1, 1), (), ())
        q.queue.begin()
        for index in (2, 3, 4):
            q.queue.add(index, entry(1, index), (), (VOTE,))
            q.queue.begin()
        await end(q.disk.futures[0])
        assert q.disk.batches == [(entry(1, 1),), (entry(1, 2), entry(1, 3), entry(1, 4))]
        await end(q.disk.futures[1])
        assert q.written[1] == Written(4, (VOTE,) * 3, (entry(1, 2), entry(1, 3), entry(1, 4)))

    asyncio.run(run())


def test_only_who_has_time_lets_a_write_hold_up_its_loop() -> None:
    """It is asked anew for each write: a server may have begun to lead meanwhile."""

    async def run() -> None:
        q = Queue()
        for index, has_time in enumerate((False, True, False), start=1):
            q.has_time = has_time
            q.queue.add(index, entry(1, index), (), ())
            q.queue.begin()
            await end(q.disk.futures[-1])
        assert q.disk.blocking == [False, True, False]

    asyncio.run(run())


def test_a_full_disk_acknowledges_nothing_and_tries_the_same_again() -> None:
    """With what has come meanwhile behind it; nothing is lost and nothing reordered."""

    async def run() -> None:
        q = Queue(retry_s=0.0)
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        await end(q.disk.futures[0], DiskFullError("no room"))
        assert (q.written, q.full, q.queue.full) == ([], 1, True)
        q.queue.add(2, entry(1, 2), (), (REFUSAL,))
        q.queue.begin()
        assert q.disk.batches[1] == (entry(1, 1), entry(1, 2))
        await end(q.disk.futures[1])
        assert q.written == [Written(2, (VOTE, REFUSAL), (entry(1, 1), entry(1, 2)))]
        assert not q.queue.full

    asyncio.run(run())


def test_a_full_disk_is_left_alone_for_a_while() -> None:
    """Every turn of the loop would be too often."""

    async def run() -> None:
        q = Queue(retry_s=3600.0)
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        await end(q.disk.futures[0], DiskFullError("no room"))
        q.queue.begin()
        assert len(q.disk.batches) == 1

    asyncio.run(run())


def test_after_any_other_error_nothing_is_written_or_released() -> None:
    """Nobody knows what a disk holds whose fsync has failed."""

    async def run() -> None:
        q = Queue()
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        error = OSError("input/output error")
        await end(q.disk.futures[0], error)
        q.queue.add(2, entry(1, 2), (), (REFUSAL,))
        q.queue.begin()
        assert (q.errors, q.written, len(q.disk.batches)) == ([error], [], 1)

    asyncio.run(run())


def test_closing_waits_for_the_write_under_way() -> None:
    """And gives up the rest, with its messages."""

    async def run() -> None:
        q = Queue()
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        q.queue.add(2, entry(1, 2), (), (REFUSAL,))
        closing = asyncio.ensure_future(q.queue.close())
        await asyncio.sleep(0)
        assert not closing.done()
        q.disk.futures[0].set_result(None)
        await closing
        assert (q.written, len(q.disk.batches)) == ([], 1)

    asyncio.run(run())


def test_the_latest_confirmations_say_all_that_earlier_ones_say() -> None:
    """One of entries and one of a snapshot, whatever came between."""
    snapshot = Persist(2, None, 4, (), Snapshot(3, 1, b""))
    assert confirmations([entry(1, 1), snapshot, entry(2, 4)]) == (Persisted(2, 4), snapshot.confirmation)
    assert confirmations([Persist(1, None, 1, ())]) == ()


@pytest.mark.parametrize("error", [DiskFullError("no room"), OSError("broken")], ids=lambda e: type(e).__name__)
def test_a_last_write_that_fails_is_told_to_the_operator_alone(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else waits for it, and nothing is left for the event loop to complain about."""
    complaints: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        q = Queue()
        q.queue.add(1, entry(1, 1), (), (VOTE,))
        q.queue.begin()
        closing = asyncio.ensure_future(q.queue.close())
        await asyncio.sleep(0)
        q.disk.futures[0].set_exception(error)
        await closing
        q.disk.futures.clear()
        assert (q.written, q.full, q.errors) == ([], 0, [])

    asyncio.run(main())
    gc.collect()
    assert [record.message for record in caplog.records] == ["the last write failed"]
    assert complaints == []
