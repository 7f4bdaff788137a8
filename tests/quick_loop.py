"""An event loop whose time passes at once, for what only waits for itself."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class NoWait(selectors.SelectSelector):
    """Moves the clock instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Pass the time at once; nothing to wait for at all is a test that hangs."""
        assert timeout is not None, "nothing is left to happen"
        self.now += max(timeout, 0)
        return super().select(0)


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` in an event loop whose time passes at once."""

    async def awaited() -> T:
        return await main()

    selector = NoWait()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(awaited())
