"""One thread for what must not hold up the event loop, handed over with less ado than by asyncio's executors.

An executor has two futures for each call, and locks for both, which is felt beside a commit of a few hundred
microseconds.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class Worker:
    """A thread that does one job after the other, in the order in which they are asked for."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, job: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Begin `job`, which is done to its end even if nobody waits; the future has what it returns or raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._jobs.put(partial(_do, job, loop, future))
        return future

    def close(self) -> None:
        """Return when all is done that was asked for; nothing may be asked for afterwards."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _do(job: Callable[[], Result], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Result]") -> None:
    try:
        answer = partial(_settle, future, future.set_result, job())
    except BaseException as error:  # noqa: BLE001  # whoever asked for the job gets it
        answer = partial(_settle, future, future.set_exception, error)
    # In a loop that has been closed, nobody waits any longer.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(answer)


Value = TypeVar("Value")


def _settle(future: "asyncio.Future[Result]", settle: Callable[[Value], None], value: Value) -> None:
    if not future.done():
        settle(value)
