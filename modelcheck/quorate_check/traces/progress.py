"""The progress of a check of traces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceProgress:
    """The progress of a check, in bytes and lines of the traces."""

    bytes_read: int
    bytes_all: int
    lines: int
    seconds: float

    def __str__(self) -> str:
        share = self.bytes_read / self.bytes_all if self.bytes_all else 1.0
        return f"{share:.0%} read, {self.lines:,} lines judged, {self.seconds:.0f} s"
