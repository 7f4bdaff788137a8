"""Numbers for the indices and rounds that are in a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise


def renumbered(rounds: Iterable[int]) -> dict[int, int]:
    """Return the smallest numbers with the same order, the same neighbours and the same 0."""
    numbers = {0: 0}
    for earlier, later in pairwise(sorted({0, *rounds})):
        numbers[later] = numbers[earlier] + min(2, later - earlier)
    return numbers


def runs_of(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers among ascending indices."""
    cuts = [position for position in range(1, len(indices)) if indices[position] != indices[position - 1] + 1]
    for start, end in pairwise([0, *cuts, len(indices)] if indices else []):
        yield indices[start], indices[end - 1]
