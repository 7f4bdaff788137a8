"""How much z3 may do for one question: counted in its own units, so that a busy machine changes no answer.

z3 counts what it does (`rlimit`); the same question takes the same number on every machine. People think in seconds,
so limits are given in those of an idle core: measured were 1 to 10 million units in one, depending on the question.
"""

from __future__ import annotations

from typing import Final

UNITS_PER_SECOND: Final = 5_000_000
MOST_UNITS: Final = 2**32 - 1  # z3 keeps them in 32 bits

SLOWEST: Final = 30  # times as long as on an idle core: who takes longer than that hangs
PATIENCE_S: Final = 60.0


def units(seconds: float) -> int:
    """Return how many of z3's units are allowed where `seconds` of an idle core are."""
    return min(MOST_UNITS, max(1, round(seconds * UNITS_PER_SECOND)))


def longest_s(seconds: float) -> float:
    """Return after how much time on the clock a process that may take `seconds` of an idle core is given up."""
    return SLOWEST * seconds + PATIENCE_S
