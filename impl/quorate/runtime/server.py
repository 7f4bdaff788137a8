"""A server without its protocol: start, turns, requests and orderly end.

A server does everything in one event loop. All that arrives in one turn of the loop is handled together at the end of
the turn, which begins a write, if none is under way; messages that wait for the write leave when it is done. A protocol
is a subclass, which handles messages, requests, time and finished writes.

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

P = TypeVar("P")  # the write of one step
C = TypeVar("C")  # messages of the core, which may wait for the disk
M = TypeVar("M")  # messages of the transport


class Pending(Protocol):
    """The requests without an outcome."""

    def __len__(self) -> int:
        """About how many there are."""
        ...

    def close(self) -> None:
        """Give up all requests."""
        ...


class Clock(Protocol):
    """A timer that calls the server."""

    def cancel(self) -> None:
        """Stop the timer."""
        ...


class Server(ABC, Generic[P, C, M]):
    """One member of a cluster, which serves from `start` until `stop`, all in one event loop.

    The future `failed` gets an exception, the reason, if the server can't go on.
    """

    failed: "asyncio.Future[None]"
    LOG: ClassVar[logging.Logger]
    WHY_WAITING: ClassVar[str]  # the reason in the outcome of a request that made no progress

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

    # Methods of a protocol.

    @abstractmethod
    def _load(self) -> None:
        """Load the contents of the disk."""

    @abstractmethod
    def _start_clocks(self) -> Iterable[Clock]:
        """Start the timers and return them."""

    @abstractmethod
    def _receive(self, peer: NodeId, message: M | Arriving) -> None:
        """Handle a message from a peer."""

    def _lost(self, peer: NodeId) -> None:
        """Handle the end of a connection to or from `peer`."""

    @abstractmethod
    def _refusal(self, payload: bytes) -> str | None:
        """Why a request is refused, None if it isn't."""

    @abstractmethod
    def _accept(self, request: Request) -> None:
        """Queue a request until the end of the turn."""

    @abstractmethod
    def _turn(self) -> None:
        """End a turn: handle all that has arrived, and send the messages that may leave."""

    @abstractmethod
    def _may_block(self) -> bool:
        """Whether a quick write may block the event loop."""

    @abstractmethod
    def _written(self, written: Written[P, C]) -> None:
        """Handle a finished write: send the messages that waited for it."""

    @abstractmethod
    def _disk_full(self) -> None:
        """Handle a full disk, to which nothing can be written until there is room."""

    @abstractmethod
    async def _leave(self) -> None:
        """Finish the requests under way, and hand over leadership, but not for long."""

    # Starting and stopping.

    async def start(self) -> None:
        """Load the contents of the disk and join the cluster; raises the errors of storage and transport."""
        self._loop = asyncio.get_running_loop()
        self.failed = self._loop.create_future()
        self._load()
        self._clocks = tuple(self._start_clocks())
        await self._transport.start(self._arrived, self._lost)

    async def stop(self) -> None:
        """Finish the requests under way that are quick, give every request its outcome, and close everything."""
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
        """Stop sending, because the contents of the disk or the meaning of the log are unknown."""
        self.LOG.critical("stopping", extra={"reason": str(error)})
        self._halt()
        self.failed.set_exception(error)

    # Requests and turns.

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Apply (`write`) or answer `payload`, here or at the leader.

        `done` is called exactly once, in the event loop and after this call, soon after `request_timeout_s` at the
        latest. A read is linearizable; a write takes effect at most once.
        """
        now = self._loop.time()
        request = Request(write, payload, done, now, now + self._settings.request_timeout_s, why=self.WHY_WAITING)
        if (why := self._why_not(payload)) is not None:
            self._loop.call_soon(request.finish, NotDone(why))
        else:
            self._accept(request)
            self._want_turn()

    def _why_not(self, payload: bytes) -> str | None:
        if self._leaving.has_begun or self._stopped:
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
        """Count a step and queue its write; return the messages that may leave now."""
        self._steps += 1
        return self._disk.add(self._steps, persist, send_now, send_when_durable)

    # What is counted.

    def _send(self, peer: NodeId, message: M) -> bool:
        """Send a message; return False if it was dropped."""
        is_sent = self._transport.send(peer, message)
        if not is_sent and self._metrics is not None:
            self._metrics.dropped(peer)
        return is_sent

    def _count(self, oldest: float, entries: int) -> None:
        """Record that `entries` entries were applied, the oldest of which arrived at `oldest`."""
        if self._metrics is not None:
            self._metrics.committed(self._loop.time() - oldest, entries)
