"""How far a search may go, and where it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate_check.core.system import UnusableSystemError

GIB = 1 << 30
DEFAULT_SHARE = 0.7  # of the machine's memory
MOST_WORKERS = 64


LEAST_BYTES = GIB >> 6


@dataclass(frozen=True, slots=True)
class Limits:
    """How far and with what a search may go: steps from the initial state, workers, bytes.

    Workers are threads; where any number of messages is in flight they are processes, and with `ray`, the address of a
    Ray cluster or `local`, actors there, and the memory is that of each machine. `reduced` searches fewer states, with
    the same tuples of local states: without useless messages (`useless.py`), and without those that differ from one of
    an earlier level only by having used more of their budgets. A search to a depth is whole, because it is steps of the
    whole search that are counted. States that don't fit into the memory lie in the folder `disk`, if there is one.
    With `coverage` the steps run once more after the search, to see which lines of the code they run.
    """

    depth: int | None = None
    workers: int = 1
    memory: int | None = None
    reduced: bool = False
    disk: Path | None = None
    ray: str | None = None
    coverage: bool = False

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be searched."""
        if self.depth is not None and self.depth < 0:
            raise UnusableSystemError(f"depth {self.depth} is negative")
        if not 1 <= self.workers <= MOST_WORKERS:
            raise UnusableSystemError(f"{self.workers} workers; between 1 and {MOST_WORKERS} can share the work")
        if self.memory is not None and self.memory < LEAST_BYTES:
            raise UnusableSystemError(f"{self.memory} bytes of memory are too few to search in; give at least 16 MiB")

    @property
    def bytes(self) -> int:
        """The memory for states: what was given, or 70 % of what the machine has."""
        if self.memory is not None:
            return self.memory
        return int(DEFAULT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands; `waiting` states were found and not expanded yet, `stored` is as in `Exploration`."""

    depth: int
    states: int
    transitions: int
    step_executions: int
    seconds: float
    waiting: int = 0
    stored: Mapping[str, int] | None = None


class Ceiling:
    """Ends a search that finds more than `most` states: give it `stop` and `report`."""

    def __init__(self, most: int, stop: Callable[[], str | None]) -> None:
        self._most, self._stop = most, stop
        self._states = 0

    def report(self, progress: Progress) -> None:
        """Note how many states there are."""
        self._states = progress.states

    def stop(self) -> str | None:
        """Return a reason to end the search, None if there is none."""
        return self._stop() or ("enough states" if self._states > self._most else None)
