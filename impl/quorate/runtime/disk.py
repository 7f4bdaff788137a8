"""The queue of `quorate.disk` in front of a real, asynchronous disk, for drivers.

One transaction is under way at a time; the writes of later steps are collected and become the next, with one fsync.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from quorate.disk import Queue, add, flush
from quorate.runtime.interfaces import DiskFullError, Storage

log = logging.getLogger("quorate.server")

MOST_STEPS_WITHOUT_ROOM = 4_096


P = TypeVar("P")  # the write of one step
M = TypeVar("M")  # messages


@dataclass(frozen=True, slots=True)
class Written(Generic[P, M]):
    """All writes of the steps up to `step` are on disk: `persists`, oldest first. Now send `messages`."""

    step: int
    messages: tuple[M, ...]
    persists: tuple[P, ...]


@dataclass(frozen=True, slots=True)
class _Numbered(Generic[P]):
    step: int
    persist: P


@dataclass
class DiskQueue(Generic[P, M]):
    """The writes that are not durable yet, in the order of their steps.

    If `may_block()`, a quick write may be done within `begin`. In the event loop `on_written` is called after each
    successful write, `on_full` after each write that found no room (the first `begin` after `retry_s` seconds tries
    again), and `on_failed` once, when the contents of the disk have become unknown.
    """

    disk: Storage[P]
    retry_s: float
    may_block: Callable[[], bool]
    on_written: Callable[[Written[P, M]], None]
    on_full: Callable[[], None]
    on_failed: Callable[[BaseException], None]
    full: bool = field(default=False, init=False)
    _queue: Queue[_Numbered[P], M] = field(default=(), init=False)
    _step: int = field(default=0, init=False)
    _writing: "asyncio.Future[None] | None" = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def is_overdue(self) -> bool:
        """Whether so many steps wait for a full disk that no more should be made."""
        return self.full and self._step - self._queue[0].persist.step >= MOST_STEPS_WITHOUT_ROOM

    @property
    def writing_s(self) -> float:
        """How many seconds the current write has taken so far; 0 if there is none."""
        return 0.0 if self._writing is None else asyncio.get_running_loop().time() - self._began

    def add(
        self, step: int, persist: P | None, send_now: tuple[M, ...], send_when_durable: tuple[M, ...]
    ) -> tuple[M, ...]:
        """Queue the write of step number `step`; return the messages that may leave now."""
        self._step = step
        numbered = None if persist is None else _Numbered(step, persist)
        self._queue, leaving = add(self._queue, numbered, send_now, send_when_durable)
        return leaving

    def begin(self) -> None:
        """Begin to write the whole queue, unless a write is under way or the disk was full a moment ago."""
        if self._closed or self._writing is not None or not self._queue:
            return
        if self.full and asyncio.get_running_loop().time() < self._not_before:
            return
        count = len(self._queue)
        self._began = asyncio.get_running_loop().time()
        self._writing = self.disk.write([write.persist.persist for write in self._queue], may_block=self.may_block())
        self._writing.add_done_callback(lambda future: self._done(count, future))

    def _done(self, count: int, future: "asyncio.Future[None]") -> None:
        self._writing = None
        if future.cancelled():
            return
        error = future.exception()
        if self._closed:
            if error is not None:
                log.warning("the last write failed", extra={"reason": str(error)})
        elif error is None:
            if self.full:
                log.info("the disk has room again")
            self.full = False
            self.on_written(self._flush(count))
            self.begin()
        elif isinstance(error, DiskFullError):
            self._not_before = asyncio.get_running_loop().time() + self.retry_s
            if not self.full:
                log.error("the disk is full: acknowledging nothing until there is room", extra={"reason": str(error)})
            self.full = True
            self.on_full()
        else:
            self._closed = True
            self.on_failed(error)

    def _flush(self, count: int) -> Written[P, M]:
        written, self._queue = flush(self._queue, count)
        # Later steps without a write are durable, too.
        step = self._queue[0].persist.step - 1 if self._queue else self._step
        messages = tuple(message for write in written for message in write.messages)
        return Written(step, messages, tuple(write.persist.persist for write in written))

    async def close(self) -> None:
        """Wait for the current write; drop the rest of the queue and its messages."""
        self._closed = True
        if self._writing is not None:
            await asyncio.wait([self._writing])
