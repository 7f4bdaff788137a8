"""The orderly end of a server: it takes no more requests, and stops when those that it has are done, or soon after."""

import asyncio
from contextlib import suppress


class Leaving:
    """Whether a server is stopping, and hands over what it does; `drain` waits until no request is left."""

    def __init__(self) -> None:
        self.has_begun = self.hands_over = False

    def begin(self) -> None:
        """Begin to stop."""
        self.has_begun = True
        self._drained = asyncio.Event()

    def note(self, *, nobody_waits: bool) -> None:
        """Record whether no request waits for this server any more."""
        if self.has_begun and nobody_waits:
            self._drained.set()

    async def drain(self, longest_s: float) -> None:
        """Wait until no request waits, at most `longest_s` seconds."""
        self._drained.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._drained.wait()
