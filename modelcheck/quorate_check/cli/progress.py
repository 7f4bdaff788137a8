"""The progress of a search on standard error: a live line on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from rich.live import Live
from rich.spinner import Spinner

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console

PLAIN_INTERVAL_S = 2.0
PATIENCE_S = 1.5  # a compiled search reports earlier


P = TypeVar("P")


def announce(console: Console, name: str, duration: str) -> None:
    """Print, before work that takes minutes, how long it takes."""
    line = f"{name}: takes {duration} on two idle cores; Ctrl-C ends it with the results so far"
    console.print(line, highlight=False)


class Display(Generic[P]):
    """Shows the latest progress of the work `name`, as text by `words`, until its context ends.

    `silence` explains why there is none yet.
    """

    def __init__(self, console: Console, name: str, silence: str, words: Callable[[P], str]) -> None:
        self.console, self.name, self.silence, self.words = console, name, silence, words
        self.latest: P | None = None
        self.start = time.perf_counter()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._live: Live | None = None

    def report(self, progress: P) -> None:
        """Record the current progress; cheap, for it is called between rounds."""
        self.latest = progress

    def rename(self, name: str) -> Callable[[P], None]:
        """Show another search from now on, and return what it reports to."""
        self.name, self.silence = name, "searching"
        self.latest, self.start = None, time.perf_counter()
        return self.report

    def line(self) -> str:
        """Return the display as text."""
        if self.latest is not None:
            return f"{self.name}: {self.words(self.latest)}"
        seconds = time.perf_counter() - self.start
        return f"{self.name}: {self.silence if seconds > PATIENCE_S else 'starting'}, {seconds:.0f} s"

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            spinner = Spinner("line")

            def current() -> Spinner:
                spinner.update(text=self.line())
                return spinner

            self._live = Live(get_renderable=current, console=self.console, transient=True, refresh_per_second=8)
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._print_lines, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._live is not None:
            self._live.stop()
        if self._thread is not None:
            self._thread.join()

    def _print_lines(self) -> None:
        while not self._end.wait(PLAIN_INTERVAL_S):
            self.console.print(self.line(), markup=False, highlight=False, soft_wrap=True)
