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


def search_line(p: Counted) -> str:
    """Return how far a search has come."""
    rate = p.transitions / p.seconds / 1e6 if p.seconds else 0.0
    return (
        f"depth {p.depth}, {p.states:,} states, {rate:.1f} M transitions/s, {p.step_executions:,} real steps, "
        f"{p.seconds:.0f} s"
    )


def walks_line(p: Counted) -> str:
    """Return how far random walks have come."""
    return f"{p.transitions:,} moves, {p.step_executions:,} real steps, {p.seconds:.0f} s"
