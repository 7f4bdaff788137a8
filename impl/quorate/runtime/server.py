"""A server, as far as its protocol doesn't matter: it starts, works in turns, takes requests, and ends in order.

A server does everything in one event loop. Whatever arrives in one turn of it is answered together, at the turn's end,
which ends with the start of a write, if none is under way; what waited for the write leaves when that is done. A
protocol is a subclass: it says what it makes of messages, requests, time and what was written, and how it leaves.

Time is the event loop's, so that a simulated loop runs the same code deterministically.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Generic, Protocol, TypeVar

from quorate.runtime.disk import DiskQueue, Written
from quorate.runtime.interfaces import Arriving, Metrics, NodeId, Storage, Transport
from quorate.runtime.leaving import Leaving
from quorate.runtime.outcomes import NotDone, Outcome
from quorate.runtime.requests import Request
from quorate.runtime.settings import Settings

P = TypeVar("P")  # what one step asks to be written
C = TypeVar("C")  # messages of the core, which may wait for the disk
M = TypeVar("M")  # messages of the transport


class Pending(Protocol):
    """Requests that have no outcome yet."""

    def __len__(self) -> int:
        """About how many they are."""
        ...

    def close(self) -> None:
        """Give up all of them."""
        ...


class Clock(Protocol):
    """What calls the server when it is time."""

    def cancel(self) -> None:
        """Never call again."""
        ...


class Server(ABC, Generic[P, C, M]):
    """One member: call `start`, then `submit`, and at last `stop`. Everything happens in one event loop.

    `failed` is a future that ends only if the server can't go on, with the reason as its exception.
    """

    failed: "asyncio.Future[None]"
    LOG: ClassVar[logging.Logger]
    WHY_WAITING: ClassVar[str]  # what a client is told whose request got nowhere

    def __init__(
        self,
        node_id: NodeId,
        settings: Settings,
        *,
        storage: Storage[P],
        transport: Transport[M],
        pending: Pending,
        metrics: Metrics | None,
    ) -> None:
        self._id = node_id
        self._settings = settings
        self._storage = storage
        self._transport = transport
        self._pending = pending
        self._metrics = metrics
        self._steps = 0
        self._turn_due = self._stopped = False
        self._leaving = Leaving()
        self._clocks: tuple[Clock, ...] = ()
        self._disk: DiskQueue[P, C] = DiskQueue(
            storage, settings.disk_retry_s, self._may_block, self._written, self._disk_full, self._fail
        )

    # What a protocol says.

    @abstractmethod
    def _load(self) -> None:
        """Take what the disk holds."""

    @abstractmethod
    def _start_clocks(self) -> Iterable[Clock]:
        """Begin to run."""

    @abstractmethod
    def _receive(self, peer: NodeId, message: M | Arriving) -> None:
        """Take what a peer says."""

    def _lost(self, peer: NodeId) -> None:
        """Take note that a connection to or from `peer` has ended."""

    @abstractmethod
    def _refusal(self, payload: bytes) -> str | None:
        """Why a request can't be taken, whoever asks; None if it can."""

    @abstractmethod
    def _accept(self, request: Request) -> None:
        """Take a request, to be dealt with when the turn ends."""

    @abstractmethod
    def _turn(self) -> None:
        """End a turn: deal with what has arrived, and let leave what may."""

    @abstractmethod
    def _may_block(self) -> bool:
        """Whether a quick write may hold up the event loop."""

    @abstractmethod
    def _written(self, written: Written[P, C]) -> None:
        """Take note of what is durable, and let leave what waited for it."""

    @abstractmethod
    def _disk_full(self) -> None:
        """Take note that nothing can be written until there is room."""

    @abstractmethod
    async def _leave(self) -> None:
        """Do what is under way, and see to it that nobody needs this server, but not for long."""

    # Starting and stopping.

    async def start(self) -> None:
        """Load what the disk holds and join the cluster; errors of storage and transport are raised as they are."""
        self._loop = asyncio.get_running_loop()
        self.failed = self._loop.create_future()
        self._load()
        self._clocks = tuple(self._start_clocks())
        await self._transport.start(self._arrived, self._lost)

    async def stop(self) -> None:
        """Leave: what is under way is done, as far as that is quick, every request gets its outcome, all is closed."""
        self._leaving.begin()
        if not self._stopped:
            await self._leave()
        self._halt()
        await self._disk.close()
        await self._transport.close()
        self._storage.close()
        self.LOG.info("stopped", extra={"node": self._id})

    def _halt(self) -> None:
        self._stopped = True
        self._leaving.note(nobody_waits=True)
        for clock in self._clocks:
            clock.cancel()
        self._pending.close()

    def _fail(self, error: BaseException) -> None:
        """Nobody knows what the disk holds, or what the log means: say no more to anybody."""
        self.LOG.critical("stopping", extra={"reason": str(error)})
        self._halt()
        self.failed.set_exception(error)

    # Requests and turns.

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Have `payload` applied (`write`) or answered by the state machine, wherever that is decided.

        `done` is called exactly once, in the event loop and never from within this call, soon after
        `request_timeout_s` at the latest. A read is linearizable; a write takes effect at most once.
        """
        now = self._loop.time()
        request = Request(write, payload, done, now, now + self._settings.request_timeout_s, why=self.WHY_WAITING)
        if (why := self._why_not(payload)) is not None:
            self._loop.call_soon(request.finish, NotDone(why))
        else:
            self._accept(request)
            self._want_turn()

    def _why_not(self, payload: bytes) -> str | None:
        if self._leaving.begun or self._stopped:
            return "the server is stopping"
        if len(self._pending) >= self._settings.max_pending:
            return "too many requests are pending"
        return self._refusal(payload)

    def _arrived(self, peer: NodeId, message: M | Arriving) -> None:
        if not self._stopped:
            self._receive(peer, message)

    def _want_turn(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_due = False
        if not self._stopped:
            self._turn()
            self._disk.begin()

    def _queue(self, persist: P | None, send_now: tuple[C, ...], send_when_durable: tuple[C, ...]) -> tuple[C, ...]:
        """Note one more step, and queue what it wants written; return the messages that may leave now."""
        self._steps += 1
        return self._disk.add(self._steps, persist, send_now, send_when_durable)

    # What is counted.

    def _send(self, peer: NodeId, message: M) -> bool:
        """Hand a message over at once; False if it was dropped."""
        is_sent = self._transport.send(peer, message)
        if not is_sent and self._metrics is not None:
            self._metrics.dropped(peer)
        return is_sent

    def _count(self, oldest: float, entries: int) -> None:
        """Note that so many entries are committed and applied, the oldest of which arrived at `oldest`."""
        if self._metrics is not None:
            self._metrics.committed(self._loop.time() - oldest, entries)
