"""Timers on an event loop: two that can be restarted, and one that ticks."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

_LATE: Final = 0.25  # of the timeout; a busy loop is less late


class ElectionTimer:
    """Calls `expired` after a random time from [timeout_s, 2 * timeout_s) without a restart (§5.2).

    Restarts are frequent and cheap: they move a deadline, which the loop's timer checks later. If the timer is late
    because the machine or the process stood still, no messages can have been received meanwhile, so it waits once more.
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
    """Calls `expired` the given number of seconds after the last restart."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        """The timer doesn't run before the first restart."""
        self._loop = loop
        self._expired = expired
        self._handle: asyncio.TimerHandle | None = None

    def restart(self, seconds: float) -> None:
        """Call `expired` after `seconds` from now on."""
        self.cancel()
        self._handle = self._loop.call_later(seconds, self._expired)

    def cancel(self) -> None:
        """Stop the timer until the next restart."""
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
