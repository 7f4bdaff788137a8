"""However much a client sends, and however little it reads, it gets its share of memory and time and no more."""

import asyncio
import tracemalloc
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from front_support import MapBackend, command
from patience import PATIENCE_S
from quorate.runtime.outcomes import Outcome
from quorate.store.answers import Caller
from quorate.store.budget import Budget
from quorate.store.connection import MOST_PENDING, ClientConnection

MOST_BYTES = 100_000
MOST_UNREAD = 64 * 1024
CHUNKS = (
    st.binary(max_size=3_000)
    | st.text("*$0123456789\r\nPINGSET ab", max_size=300).map(str.encode)
    | st.sampled_from([command("SET", "a", bytes(2_000)), b"*2\r\n$3\r\nGET\r\n$90000\r\n", b"x" * 3_000])
)


class Socket(asyncio.Transport):
    """A client's end, which reads only when the test says so."""

    def __init__(self) -> None:
        """Begin connected, with a client that reads everything."""
        super().__init__()
        self.protocol: ClientConnection
        self.read = b""
        self.unread = b""
        self.client_reads = True
        self.is_read_from = True
        self.closed = False

    def get_extra_info(self, name: str, default: object = None) -> object:  # noqa: ARG002
        """Only the socket is asked for, to set an option."""
        return self if name == "socket" else None

    def setsockopt(self, *_: int) -> None:
        """Take no notice."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what the client hasn't read, and say when that is too much."""
        if self.client_reads:
            self.read += data
            return
        self.unread += data
        if len(self.unread) > MOST_UNREAD:
            self.protocol.pause_writing()

    def drain(self) -> None:
        """Have the client read all that there is, and go on reading."""
        self.client_reads = True
        self.read += self.unread
        self.unread = b""
        self.protocol.resume_writing()

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        assert self.is_read_from
        self.is_read_from = False

    def resume_reading(self) -> None:
        """Go on."""
        assert not self.is_read_from
        self.is_read_from = True

    def is_closing(self) -> bool:
        """Whether the front has closed it."""
        return self.closed

    def close(self) -> None:
        """Close it; what is unread would still be sent."""
        self.closed = True


class Host:
    """Lets everybody in."""

    commands = 0

    def __init__(self, backend: MapBackend) -> None:
        """Serve by `backend`."""
        self.backend = backend
        self.budget = Budget(MOST_BYTES)
        self.exports = None

    def admit(self, _: ClientConnection) -> bool:
        """Everybody."""
        return True

    def leave(self, _: ClientConnection) -> None:
        """Nobody minds."""

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass it on."""
        self.backend.submit(write, payload, done)


def connect(backend: MapBackend) -> tuple[ClientConnection, Socket]:
    """A client of `backend`, in the running event loop."""
    caller = Caller(1, None, lambda: "", {}, authenticated=True)
    server, client = ClientConnection(caller, Host(backend), MOST_BYTES, MOST_BYTES), Socket()
    client.protocol = server
    server.connection_made(client)
    return server, client


async def quiet() -> None:
    """Let the event loop do all that is due: nothing here waits for anything outside."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        while loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0)


def held(server: ClientConnection) -> int:
    """How many bytes the connection keeps for its client."""
    return len(server._reader._buffer) + server._pipeline.size


def test_reading_stops_while_many_requests_are_pending() -> None:
    """What was read already is kept; all of it is answered, in order, once the cluster answers again."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        server, client = connect(backend)
        sent = 5 * MOST_PENDING
        server.data_received(command("INCR", "n") * sent)
        await quiet()
        assert not client.is_read_from
        assert server._pipeline.count == MOST_PENDING
        backend.release()
        await quiet()
        assert client.is_read_from
        assert client.read == b"".join(b":%d\r\n" % n for n in range(1, sent + 1))

    asyncio.run(main())


def test_reading_stops_while_few_but_large_requests_are_pending() -> None:
    """Bytes count as well as requests."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        server, client = connect(backend)
        for _ in range(4):
            if client.is_read_from:
                server.data_received(command("SET", "a", bytes(MOST_BYTES // 2)))
        assert not client.is_read_from
        assert held(server) < 3 * MOST_BYTES
        backend.release()
        await quiet()
        assert client.is_read_from
        assert held(server) == 0

    asyncio.run(main())


def test_who_does_not_read_is_not_answered_further() -> None:
    """One run's replies wait, and nothing more is asked for, until the client reads."""

    async def main() -> None:
        backend = MapBackend()
        server, client = connect(backend)
        server.data_received(command("SET", "a", bytes(1_000)))
        await quiet()
        client.client_reads = False
        server.data_received(command("GET", "a") * 3_000)
        await quiet()
        assert not client.is_read_from
        asked = len(backend.submitted)
        assert len(client.unread) < MOST_UNREAD + 100 * 1_010
        client.drain()
        await quiet()
        assert len(backend.submitted) > asked
        assert client.is_read_from
        assert client.read.count(b"$1000\r\n") == 3_000

    asyncio.run(main())


def test_answers_of_the_front_are_not_multiplied_either() -> None:
    """COMMAND's reply is hundreds of times as long as its request: who sends many and reads none gets few."""

    async def main() -> None:
        server, client = connect(MapBackend())
        client.client_reads = False
        tracemalloc.start()
        server.data_received(b"COMMAND\r\n" * 1_000)
        await quiet()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert not client.is_read_from
        assert peak < 2_000_000
        client.drain()
        await quiet()
        assert client.read.count(b"quorate.session") == 1_000
        assert len(client.read) > 2 * 2_000_000, "all of them would have been too much"

    asyncio.run(main())


def test_one_client_does_not_keep_the_event_loop() -> None:
    """Of a long pipeline, each turn takes MOST_PENDING requests; what else is due comes in between."""

    async def main() -> None:
        server, client = connect(MapBackend())
        server.data_received(b"PING\r\n" * (3 * MOST_PENDING))
        assert client.read == b"+PONG\r\n" * MOST_PENDING
        assert not client.is_read_from
        await asyncio.sleep(0)
        assert client.read == b"+PONG\r\n" * (2 * MOST_PENDING)
        await quiet()
        assert client.read == b"+PONG\r\n" * (3 * MOST_PENDING)
        assert client.is_read_from

    asyncio.run(main())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CHUNKS, st.sampled_from([1, 1, 400])), max_size=20))
