"""A transaction is done whole or not at all, and by one command of the log: MULTI, EXEC, DISCARD, WATCH."""

import asyncio
from collections.abc import Awaitable, Callable

import hiredis
import pytest
import redis

from front_support import MapBackend, RefusingBackend, command, serving
from quorate.runtime.outcomes import NotDone, Unknown
from quorate.store import operations
from quorate.store.clock import Clock
from quorate.store.front import FrontSettings
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import Transaction
from quorate.store.writes import Increment

ABORTED = "EXECABORT Transaction discarded because of previous errors."


class Peer:
    """One connection, which says words and returns what is answered, errors as texts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take both ends."""
        self.reader, self.writer = reader, writer
        self.parser = hiredis.Reader(replyError=lambda text: f"error: {text}")

    async def replies(self, *lines: str | list[bytes | str | int]) -> list[object]:
        """Send all at once and return the replies."""
        requests = [line.split() if isinstance(line, str) else line for line in lines]
        self.writer.write(b"".join(command(*words) for words in requests))
        found: list[object] = []
        while len(found) < len(requests):
            reply = self.parser.gets()
            if reply is False:
                data = await self.reader.read(65_536)
                assert data, "the front has closed the connection"
                self.parser.feed(data)
            else:
                found.append(reply)
        return found

    async def __call__(self, *lines: str) -> object:
        """Send all at once and return the last reply."""
        return (await self.replies(*lines))[-1]


Talk = Callable[[Peer, Peer], Awaitable[None]]


