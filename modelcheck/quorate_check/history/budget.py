"""The limits of a check: time, memory of its process, and interruption."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate_check.history.search import Found

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
    """Says when to stop: after so many seconds from now, when this process occupies more bytes, or when interrupted.

    Memory is measured, not estimated: what a configuration takes depends on how much overlaps.
    """

    seconds: float | None = None
    bytes: int | None = None
    interrupted: Callable[[], str | None] = lambda: None
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self, _found: Found) -> str | None:
        """Return the reason to stop, None to go on."""
        if (reason := self.interrupted()) is not None:
            return reason
        if self.seconds is not None and time.perf_counter() - self._began >= self.seconds:
            return f"the limit of {self.seconds:g} s was reached"
        if self.bytes is not None and resident_bytes() > self.bytes:
            return f"the limit of {self.bytes / GIB:.2g} GiB was reached"
        return None
