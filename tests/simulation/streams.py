"""Connections between clients and servers: bytes that arrive in order, until either end breaks them off or dies.

Both ends are the protocols that use asyncio's own connections elsewhere. Bytes are cut and joined at random.
`StreamLoop` hands them out where a real loop would open sockets.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from random import Random
from typing import TypeVar

from simulation.loop import Process, SimulatedLoop, running_process

LONGEST_DELAY_S = 0.002
CUT_SHARE = 0.1
HIGH_WATER = 1 << 16

Address = tuple[str, int]
ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)


class End(asyncio.Transport):
    """One end of a connection, for the protocol there; `peer` is the other."""

    peer: "End"

    def __init__(self, loop: "StreamLoop", protocol: asyncio.BaseProtocol, process: Process | None) -> None:
        """Made by `create_connection`; the protocol is called in its process, if it has one."""
        super().__init__({"socket": _Socket(("simulated", 0))})
        self._loop = loop
        self._protocol = protocol
        self._process = process
        self._context = loop.nobody if process is None else process.context
        self._unread: list[bytes] = []
        self._reading = True
        self._closing = False
        self._latest_arrival = 0.0

    def connect(self) -> None:
        """Tell the protocol."""
        if self._process is not None:
            self._process.on_death(self._cut)
        self._call(self._protocol.connection_made, self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, in one piece or in two."""
        if self._closing or (self._process is not None and not self._process.acts()):
            return
        data = bytes(data)
        rng = self._loop.rng
        if len(data) > 1 and rng.random() < CUT_SHARE:
            at = rng.randrange(1, len(data))
            self._carry(self.peer.arrive, data[:at])
            data = data[at:]
        self._carry(self.peer.arrive, data)

    def arrive(self, data: bytes) -> None:
        """Take bytes from the other end."""
        if not self._closing:
            self._unread.append(data)
            self._call(self._read)

    def _read(self) -> None:
        if self._unread and self._reading and not self._closing:
            data, self._unread = b"".join(self._unread), []
            assert isinstance(self._protocol, asyncio.Protocol)
            self._protocol.data_received(data)

    def pause_reading(self) -> None:
        """Let bytes wait."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take them again."""
        self._reading = True
        self._call(self._read)

    def is_reading(self) -> bool:
        """Whether bytes are taken."""
        return self._reading

    def close(self) -> None:
        """Break the connection off; what was written still arrives."""
        self.abort()

    def abort(self) -> None:
        """Break the connection off."""
        if not self._closing and (self._process is None or self._process.acts()):
            self._lost()
            self._carry(self.peer.lost)

    def _cut(self) -> None:
        """Tell the other end only: nobody is left at this one."""
        self._closing = True
        self._carry(self.peer.lost)

    def lost(self) -> None:
        """Take the news that the connection is no more."""
        if not self._closing:
            self._lost()

    def _lost(self) -> None:
        self._closing = True
        self._call(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        """Whether it is broken off."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Return 0: the network takes everything at once."""
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return what is never reached."""
        return HIGH_WATER, HIGH_WATER

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore it."""

    def _call(self, callback: Callable[..., object], *args: object) -> None:
        self._loop.call_soon(callback, *args, context=self._context)

    def _carry(self, arrives: Callable[..., object], *args: object) -> None:
        # In order: nothing overtakes what was sent before it.
        self._latest_arrival = max(self._latest_arrival, self._loop.time() + self._loop.delay()) + 1e-9
        self._loop.call_at(self._latest_arrival, arrives, *args, context=self._loop.nobody)


class _Socket:
    """What is left of a socket where bytes are simulated."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        return self._address

    def setsockopt(self, *_: object) -> None:
        pass


class Listener:
    """What `create_server` returns; listens until it is closed or its process dies."""

    def __init__(self, address: Address, factory: Callable[[], asyncio.BaseProtocol], process: Process | None) -> None:
        """Made by `create_server`."""
        self.factory = factory
        self.process = process
        self.sockets = (_Socket(address),)
        self.closed = False

    @property
    def listens(self) -> bool:
        """Whether connections are taken."""
        return not self.closed and (self.process is None or self.process.alive)

    def close(self) -> None:
        """Take no more connections."""
        self.closed = True

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""


class StreamLoop(SimulatedLoop):
    """A simulated loop whose `create_server` and `create_connection` find each other."""

    def __init__(self, rng: Random) -> None:
        """Begin without listeners; `rng` says how long bytes take."""
        super().__init__(rng)
        self.nobody = copy_context()
        self._listeners: dict[Address, Listener] = {}

    def delay(self) -> float:
        """Return how long something takes to arrive."""
        return self.rng.uniform(0.1, 1.0) * LONGEST_DELAY_S

    async def create_server(  # type: ignore[override]  # as much of it as is used
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: object
    ) -> Listener:
        """Listen there, in the place of who listened before."""
        listener = self._listeners[host, port] = Listener((host, port), factory, running_process())
        return listener

    async def create_connection(  # type: ignore[override]  # as much of it as is used
        self, factory: Callable[[], ProtocolT], host: str, port: int, **_: object
    ) -> tuple[End, ProtocolT]:
        """Connect to who listens there; OSError if that is nobody."""
        client = factory()
        await asyncio.sleep(self.delay())
        listener = self._listeners.get((host, port))
        if listener is None or not listener.listens:
            await asyncio.sleep(self.delay())
            raise ConnectionRefusedError(f"nobody listens on {host}:{port}")
        ours = End(self, client, running_process())
        theirs = End(self, listener.factory(), listener.process)
        ours.peer, theirs.peer = theirs, ours
        theirs.connect()
        await asyncio.sleep(self.delay())
        client.connection_made(ours)
        return ours, client
