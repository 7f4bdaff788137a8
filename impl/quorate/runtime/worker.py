"""One thread for jobs that must not block the event loop, with less overhead than asyncio's executors.

An executor has two futures for each call, and locks for both, which is noticeable beside a commit of a few hundred
microseconds. A callback through the event loop costs as much again; so the loop may wait for a job that is likely to be
quick, but only for a bounded time.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

Result = TypeVar("Result")


class Worker:
    """A thread that runs jobs in the order of calls."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, job: Callable[[], Result], wait_s: float = 0.0) -> "asyncio.Future[Result]":
        """Run `job` in the thread, to its end even if nobody waits; the future gets its result or exception.

        If the job takes less than `wait_s` seconds, for which the event loop blocks, the future is done when this
        returns.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        handover = _Handover(loop)
        self._jobs.put(partial(_do, job, future, handover))
        if wait_s:
            handover.wait(wait_s)
        else:
            handover.leave()
        return future

    def close(self) -> None:
        """Wait until all jobs are done and end the thread; no more jobs may follow."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class _Handover:
    """Passes a job's result from its thread to the event loop: to a waiting caller, or else as a callback."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answer: Callable[[], None] | None = None
        self._answer_lock = Lock()
        self._answer_lock.acquire()
        self._claim = Lock()  # the first of the two threads takes it; the second settles the future

    def answer(self, answer: Callable[[], None]) -> None:
        """Hand the result over; called in the thread."""
        self._answer = answer
        self._answer_lock.release()
        if not self._claim.acquire(blocking=False):
            # In a loop that has been closed, nobody waits any longer.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(answer)

    def wait(self, seconds: float) -> None:
        """Wait for the result, at most `seconds`."""
        if not self._answer_lock.acquire(timeout=seconds):
            self.leave()
        elif self._answer is not None:
            self._answer()

    def leave(self) -> None:
        """Take the result if it is there, or let the thread call back later."""
        if not self._claim.acquire(blocking=False) and self._answer is not None:
            self._answer()


def _do(job: Callable[[], Result], future: "asyncio.Future[Result]", handover: _Handover) -> None:
    try:
        answer = partial(_settle, future, future.set_result, job())
    except BaseException as error:  # noqa: BLE001  # whoever asked for the job gets it
        answer = partial(_settle, future, future.set_exception, error)
    handover.answer(answer)


Value = TypeVar("Value")


def _settle(future: "asyncio.Future[Result]", settle: Callable[[Value], None], value: Value) -> None:
    if not future.done():
        settle(value)
