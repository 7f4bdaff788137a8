"""A server that is asked to end takes no more requests, and leaves when those that it has are done, or soon after."""

import asyncio
from contextlib import suppress


class Leaving:
    """Whether a server leaves, and whether it led; `drain` waits until nobody needs it."""

    def __init__(self) -> None:
        self.begun = self.resigned = False

    def begin(self) -> None:
        """Leave."""
        self.begun = True
        self._drained = asyncio.Event()

    def note(self, *, nobody_waits: bool) -> None:
        """Note whether nobody waits for this server any more."""
        if self.begun and nobody_waits:
            self._drained.set()

    async def drain(self, longest_s: float) -> None:
        """Wait until that is noted, but not longer than so many seconds."""
        self._drained.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._drained.wait()
