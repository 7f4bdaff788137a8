"""A limit on the bytes of requests and replies that a node holds for all its clients together.

While the limit is reached, the node doesn't read from its clients: what they send waits in their sockets. Each client
has an allowance of its own, so that small requests, and those of administrators, are served meanwhile. The client that
has been above its allowance for the longest time is always read from, so that its request ends and frees its bytes; if
that client sends nothing for STALLED_S, its connection is closed.
"""

from collections.abc import Callable
from typing import Final, Protocol

ALLOWANCE_BYTES: Final = 64 * 1024
STALLED_S: Final = 5.0


class Holder(Protocol):
    """A client whose memory is counted."""

    def go_on(self) -> None:
        """Call `may_read` again, but not from within this call."""
        ...

    def leave_if_stalled(self, since: float) -> None:
        """Close the connection if a request is incomplete and nothing has arrived since the time `since`."""
        ...


class Budget:
    """Hands out `most_bytes` to all clients together, beside the allowance of each."""

    def __init__(self, most_bytes: int) -> None:
        """Begin with nothing handed out."""
        self._most_bytes = most_bytes
        self._bytes_above: dict[Holder, int] = {}
        self._waiting: dict[Holder, None] = {}
        self.used = 0

    def may_read(self, client: Holder, size: int) -> bool:
        """Record that a client holds `size` bytes; return whether to read from it. If not, `go_on` is called later."""
        if size <= ALLOWANCE_BYTES and client not in self._bytes_above:
            return True  # as nearly always: nothing was handed out to it, and nothing is now
        self._hold(client, size)
        self._waiting.pop(client, None)
        is_free = client not in self._bytes_above or next(iter(self._bytes_above)) is client
        may_read = is_free or self.used < self._most_bytes
        if not may_read:
            self._waiting[client] = None
        self._call_next()
        return may_read

    def leave(self, client: Holder) -> None:
        """Forget a client and free its bytes."""
        self._waiting.pop(client, None)
        self._hold(client, 0)
        self._call_next()

    def relieve(self, call_later: Callable[[Callable[[], None]], object], since: float) -> None:
        """Close the stalled client that keeps others waiting, if any, and let all waiting clients ask again."""
        if not self._waiting:
            return
        first = next(iter(self._bytes_above))
        if self.used >= self._most_bytes:
            first.leave_if_stalled(since)
        for client in (first, *self._waiting):
            call_later(client.go_on)

    def _hold(self, client: Holder, size: int) -> None:
        above = max(0, size - ALLOWANCE_BYTES)
        self.used += above - self._bytes_above.get(client, 0)
        if above:
            self._bytes_above[client] = above
        else:
            self._bytes_above.pop(client, None)

    def _call_next(self) -> None:
        """Call one waiting client: the oldest holder, else the first in the queue. Its `may_read` calls the next."""
        client = next(iter(self._bytes_above), None)
        if client not in self._waiting and self.used < self._most_bytes:
            client = next(iter(self._waiting), None)
        if client is not None and client in self._waiting:
            del self._waiting[client]
            client.go_on()
