"""The limits of a check: its time, the memory of its process, and an interruption."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate_check.history.search import SearchResult

GIB = 1 << 30
STATM = Path("/proc/self/statm")
RESIDENT = 1  # the field of it, in pages


def resident_bytes() -> int:
    """Return the memory of this process in bytes; where Linux doesn't give it, the peak so far."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[RESIDENT]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(slots=True)
class Budget:
    """Says why to stop: `seconds` have passed since it was made, this process occupies more `bytes`, an interruption.

    Memory is measured, not estimated: the size of a configuration depends on how many operations overlap.
    """

    seconds: float | None = None
    bytes: int | None = None
    interrupted: Callable[[], str | None] = lambda: None
    _start_s: float = 0.0

    def __post_init__(self) -> None:
        self._start_s = time.perf_counter()

    def __call__(self, _result: SearchResult) -> str | None:
        """Return the reason to stop, None to go on."""
        if (reason := self.interrupted()) is not None:
            return reason
        if self.seconds is not None and time.perf_counter() - self._start_s >= self.seconds:
            return f"the limit of {self.seconds:g} s was reached"
        if self.bytes is not None and resident_bytes() > self.bytes:
            return f"the limit of {self.bytes / GIB:.2g} GiB was reached"
        return None
