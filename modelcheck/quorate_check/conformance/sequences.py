"""Shortest sequences of a specification's actions, by breadth-first search from the state before a step to that after.

A position is a state of one server with the messages that it has sent; a way is a sequence of actions that leads there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)
S = TypeVar("S", bound=Hashable)

Sequence = tuple[str, ...]
Way = tuple[tuple[str, P], ...]  # actions in order, each with the position after it
CONFORMS = "ConformsToSpecification"
STUTTERS = "nothing"  # printed for the empty sequence: the step changes no variable of the specification


def shortest_ways(start: P, goal: P, limit: int, successors: Callable[[P], Iterator[tuple[str, P]]]) -> dict[P, Way[P]]:
    """Return the positions that at most `limit` actions reach, each with a shortest way; stops at `goal`."""
    ways: dict[P, Way[P]] = {start: ()}
    frontier = [start]
    for _ in range(limit):
        if goal in ways:
            break
        next_frontier = []
        for position in frontier:
            for name, after in successors(position):
                if after not in ways:
                    ways[after] = (*ways[position], (name, after))
                    next_frontier.append(after)
        frontier = next_frontier
    return ways


def names_of(way: Way[P]) -> Sequence:
    """Return the actions of a way."""
    return tuple(name for name, _ in way)


@dataclass
class Explanations(Generic[S]):
    """Explains each distinct step once; `sequences` counts distinct steps by the sequence that explains them."""

    explain: Callable[[S], Sequence | None]
    sequences: Counter[Sequence] = field(default_factory=Counter)
    explained: dict[S, Sequence | None] = field(default_factory=dict)

    def judge(self, step: S) -> bool:
        """Whether a sequence of actions explains `step`."""
        if step not in self.explained:
            sequence = self.explain(step)
            self.explained[step] = sequence
            if sequence is not None:
                self.sequences[sequence] += 1
        return self.explained[step] is not None

    @property
    def steps(self) -> int:
        """The number of distinct steps, in the specification's terms."""
        return len(self.explained)

    @property
    def used(self) -> frozenset[str]:
        """The actions that explain some step."""
        return frozenset(name for sequence in self.sequences for name in sequence)

    def unused_among(self, names: tuple[str, ...], excluded: Mapping[str, str | bool]) -> dict[str, str | None]:
        """Return those of `names` that explain no step, with the reason if `excluded` has one for it."""
        reasons = {name: excluded.get(name) for name in names if name not in self.used}
        return {name: reason if isinstance(reason, str) else None for name, reason in reasons.items()}
