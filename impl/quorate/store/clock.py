"""The time that a leader proposes with each command.

The clocks of members differ and jump, so no member decides by its own clock when a key expires. The leader writes its
time into the log beside each command, and keys expire by the time in the log, on all members alike. A leader never
proposes less than

- the time that the log has reached, so that time doesn't go back when the next leader's clock is slow;
- its last proposal plus the time since then on the monotonic clock, so that time goes on at its pace when the leader's
  clock is set back.

A clock that is set forward lets keys expire early, as in Redis; from then on time goes on from there.
"""

import time
from collections.abc import Callable

MOST_MS = 2**62  # since 1970; a clock with a later time is broken


def wall_ms() -> int:
    """Return the time of this machine in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Return the monotonic time in milliseconds since an arbitrary moment."""
    return time.monotonic_ns() // 1_000_000


class Clock:
    """The clock of one member."""

    def __init__(self, wall: Callable[[], int] = wall_ms, steady: Callable[[], int] = steady_ms) -> None:
        """`wall` returns the time since 1970, `steady` the monotonic time; both in milliseconds."""
        self._wall = wall
        self._steady = steady
        self._proposed = 0
        self._proposed_at = steady()

    def propose(self, reached: int) -> int:
        """Return the time for the next command, not before `reached`, that of the log; in milliseconds since 1970."""
        steady = self._steady()
        passed = max(steady - self._proposed_at, 0)
        self._proposed = min(max(self._wall(), reached, self._proposed + passed), MOST_MS)
        self._proposed_at = steady
        return self._proposed
