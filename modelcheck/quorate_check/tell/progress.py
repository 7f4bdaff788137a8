"""The progress of a search in one line, for the commands and for checks inside tests."""

from __future__ import annotations

from typing import Protocol


class Counted(Protocol):
    """The figures that every report of a search has."""

    @property
    def states(self) -> int:
        """Distinct states found so far."""

    @property
    def transitions(self) -> int:
        """Moves made so far."""

    @property
    def step_executions(self) -> int:
        """How often the real step function ran so far."""

    @property
    def depth(self) -> int:
        """Moves from the initial state so far."""

    @property
    def seconds(self) -> float:
        """Time since the search began."""

    @property
    def waiting(self) -> int:
        """States that were found and not expanded yet: the frontier."""


def time_left(done: int, total: int, seconds: float) -> str:
    """Return the estimated time for the rest of the work, as the end of a line, "" before the first one is done."""
    if not 0 < done < total:
        return ""
    left = seconds * (total - done) / done
    return f"; about {left:.0f} s left" if left < 90 else f"; about {left / 60:.0f} min left"


def search_line(p: Counted) -> str:
    """Return the progress line of a search."""
    rate = p.transitions / p.seconds / 1e6 if p.seconds else 0.0
    return (
        f"depth {p.depth}, {p.states:,} states, {p.waiting:,} of them waiting, {rate:.1f} M transitions/s, "
        f"{p.step_executions:,} real steps, {p.seconds:.0f} s"
    )


def walks_line(p: Counted) -> str:
    """Return the progress line of random walks."""
    return f"{p.transitions:,} transitions, {p.step_executions:,} real steps, {p.seconds:.0f} s"
