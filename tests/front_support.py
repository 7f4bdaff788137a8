"""A front with the map right behind it: no cluster, so that a test of the front is about the front."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext

from quorate.runtime.outcomes import Done, Outcome
from quorate.store.clock import Clock
from quorate.store.front import Front, FrontSettings
from quorate.store.machine import KeyValueMachine

INFO = "# Server\r\nredis_version:7.2.0\r\nredis_mode:standalone\r\n\r\n# Raft\r\nraft_term:7\r\n"


class MapBackend:
    """Applies what it is asked in the next turn of the event loop, or when the test says `release` if it `holds`."""

    def __init__(self, *, holds: bool = False, clock: Clock | None = None) -> None:
        """Begin with an empty map."""
        self.machine = KeyValueMachine(clock or Clock())
        self.index = 0
        self.submitted: list[tuple[bool, bytes]] = []
        self.arrived = asyncio.Event()
        self.holds = holds
        self.held: list[Callable[[], None]] = []

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Do what a server's `submit` does."""
        self.submitted.append((write, payload))
        self.arrived.set()

        def serve() -> None:
            if write or self.machine.is_late(payload):
                self.index += 1
                done(Done(self.machine.apply(self.index, self.machine.stamped(payload))))
            else:
                done(Done(self.machine.query(payload)))

        if self.holds:
            self.held.append(serve)
        else:
            asyncio.get_running_loop().call_soon(serve)

    def release(self) -> None:
        """Serve what was held, and hold nothing any more."""
        self.holds = False
        held, self.held = self.held, []
        for serve in held:
            serve()

    def info(self) -> str:
        """Say what a server would."""
        return INFO


class RefusingBackend(MapBackend):
    """Gives every request the same outcome."""

    def __init__(self, outcome: Outcome) -> None:
        """Take the outcome."""
        super().__init__()
        self.outcome = outcome

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Do nothing, and say so."""
        self.submitted.append((write, payload))
        asyncio.get_running_loop().call_soon(done, self.outcome)


@asynccontextmanager
async def serving(
    backend: MapBackend | None = None, settings: FrontSettings | None = None, tls: SSLContext | None = None
) -> AsyncIterator[tuple[Front, int]]:
    """Have a front on loopback; yields it and its port."""
    front = Front(backend or MapBackend(), settings or FrontSettings())
    _, port = await front.start("127.0.0.1", 0, tls=tls)
    try:
        yield front, port
    finally:
        await front.close()


def command(*words: bytes | str | int) -> bytes:
    """Return a request as clients send it."""
    data = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in data)


async def converse(port: int, sent: bytes, tls: SSLContext | None = None) -> bytes:
    """All that the front says to somebody who sends this and QUIT, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(sent + command("QUIT"))
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said
