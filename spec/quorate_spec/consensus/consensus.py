"""Consensus.tla in Python: one sequence of chosen values, which only ever grows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

Chosen = tuple[Hashable, ...]

INITIAL: Final[Chosen] = ()


def choose(before: Chosen, after: Chosen) -> bool:
    """Whether one or more values were chosen, after all that were; what was chosen stays."""
    return len(after) > len(before) and after[: len(before)] == before


def allowed(before: Chosen, after: Chosen) -> bool:
    """Whether the step is one of Spec: values were chosen, or nothing happened."""
    return after == before or choose(before, after)
