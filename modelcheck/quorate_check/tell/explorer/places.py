"""Places in a system's state space: a path of choices from the initial state, and the link that names it.

A choice is the number of an edge among `behaviour.attempts` of a state, in their order. A link is the choices of a
path, and a digest of the moves that they stand for: a link that would lead elsewhere now is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock

from quorate_check.core import behaviour
from quorate_check.core.behaviour import Edge
from quorate_check.core.path import GlobalState, Move, Path, Step
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.values import same
from quorate_check.tell.explorer.endless import endless

LONGEST_PATH, MOST_PLACES = 1_000, 4_000
DIGITS = 8  # of a digest
LINK = re.compile(r"(\d{1,6}(?:\.\d{1,6})*)-([0-9a-f]{8})")


@dataclass(frozen=True, eq=False)
class Place:
    """The end of a path; `broken` is the promise that its last step or state breaks, `detail` what the step raised.

    A step that raises or exceeds the capacity leads nowhere: then `state` is the one before it, and there are no edges.
    """

    system: System
    parent: Place | None
    choice: int
    digest: str
    step: Step | None
    state: GlobalState
    broken: str
    detail: str = ""

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges of the state, which the choices number."""
        is_end = self.step is not None and self.step.after is None
        return () if is_end else tuple(behaviour.attempts(self.system, self.state))

    @property
    def chain(self) -> list[Place]:
        """The places on the path, from the initial state to this one."""
        places, place = [self], self
        while place.parent is not None:
            place = place.parent
            places.append(place)
        return places[::-1]

    @property
    def link(self) -> str:
        """The text by which a page names this place; empty for the initial state."""
        choices = ".".join(str(place.choice) for place in self.chain[1:])
        return f"{choices}-{self.digest[:DIGITS]}" if choices else ""

    @cached_property
    def path(self) -> Path:
        """The path to this place; if it breaks a promise of liveness by going on for ever, as such a path."""
        first, *others = self.chain
        steps = tuple(place.step for place in others if place.step is not None)
        return endless(self.system, Path(first.state, steps, self.broken, self.detail))


class Places:
    """The places of one system, of which the most recent are kept."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._cache = OrderedDict[tuple[int, ...], Place]()
        self._lock = RLock()
        digest = hashlib.sha256(repr((system.name, system.initial)).encode()).hexdigest()
        state = behaviour.start(system)
        broken = behaviour.broken_at_end(system, state) or ""
        self.start = Place(system, None, 0, digest, None, state, broken)

    def at(self, link: str) -> Place:
        """Return the place that a link names; raise UnusableSystemError if it doesn't lead there any more."""
        if not link:
            return self.start
        if (match := LINK.fullmatch(link)) is None:
            raise UnusableSystemError(f"the link {link[:40]!r} names no path")
        place = self.end_of([int(number) for number in match[1].split(".")])
        if place.digest[:DIGITS] != match[2]:
            raise UnusableSystemError(
                "this link belongs to another system, to other bounds or to earlier code: its steps are others now"
            )
        return place

    def end_of(self, choices: Sequence[int]) -> Place:
        """Return the place after `choices`; raise UnusableSystemError if there is none."""
        if len(choices) > LONGEST_PATH:
            raise UnusableSystemError(f"a path here has at most {LONGEST_PATH:,} steps")
        with self._lock:
            length = next((n for n in range(len(choices), 0, -1) if tuple(choices[:n]) in self._cache), 0)
            place = self._cache[tuple(choices[:length])] if length else self.start
            for n in range(length, len(choices)):
                if not choices[n] < len(place.edges):
                    count = len(place.edges)
                    raise UnusableSystemError(
                        f"step {n + 1} of this link isn't possible: there are {count} steps there"
                    )
                place = self._next(place, choices[n])
                self._cache[tuple(choices[: n + 1])] = place
            while len(self._cache) > MOST_PLACES:
                self._cache.popitem(last=False)
            return place

    def follow(self, place: Place, steps: Iterable[Step]) -> Place:
        """Return the place after `steps` from `place`; raise UnusableSystemError if one of them isn't possible."""
        choices = [each.choice for each in place.chain[1:]]
        for step in steps:
            place = self.end_of(choices)
            choices.append(choice_of(place, step.move))
        return self.end_of(choices)

    def _next(self, place: Place, choice: int) -> Place:
        move, outcome, after = place.edges[choice]
        digest = next_digest(place, move)
        if outcome is not None and isinstance(outcome.local, behaviour.Raised):
            text = outcome.local.text
            return Place(self.system, place, choice, digest, Step(move, None), place.state, behaviour.RAISED, text)
        broken = behaviour.first_broken(self.system, place.state, move, outcome, after) or ""
        return Place(self.system, place, choice, digest, Step(move, after), after or place.state, broken)


def choice_of(place: Place, move: Move) -> int:
    """Return the number of `move` among the edges of a place; raise UnusableSystemError if it isn't among them."""
    for number, (other, _, _) in enumerate(place.edges):
        if (other.kind, other.node, other.choice) == (move.kind, move.node, move.choice) and same(
            other.event, move.event
        ):
            return number
    raise UnusableSystemError(f"step {len(place.chain)} isn't possible here: {move.kind.value} {move.event!r}")


def next_digest(place: Place, move: Move) -> str:
    """Return the digest of the path to `place` that goes on with `move`."""
    text = f"{place.digest} {move.kind.value} {move.node} {move.event!r} {move.choice}"
    return hashlib.sha256(text.encode()).hexdigest()


def link_of_next(place: Place, choice: int) -> str:
    """Return the link of the place that a choice leads to."""
    choices = ".".join(str(each.choice) for each in place.chain[1:])
    digest = next_digest(place, place.edges[choice][0])[:DIGITS]
    return f"{choices}.{choice}-{digest}" if choices else f"{choice}-{digest}"