def with_peers(talk: Talk, backend: MapBackend | None = None, settings: FrontSettings | None = None) -> None:
    """Let two clients of one front talk."""

    async def main() -> None:
        async with serving(backend, settings) as (_, port):
            peers = [Peer(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
            async with asyncio.timeout(30):
                await talk(*peers)
            for peer in peers:
                peer.writer.close()

    asyncio.run(main())


def test_a_transaction_is_one_command_of_the_log() -> None:
    """Reads in it see the writes before them; what the front answers by itself stands in its place."""
    backend = MapBackend()

    async def talk(peer: Peer, other: Peer) -> None:
        replies = await peer.replies("MULTI", "INCR n", "GET n", "PING", "SCAN 0", "SET n x")
        assert replies == [b"OK", *[b"QUEUED"] * 5]
        assert await other("GET n") is None
        assert await peer("EXEC") == [1, b"1", b"PONG", [b"0", [b"n"]], b"OK"]
        assert await other("GET n") == b"x"

    with_peers(talk, backend)
    assert [write for write, _ in backend.submitted] == [False, True, False]


def test_what_cannot_be_queued_lets_exec_fail_and_nothing_is_done() -> None:
    """Unknown commands, wrong numbers of arguments, too many commands: by themselves they would have been refused."""

    async def talk(peer: Peer, _: Peer) -> None:
        for wrong in ("FOO", "GET", "MULTI x", "QUORATE.SESSION", "QUORATE.DO 1 1 SET a 1", "HELLO 3"):
            replies = await peer.replies("MULTI", "INCR n", wrong, "INCR n", "EXEC")
            assert str(replies[2]).startswith("error: ERR"), wrong
            assert replies[4] == f"error: {ABORTED}"
        assert await peer("GET n") is None
        assert await peer("PING") == b"PONG"

    with_peers(talk)


def test_what_fails_when_it_is_done_fails_alone() -> None:
    """As in Redis: the others are done. That includes arguments that are looked at only then."""

    async def talk(peer: Peer, _: Peer) -> None:
        replies = await peer.replies("SET a x", "MULTI", "INCR a", "SET b 1 EX 0", "INCRBY c y", "INCR d", "EXEC")
        assert replies[2:6] == [b"QUEUED"] * 4
        integer = "error: ERR value is not an integer or out of range"
        assert replies[6] == [integer, "error: ERR invalid expire time in 'set' command", integer, 1]

    with_peers(talk)


def test_commands_about_transactions_say_what_is_wrong_with_them() -> None:
    """In Redis's words."""

    async def talk(peer: Peer, _: Peer) -> None:
        assert await peer("EXEC") == "error: ERR EXEC without MULTI"
        assert await peer("DISCARD") == "error: ERR DISCARD without MULTI"
        assert await peer("QUORATE.DO 1 1 EXEC") == "error: ERR EXEC without MULTI"
        assert await peer("MULTI", "MULTI") == "error: ERR MULTI calls can not be nested"
        assert await peer("WATCH a") == "error: ERR WATCH inside MULTI is not allowed"
        assert await peer("DISCARD") == b"OK"
        assert await peer("MULTI", "EXEC") == []
        assert await peer("MULTI", "INCR n", "DISCARD", "GET n") is None
        assert await peer("MULTI", "RESET") == b"RESET"
        assert await peer("EXEC") == "error: ERR EXEC without MULTI"

    with_peers(talk)


@pytest.mark.parametrize(
    ("before", "between", "done"),
    [
        ("SET a 1", "GET a", True),
        ("SET a 1", "SET b 1", True),
        ("SET a 1", "SET a 1", False),
        ("SET a 1", "DEL a", False),
        ("SET a 1", "RENAME a b", False),
        ("SET a 1", "FLUSHALL", False),
        ("SET a 1", "EXPIRE a 100", False),
        ("SET a 1 EX 100", "PERSIST a", False),
        ("SET a 1", "SET a 2 NX", True),
        ("DEL a", "SET a 1", False),
        ("DEL a", "MSET a 1 b 2", False),
        ("DEL a", "GET a", True),
    ],
)
def test_a_watched_key_that_changed_lets_nothing_be_done(before: str, between: str, done: bool) -> None:  # noqa: FBT001
    """Whatever changed it; also by the watching client itself. What changed nothing doesn't count."""

    async def talk(peer: Peer, other: Peer) -> None:
        for whom in (other, peer):
            await peer(before, "DEL n", "WATCH x a")
            await whom(between)
            assert await peer("MULTI", "INCR n", "EXEC") == ([1] if done else None)
            # EXEC has ended the watch.
            assert await peer(between, "MULTI", "PING", "EXEC") == [b"PONG"]

    with_peers(talk)


def test_a_watched_key_that_came_and_went_has_changed() -> None:
    """Though it is as absent as before; also one that was there, and is there again with the same value."""

    async def talk(peer: Peer, other: Peer) -> None:
        await peer("WATCH a")
        await other("SET a 1", "DEL a")
        assert await peer("MULTI", "INCR n", "EXEC") is None
        await peer("SET a 1", "WATCH a")
        await other("DEL a", "SET a 1")
        assert await peer("MULTI", "INCR n", "EXEC") is None

    with_peers(talk)


def test_a_watch_can_be_given_up() -> None:
    """By UNWATCH, DISCARD and RESET."""

    async def talk(peer: Peer, other: Peer) -> None:
        for giving_up in (["UNWATCH"], ["MULTI", "DISCARD"], ["RESET"]):
            await peer("WATCH a")
            await other("INCR a")
            assert await peer(*giving_up, "MULTI", "PING", "EXEC") == [b"PONG"]

    with_peers(talk)


def test_a_watch_may_be_sent_together_with_its_transaction() -> None:
    """EXEC waits for the versions; the first of two watches of a key counts."""

    async def talk(peer: Peer, other: Peer) -> None:
        assert await peer("WATCH a", "MULTI", "INCR a", "EXEC") == [1]
        assert await peer("WATCH a", "INCR a", "WATCH a", "MULTI", "INCR a", "EXEC") is None
        assert await other("GET a") == b"2"

    with_peers(talk)


def test_versions_survive_a_snapshot() -> None:
    """Who watches before and executes after it sees the same, of keys that are there and of those that aren't."""
    backend = MapBackend()

    async def talk(peer: Peer, other: Peer) -> None:
        await peer("SET a 1", "SET b 1", "DEL b", "WATCH a b")
        await other("WATCH a b")
        await other("SET b 1", "DEL b")
        backend.machine.restore(backend.machine.capture()())
        assert await peer("GET a") == b"1"
        assert await other("MULTI", "INCR n", "EXEC") is None
        assert await peer("WATCH a", "MULTI", "INCR n", "EXEC") is None  # b came and went
        await peer("WATCH a b")
        backend.machine.restore(backend.machine.capture()())
        assert await peer("MULTI", "INCR n", "EXEC") == [1]

    with_peers(talk, backend)


def test_a_transaction_in_a_session_is_done_once() -> None:
    """However often it is sent, on whatever connection, watched keys or not: the reply is the first."""

    async def talk(peer: Peer, other: Peer) -> None:
        session = await peer("QUORATE.SESSION")
        end = f"QUORATE.DO {session} 1 EXEC"
        assert await peer("WATCH n", "MULTI", "INCR n", "GET n", end) == [1, b"1"]
        assert await other("WATCH n", "MULTI", "INCR n", "GET n", end) == [1, b"1"]
        assert await other("MULTI", "INCR n", f"QUORATE.DO {session} 5 EXEC") != [2]
        assert await other(f"QUORATE.DO {session} 2 INCR n") == 2

    with_peers(talk)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (NotDone("no leader is known"), "CLUSTERDOWN no leader is known; nothing was written, try again"),
        (Unknown("timed out"), "UNKNOWN timed out: the write may or may not have happened"),
    ],
)
def test_a_transaction_that_is_not_acknowledged_says_what_is_certain(outcome: NotDone | Unknown, error: str) -> None:
    """One error for all of it."""

    async def talk(peer: Peer, _: Peer) -> None:
        assert await peer("MULTI", "INCR n", "EXEC") == f"error: {error}"

    with_peers(talk, RefusingBackend(outcome))


