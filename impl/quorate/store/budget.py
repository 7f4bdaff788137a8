"""How many bytes of requests and replies a node holds for all its clients together.

Who comes when there is no room isn't read from: what it sends waits in its socket. Each client has a little of its own,
which nobody can take, so that small requests, and those who administer the node, are served meanwhile. One client, who
has held more than that for the longest time, is always read from, so that its request ends, and room comes of it; if it
sends nothing, it is left.
"""

from collections.abc import Callable
from typing import Final, Protocol

ALLOWANCE_BYTES: Final = 64 * 1024
STALLED_S: Final = 5.0


class Holder(Protocol):
    """A client, as far as its memory goes."""

    def go_on(self) -> None:
        """Ask for room again; not from within this call."""
        ...

    def leave_if_stalled(self, since: float) -> None:
        """End, if a request was begun and nothing has come since then."""
        ...


class Budget:
    """`most_bytes` for all clients together, beyond the allowance of each."""

    def __init__(self, most_bytes: int) -> None:
        """Begin with all of it."""
        self._most_bytes = most_bytes
        self._held: dict[Holder, int] = {}
        self._waiting: dict[Holder, None] = {}
        self.used = 0

    def may_read(self, client: Holder, size: int) -> bool:
        """Note how many bytes a client has here now; return whether it may send more, else it is called in its turn."""
        self._hold(client, size)
        self._waiting.pop(client, None)
        is_free = client not in self._held or next(iter(self._held)) is client
        may_read = is_free or self.used < self._most_bytes
        if not may_read:
            self._waiting[client] = None
        self._call_next()
        return may_read

    def leave(self, client: Holder) -> None:
        """Forget a client."""
        self._waiting.pop(client, None)
        self._hold(client, 0)
        self._call_next()

    def relieve(self, call_later: Callable[[Callable[[], None]], object], since: float) -> None:
        """Leave who keeps others waiting and has sent nothing `since`; call all who wait, if there is room."""
        if not self._waiting:
            return
        first = next(iter(self._held))
        if self.used >= self._most_bytes:
            first.leave_if_stalled(since)
        for client in (first, *self._waiting):
            call_later(client.go_on)

    def _hold(self, client: Holder, size: int) -> None:
        above = max(0, size - ALLOWANCE_BYTES)
        self.used += above - self._held.get(client, 0)
        if above:
            self._held[client] = above
        else:
            self._held.pop(client, None)

    def _call_next(self) -> None:
        """Call who may always go on, or else one who waits: each is called by the one before it while there is room."""
        client = next(iter(self._held), None)
        if client not in self._waiting and self.used < self._most_bytes:
            client = next(iter(self._waiting), None)
        if client is not None and client in self._waiting:
            del self._waiting[client]
            client.go_on()
