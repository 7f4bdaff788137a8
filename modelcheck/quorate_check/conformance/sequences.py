"""Shortest sequences of actions, whatever the specification: a breadth-first search from what was to what should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)
S = TypeVar("S", bound=Hashable)

Sequence = tuple[str, ...]
Way = tuple[tuple[str, P], ...]  # actions in order, each with the position it leads to
CONFORMS = "ConformsToSpecification"
STUTTERS = "nothing"  # what explains a step that changes nothing the specification has


def reached(start: P, goal: P, most: int, successors: Callable[[P], Iterator[tuple[str, P]]]) -> dict[P, Way[P]]:
    """Return where at most `most` actions lead, each with a shortest way; stops at the goal, if it comes to it."""
    found: dict[P, Way[P]] = {start: ()}
    frontier = [start]
    for _ in range(most):
        if goal in found:
            break
        following = []
        for at in frontier:
            for name, after in successors(at):
                if after not in found:
                    found[after] = (*found[at], (name, after))
                    following.append(after)
        frontier = following
    return found


def names_of(way: Way[P]) -> Sequence:
    """Return the actions of a way."""
    return tuple(name for name, _ in way)


@dataclass
class Explanations(Generic[S]):
    """Explains steps as they come; `sequences` counts the distinct ones by what explains them."""

    explain: Callable[[S], Sequence | None]
    sequences: Counter[Sequence] = field(default_factory=Counter)
    explained: dict[S, Sequence | None] = field(default_factory=dict)

    def judge(self, step: S) -> bool:
        """Whether something explains `step`."""
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