def test_a_watch_that_failed_lets_exec_fail() -> None:
    """Nobody knows what the version was, so it can't be the same."""

    class Forgetful(MapBackend):
        def submit(self, write: bool, payload: bytes, done: Callable[..., None]) -> None:  # noqa: FBT001
            if write:
                super().submit(write, payload, done)
            else:
                asyncio.get_running_loop().call_soon(done, NotDone("no leader is known"))

    async def talk(peer: Peer, _: Peer) -> None:
        assert str(await peer("WATCH a")).startswith("error: CLUSTERDOWN")
        assert await peer("MULTI", "INCR n", "EXEC") is None

    with_peers(talk, Forgetful())


def test_a_transaction_has_limits() -> None:
    """What would exceed them can't be queued."""

    async def talk(peer: Peer, _: Peer) -> None:
        replies = await peer.replies("MULTI", ["SET", "a", bytes(600)], ["SET", "b", bytes(600)], "EXEC")
        assert replies[1] == b"QUEUED"
        assert str(replies[2]).startswith("error: ERR a transaction may have at most")
        assert replies[3] == f"error: {ABORTED}"

    with_peers(talk, settings=FrontSettings(max_request_bytes=1_000))


def test_the_time_stands_beside_a_transaction() -> None:
    """So that what expires in it does so on all members alike."""
    machine = KeyValueMachine(Clock(lambda: 1_800_000_000_000))
    transaction = Transaction(((b"a", 3),), (Increment(b"a", 1),))
    at = operations.decode_entry(machine.stamped(operations.encode(transaction)))
    assert at == operations.At(1_800_000_000_000, transaction)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_transacts_and_locks(protocol: int) -> None:
    """Its default pipeline, its optimistic `transaction` and its Lock work unchanged."""

    def use(port: int) -> None:
        with redis.Redis(port=port, protocol=protocol, retry=None) as client:
            assert client.pipeline().set("a", "1").incr("a").get("a").execute() == [True, 2, b"2"]
            with pytest.raises(redis.ResponseError, match="value is not an integer"):
                client.pipeline().incr("n").set("a", "x").incr("a").execute()
            assert client.get("n") == b"1"

            def double(pipeline: redis.client.Pipeline) -> None:
                value = int(pipeline.get("n") or 0)
                if value == 1:
                    client.incr("n")
                pipeline.multi()
                pipeline.set("n", 2 * value)

            assert client.transaction(double, "n") == [True]
            assert client.get("n") == b"4"
            with client.lock("lock", timeout=50) as lock:
                assert lock.owned()
                assert not client.lock("lock", timeout=50).acquire(blocking=False)
                assert lock.extend(100)
                assert 140_000 < client.pttl("lock") <= 150_000
                assert lock.reacquire()
                assert 40_000 < client.pttl("lock") <= 50_000
            assert client.get("lock") is None
            lost = client.lock("lock", timeout=50)
            assert lost.acquire()
            client.set("lock", "another's")
            with pytest.raises(redis.exceptions.LockNotOwnedError):
                lost.release()
            assert client.get("lock") == b"another's"

    async def main() -> None:
        async with serving() as (_, port):
            await asyncio.to_thread(use, port)

    asyncio.run(main())
