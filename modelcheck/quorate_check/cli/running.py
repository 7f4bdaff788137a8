"""Runs searches with a progress display; Ctrl-C ends a search with the results so far."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quorate_check import engine
from quorate_check.api.witnesses import search_for_witness, witness_result
from quorate_check.cli.options import DEFAULT_WORKERS, Engine, cores, memory_bytes
from quorate_check.cli.progress import Display
from quorate_check.core.system import NetworkKind, System, UnusableSystemError
from quorate_check.engine import Limits, plain
from quorate_check.engine.caching import compiling
from quorate_check.tell.progress import SearchFigures, search_line

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from quorate_check.core.verdict import Exploration

Stop = Callable[[], str | None]
COMPILING = compiling()
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


_order: ContextVar[Stop] = ContextVar("order", default=lambda: None)


@contextmanager
def obeying(order: Stop) -> Iterator[None]:
    """Have what is interruptible in this context stop for the reasons of `order`, too."""
    token = _order.set(order)
    try:
        yield
    finally:
        _order.reset(token)


@contextmanager
def interruptible(console: Console) -> Iterator[Stop]:
    """Turn the first SIGINT or SIGTERM into a reason to stop; a second one ends the process at once."""
    order = _order.get()
    reasons: list[str] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        console.show_cursor()
        reasons.append(WORDS[signal.Signals(number)])
        for signal_number in WORDS:
            signal.signal(signal_number, signal.SIG_DFL)

    handlers = {number: signal.signal(number, interrupt) for number in WORDS}
    try:
        yield lambda: reasons[0] if reasons else order()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Search:
    """The engine, the depth and the resources of a search."""

    engine: Engine
    limits: Limits
    folder: Path | None = None

    @staticmethod
    def of(
        engine: Engine,
        workers: int | None,
        depth: int | None,
        memory_gib: float | None,
        checkpoint: Path | None = None,
        *,
        full: bool = True,
        disk: Path | None = None,
        ray: str | None = None,
        coverage: bool = False,
    ) -> Search:
        """Return the search that the options ask for; raise UnusableSystemError if there is none."""
        default = 1 if engine is Engine.REFERENCE else min(DEFAULT_WORKERS, cores())
        threads = default if workers is None else workers
        limits = Limits(
            depth, threads, memory_bytes(memory_gib), reduced=not full, disk=disk, ray=ray, coverage=coverage
        )
        if engine is Engine.REFERENCE and (limits.workers > 1 or limits.memory is not None):
            raise UnusableSystemError("--engine reference: the plain search takes neither --workers nor --memory")
        if engine is Engine.REFERENCE and (checkpoint, disk, ray) != (None, None, None):
            raise UnusableSystemError(
                "--engine reference: the plain search has no checkpoints and no files, and is one process"
            )
        return Search(engine, limits, checkpoint)

    def explore(self, system: System, stop: Stop, display: Display[SearchFigures]) -> Exploration:
        """Search `system`."""
        if self.engine is Engine.REFERENCE:
            return plain.explore(system, depth=self.limits.depth, stop=stop, coverage=self.limits.coverage)
        if system.network.kind is NetworkKind.ANY:
            self._refuse_options_of_levels()
        try:
            return engine.explore(system, self.limits, stop=stop, report=display.report, folder=self.folder)
        except MemoryError as error:
            size = self.limits.bytes >> 30
            raise UnusableSystemError(f"{size} GiB of memory are not available: give less with --memory") from error

    def _refuse_options_of_levels(self) -> None:
        """Refuse the options of a search that finds states level by level."""
        limits = self.limits
        options = {"--depth": limits.depth, "--disk": limits.disk}
        for flag, value in options.items():
            if value is not None:
                raise UnusableSystemError(
                    f"{flag} {value}: a search of any number of messages has no levels and no files; omit it, "
                    "or bound the network (raft and conform: --network unordered)"
                )

    def run_for(self, system: System, witness: str | None, console: Console) -> tuple[System, Exploration]:
        """Search `system`, or look in it for a path to `witness`; return the system searched and the result."""
        if witness is None:
            return system, self.run(system, system.name, console)
        target = search_for_witness(system, witness)
        return target, witness_result(self.run(target, f"{system.name}: {witness}", console))

    def run(self, system: System, name: str, console: Console) -> Exploration:
        """Search `system`, and show the progress on `console`."""
        silence = COMPILING if self.engine is Engine.COMPILED else "searching in plain Python"
        with interruptible(console) as stop, Display(console, name, silence, search_line) as display:
            return self.explore(system, stop, display)
