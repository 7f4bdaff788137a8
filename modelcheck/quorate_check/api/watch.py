"""What happens beside a search that a test or a script started: a line that says how it goes, and Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Self

from quorate_check.tell.progress import Counted, search_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

PATIENCE_S, INTERVAL_S = 1.0, 0.25  # before the first line, and between lines
INTERRUPTED = "interrupted"


class Watch:
    """Says how the search of the system called `name` goes, and turns the first Ctrl-C into a reason to end it.

    The second Ctrl-C raises KeyboardInterrupt wherever it meets the search, for a step function may never return.
    Handlers that somebody else has set for SIGINT are left alone. Outside the main thread nothing is said or heard.
    """

    def __init__(self, name: str, show: Callable[[str], None]) -> None:
        self._in_main = threading.current_thread() is threading.main_thread()
        self.name, self.show = name, show if self._in_main else lambda _line: None
        self.interrupted = False
        self._began = time.monotonic()
        self._next = self._began + PATIENCE_S
        self._listens = False

    def prepare(self) -> None:
        """Say at once why nothing may be said for a while."""
        self.show(f"{self.name}: starting; what has never run here is compiled first")

    def stop(self) -> str | None:
        """Return the reason to end the search now, if there is one."""
        return INTERRUPTED if self.interrupted else None

    def stop_plain(self) -> str | None:
        """Return the same to the search in plain Python, which reports nothing else."""
        self._say(lambda: f"searching in plain Python, {time.monotonic() - self._began:.0f} s")
        return self.stop()

    def report(self, progress: Counted) -> None:
        """Say how the search stands, if it is time to."""
        self._say(lambda: search_line(progress))

    def _say(self, line: Callable[[], str]) -> None:
        if (now := time.monotonic()) >= self._next:
            self._next = now + INTERVAL_S
            self.show(f"{self.name}: {line()}")

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __enter__(self) -> Self:
        self._listens = self._in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._listens:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take the line away; if there was a Ctrl-C, end what called the search, too, whatever came of it."""
        if self._listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.show("")
        if self.interrupted and isinstance(error, Exception):
            raise KeyboardInterrupt(str(error)) from error