def test_any_bytes_leave_memory_bounded(chunks: list[tuple[bytes, int]]) -> None:
    """Each is sent once, or again and again: two requests and a chunk at most are kept, and an error is the end."""

    async def main() -> None:
        server, client = connect(MapBackend(holds=True))
        for chunk in (chunk for chunk, times in chunks for _ in range(times)):
            await asyncio.sleep(0)
            if client.is_read_from and not client.closed:
                server.data_received(chunk)
            assert held(server) <= 2 * MOST_BYTES + len(chunk)
        if b"-ERR Protocol error" in client.read:
            assert client.closed

    asyncio.run(main())


def test_a_large_request_in_small_pieces_stays_within_its_limit() -> None:
    """Of what never becomes a request, no more than the limit is kept: then the connection is closed."""

    async def main() -> None:
        server, client = connect(MapBackend())
        server.data_received(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n" % (MOST_BYTES - 50))
        for _ in range(MOST_BYTES // 1_000 + 1):
            if not client.closed:
                server.data_received(bytes(1_000))
                assert held(server) <= MOST_BYTES + 1_000
        assert client.closed
        assert client.read == b"-ERR Protocol error: a bulk string is longer than its length says\r\n"

    asyncio.run(main())


def test_an_error_of_the_protocol_comes_after_the_replies_that_are_due() -> None:
    """A write under way is not cut off by the rubbish behind it; then the connection is closed."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        server, client = connect(backend)
        server.data_received(command("INCR", "n") + b"*x\r\n" + command("INCR", "n"))
        await quiet()
        assert (client.read, client.closed, client.is_read_from) == (b"", False, False)
        backend.release()
        await quiet()
        assert client.read == b":1\r\n-ERR Protocol error: invalid multibulk length\r\n"
        assert client.closed
        assert len(backend.submitted) == 1

    asyncio.run(main())


def test_quit_is_the_last_request() -> None:
    """What is before it is answered, what is behind it isn't done."""

    async def main() -> None:
        backend = MapBackend()
        server, client = connect(backend)
        server.data_received(command("INCR", "n") + command("QUIT") + command("INCR", "n"))
        await quiet()
        assert client.read == b":1\r\n+OK\r\n"
        assert client.closed
        assert len(backend.submitted) == 1

    asyncio.run(main())


def test_who_ends_its_sending_still_gets_its_replies() -> None:
    """As from a shell: printf … | nc. All that was sent is done, also what had no room yet."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        server, client = connect(backend)
        server.data_received(command("INCR", "n") * 2_500 + b"*1\r\n$4\r\nPI")
        assert server.eof_received()
        await quiet()
        assert not client.closed
        backend.release()
        await quiet()
        assert client.read.endswith(b":2500\r\n")
        assert client.closed

    asyncio.run(main())


def test_a_page_in_a_browser_is_not_obeyed() -> None:
    """What HTTP sends first ends the connection, so that no line of its body is taken for a command."""

    async def main() -> None:
        for head in (b"POST / HTTP/1.1\r\n", b"GET /\r\nHost: localhost\r\n"):
            backend = MapBackend()
            server, client = connect(backend)
            server.data_received(head + b"SET a 1\r\n")
            await quiet()
            assert client.closed
            assert not [write for write, _ in backend.submitted if write]

    asyncio.run(main())


def test_replies_to_a_client_that_has_gone_are_dropped() -> None:
    """What it asked for is done all the same; nothing more of it is asked for."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        server, client = connect(backend)
        server.data_received(command("INCR", "n"))
        server.data_received(command("INCR", "n"))
        server.connection_lost(None)
        backend.release()
        await quiet()
        assert client.read == b""
        assert len(backend.submitted) == 1

    asyncio.run(main())
