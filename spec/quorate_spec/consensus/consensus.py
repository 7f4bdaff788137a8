"""Consensus.tla in Python: one sequence of chosen values that only grows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

Chosen = tuple[Hashable, ...]

INITIAL: Final[Chosen] = ()


def choose(before: Chosen, after: Chosen) -> bool:
    """Whether the step appends one or more values to those chosen before, which stay."""
    return len(after) > len(before) and after[: len(before)] == before


def allowed(before: Chosen, after: Chosen) -> bool:
    """Whether the step is one of Spec: values were chosen, or nothing changed."""
    return after == before or choose(before, after)
