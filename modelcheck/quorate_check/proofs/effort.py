"""The limit of z3's work for one question, in z3's own units, so that a busy machine changes no answer.

z3 counts its work (`rlimit`); the same question takes the same number of units on every machine. Users give limits in
seconds of an idle core. Measured were 1 to 10 million units in a second, depending on the question.
"""

from __future__ import annotations

from typing import Final

UNITS_PER_SECOND: Final = 5_000_000
MOST_UNITS: Final = 2**32 - 1  # z3 keeps them in 32 bits

SLOWEST: Final = 30  # a process that takes this many times as long as on an idle core is considered hung
PATIENCE_S: Final = 60.0


def units(seconds: float) -> int:
    """Return the number of z3's units for `seconds` of an idle core."""
    return min(MOST_UNITS, max(1, round(seconds * UNITS_PER_SECOND)))


def longest_s(seconds: float) -> float:
    """Return the seconds of wall time after which a process limited to `seconds` of an idle core is ended."""
    return SLOWEST * seconds + PATIENCE_S
