"""Clocks on an event loop: two that are put off again and again, one that comes back regularly."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

_LATE: Final = 0.25  # of the timeout: later than a busy loop is


class ElectionTimer:
    """Calls `expired` when nothing has restarted it for a random time from [timeout_s, 2 * timeout_s) (§5.2).

    Restarting is frequent and cheap: it moves a deadline, and leaves the loop's timer to find out. A loop that comes
    late to find out, for its machine or its process stood still, heard nobody meanwhile: it waits once more.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeout_s: float, rng: Random, expired: Callable[[], None]
    ) -> None:
        """Begin to run."""
        self._loop = loop
        self._timeout_s = timeout_s
        self._rng = rng
        self._expired = expired
        self._waits_again = False
        self.restart()
        self._sleep()

    def restart(self) -> None:
        """Wait a whole new timeout from now on."""
        self._deadline = self._loop.time() + self._timeout_s * (1 + self._rng.random())

    def cancel(self) -> None:
        """Never call again."""
        self._handle.cancel()

    def _wake(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            was_late = now - self._due > _LATE * self._timeout_s
            self.restart()
            self._waits_again = was_late and not self._waits_again
            if not self._waits_again:
                self._expired()
        self._sleep()

    def _sleep(self) -> None:
        self._due = self._deadline
        self._handle = self._loop.call_at(self._due, self._wake)


class Timer:
    """Calls `expired` so many seconds after it was last restarted, if ever it was."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        """Wait to be started."""
        self._loop = loop
        self._expired = expired
        self._handle: asyncio.TimerHandle | None = None

    def restart(self, seconds: float) -> None:
        """Wait so long from now on."""
        self.cancel()
        self._handle = self._loop.call_later(seconds, self._expired)

    def cancel(self) -> None:
        """Don't call, unless it is restarted."""
        if self._handle is not None:
            self._handle.cancel()


class Ticker:
    """Calls `tick` every `interval_s` seconds; ticks that were missed are not made up for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float, tick: Callable[[], None]) -> None:
        """Begin to run; the first tick is after one interval."""
        self._loop = loop
        self._interval_s = interval_s
        self._tick = tick
        self._handle = loop.call_later(interval_s, self._wake)

    def cancel(self) -> None:
        """Never call again."""
        self._handle.cancel()

    def _wake(self) -> None:
        self._handle = self._loop.call_later(self._interval_s, self._wake)
        self._tick()
