"""How far a search has come, in one line: what the commands show, and checks inside tests."""

from __future__ import annotations

from typing import Protocol


class Counted(Protocol):
    """What every report of a search says."""

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
    """Return about how long the rest of equal pieces of work takes, as an ending of a line, "" if it can't be known."""
    if not 0 < done < total:
        return ""
    left = seconds * (total - done) / done
    return f"; about {left:.0f} s left" if left < 90 else f"; about {left / 60:.0f} min left"


def search_line(p: Counted) -> str:
    """Return how far a search has come."""
    rate = p.transitions / p.seconds / 1e6 if p.seconds else 0.0
    return (
        f"depth {p.depth}, {p.states:,} states, {p.waiting:,} of them waiting, {rate:.1f} M transitions/s, "
        f"{p.step_executions:,} real steps, {p.seconds:.0f} s"
    )


def walks_line(p: Counted) -> str:
    """Return how far random walks have come."""
    return f"{p.transitions:,} transitions, {p.step_executions:,} real steps, {p.seconds:.0f} s"
