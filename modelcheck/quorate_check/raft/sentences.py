"""How a broken promise of Raft is put, of the implementation and of the specification alike.

Logs and what was applied are sequences from index 1 on, None where nothing is known; `told` has words for an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Protocol, TypeVar

Names = tuple[str, ...]


class Termed(Protocol):
    """An entry of a log."""

    @property
    def term(self) -> int:
        """The term in which a leader appended it."""


E = TypeVar("E", bound=Termed)
Told = Callable[[E | None], str]


def at(log: Sequence[E | None], index: int) -> E | None:
    """Return the entry at `index`, None if there is none."""
    return log[index - 1] if 0 < index <= len(log) else None


def two_leaders(names: Names, one: frozenset[int], other: frozenset[int]) -> str:
    """Say which term two servers led."""
    return f"{names[0]} and {names[1]} both led term {min(one & other)}."


def logs_differ(names: Names, one: Sequence[E | None], other: Sequence[E | None], told: Told[E]) -> str:
    """Say where two logs agree on a term, and before it differ."""
    for index in range(min(len(one), len(other)), 0, -1):
        mine, others = at(one, index), at(other, index)
        if mine is not None and others is not None and mine.term == others.term and one[:index] != other[:index]:
            bad = next(i for i in range(1, index + 1) if at(one, i) != at(other, i))
            held = f"{names[0]} has {told(at(one, bad))} and {names[1]} has {told(at(other, bad))}"
            return f"Both logs have an entry of term {mine.term} at index {index}, but at index {bad} {held}."
    raise AssertionError("the logs match")


def leader_lacks(
    leaders: Iterable[tuple[str, int, Sequence[E | None]]],
    applied: Sequence[tuple[str, Sequence[tuple[E, int]]]],
    told: Told[E],
) -> str:
    """Say which committed entry one of the leaders (name, term and log) lacks, and who applied it by which term."""
    for who, term, log in leaders:
        for name, entries in applied:
            for index, (entry, by) in enumerate(entries, start=1):
                if by <= term and (held := at(log, index)) != entry:
                    return (
                        f"{who} leads term {term} and has {told(held)} at index {index}, where {name} had applied "
                        f"{told(entry)} by term {by}."
                    )
    raise AssertionError("the leaders have every committed entry")


def applied_differ(names: Names, one: Sequence[E], other: Sequence[E], told: Told[E]) -> str:
    """Say which index two servers applied different entries at."""
    for index, mine, others in zip(count(1), one, other, strict=False):
        if mine != others:
            return f"At index {index} {names[0]} applied {told(mine)} and {names[1]} applied {told(others)}."
    raise AssertionError("the servers applied the same")


def sent_again(leaders: Iterable[tuple[str, Sequence[int], Sequence[int]]]) -> str:
    """Say for which peer a leader's next_index isn't above its match_index; each has a name, and then these."""
    for name, match, following in leaders:
        for peer, held, sent in zip(count(1), match, following, strict=False):
            if held >= sent:
                return f"{name} knows s{peer} to hold index {held}, and would send index {sent} next."
    raise AssertionError("every next_index is above its match_index")


def not_appended(name: str, term: int, before: Sequence[E | None], after: Sequence[E | None], told: Told[E]) -> str:
    """Say which entry of its own log the leader of a term changed."""
    index = next(i for i in range(1, len(before) + 1) if at(before, i) != at(after, i))
    had, has = told(at(before, index)), told(at(after, index))
    return f"{name}, the leader of term {term}, had {had} at index {index} of its log and now has {has} there."
