"""What time it is, as a leader proposes it with each command.

Members' clocks differ and jump, so none of them decides by its own when a key expires. The leader's time stands in the
log beside each command, and keys expire as the log says, on all members alike. A leader never proposes less than

- the time that the log has reached, so that time doesn't go back when the next leader's clock is slow;
- what it proposed before and the time that has passed since by a clock that can't be set, so that time goes on at its
  pace if the leader's clock is put back.

A clock that is put forward lets keys expire early, as it would in Redis, and is followed at its pace ever after.
"""

import time
from collections.abc import Callable

MOST_MS = 2**62  # since 1970; any clock that says more is broken


def wall_ms() -> int:
    """Return the time of this machine in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Return how many milliseconds have passed since some moment."""
    return time.monotonic_ns() // 1_000_000


class Clock:
    """The clock of one member."""

    def __init__(self, wall: Callable[[], int] = wall_ms, steady: Callable[[], int] = steady_ms) -> None:
        """Take what tells the time since 1970, and what can't be set; both in milliseconds."""
        self._wall = wall
        self._steady = steady
        self._proposed = 0
        self._proposed_at = steady()

    def propose(self, reached: int) -> int:
        """Return the time for the next command, where the log has `reached` this one, in milliseconds since 1970."""
        steady = self._steady()
        passed = max(steady - self._proposed_at, 0)
        self._proposed = min(max(self._wall(), reached, self._proposed + passed), MOST_MS)
        self._proposed_at = steady
        return self._proposed
