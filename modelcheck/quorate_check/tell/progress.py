"""The progress of a search in one line, for the commands and for checks inside tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class SearchFigures(Protocol):
    """The figures that every report of a search has."""

    @property
    def states(self) -> int:
        """Distinct states found so far."""

    @property
    def transitions(self) -> int:
        """Transitions made so far."""

    @property
    def step_executions(self) -> int:
        """The number of runs of the real step function so far."""

    @property
    def depth(self) -> int:
        """The depth in steps that the search has reached."""

    @property
    def seconds(self) -> float:
        """Seconds since the search began."""

    @property
    def waiting(self) -> int:
        """States found and not expanded yet: the size of the frontier."""

    @property
    def stored(self) -> Mapping[str, int] | None:
        """Figures of states that are stored outside this process, as `Exploration.stored` has them; else None."""


def time_left(done: int, total: int, seconds: float) -> str:
    """Return the estimated time for the rest of the work, as the end of a line; "" before the first item is done."""
    if not 0 < done < total:
        return ""
    seconds_left = seconds * (total - done) / done
    return f"; about {seconds_left:.0f} s left" if seconds_left < 90 else f"; about {seconds_left / 60:.0f} min left"


def search_line(p: SearchFigures) -> str:
    """Return the progress line of a search."""
    rate = p.transitions / p.seconds / 1e6 if p.seconds else 0.0
    stored = "" if p.stored is None else f"{stored_text(p.stored)}, "
    return (
        f"depth {p.depth}, {p.states:,} states, {p.waiting:,} of them waiting, {rate:.1f} M transitions/s, "
        f"{stored}{p.step_executions:,} real steps, {p.seconds:.0f} s"
    )


def stored_text(stored: Mapping[str, int]) -> str:
    """Return where the states are stored, and how many bytes that takes, in words."""
    if "disk_bytes" in stored:
        return f"{size(stored['disk_bytes'])} on disk"
    return f"{stored['actors']} actors, {sent_text(stored)}"


def sent_text(stored: Mapping[str, int]) -> str:
    """Return how many bytes went to the actors of a search and came from them, in words."""
    if "reply_bytes" in stored:
        return f"{size(stored['request_bytes'])} of requests for steps, {size(stored['reply_bytes'])} of answers"
    return f"{size(stored['successor_bytes'])} of states sent, {size(stored['table_bytes'])} of steps"


def size(number: float) -> str:
    """Return a number of bytes in a readable unit."""
    unit = 0
    while number >= 1024 and unit < len(UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.3g} {UNITS[unit]}" if number < 1000 else f"{number:.0f} {UNITS[unit]}"


def walks_line(p: SearchFigures) -> str:
    """Return the progress line of random walks."""
    return f"{p.transitions:,} transitions, {p.step_executions:,} real steps, {p.seconds:.0f} s"
