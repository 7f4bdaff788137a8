"""The progress line and the handling of Ctrl-C of a search that a test or a script started."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Self

from quorate_check.tell.progress import SearchFigures, search_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

PATIENCE_S, INTERVAL_S = 1.0, 0.25  # before the first line, and between lines
INTERRUPTED = "interrupted"


class Watch:
    """Shows the progress of the search of the system `name`, and turns the first Ctrl-C into a reason to end it.

    A second Ctrl-C raises KeyboardInterrupt at once, for a step function may never return. A handler of SIGINT other
    than Python's own stays in place. Outside the main thread nothing is shown and no signal is handled.
    """

    def __init__(self, name: str, show: Callable[[str], None]) -> None:
        self._in_main = threading.current_thread() is threading.main_thread()
        self.name, self.show = name, show if self._in_main else lambda _line: None
        self.interrupted = False
        self._start = time.monotonic()
        self._next = self._start + PATIENCE_S
        self._listens = False

    def prepare(self) -> None:
        """Show that the search is being compiled, during which it reports no progress."""
        self.show(f"{self.name}: starting; what has never run here is compiled first")

    def stop(self) -> str | None:
        """Return the reason to end the search now, if there is one."""
        return INTERRUPTED if self.interrupted else None

    def stop_plain(self) -> str | None:
        """Show the time of the search in plain Python, which reports no progress; return `stop()`."""
        self._show_line(lambda: f"searching in plain Python, {time.monotonic() - self._start:.0f} s")
        return self.stop()

    def report(self, progress: SearchFigures) -> None:
        """Show how far the search has come, at most once in INTERVAL_S."""
        self._show_line(lambda: search_line(progress))

    def _show_line(self, line: Callable[[], str]) -> None:
        if (time_s := time.monotonic()) >= self._next:
            self._next = time_s + INTERVAL_S
            self.show(f"{self.name}: {line()}")

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __enter__(self) -> Self:
        self._listens = self._in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._listens:
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Erase the line; after a Ctrl-C, raise KeyboardInterrupt in place of an exception, so that the run ends."""
        if self._listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.show("")
        if self.interrupted and isinstance(error, Exception):
            raise KeyboardInterrupt(str(error)) from error
