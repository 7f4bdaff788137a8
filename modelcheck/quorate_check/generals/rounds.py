"""Closed rounds: each loyal node receives everything that can arrive, and equal outcomes are counted together.

Traitors have no state here. Their choices, and those of a bad network, for one node in one round are a list of slots; a
run is one choice for each slot of all nodes and rounds. What a node makes of its slots doesn't depend on the others',
so that each node is stepped alone, and only its different outcomes are combined with those of the others. Every run
counts, but few are made one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from quorate_check.generals.watch import NOBODY, Watch

MOST_STEPS = 1_000_000  # of nodes, and combinations of their outcomes: less than a minute


class TooLargeError(Exception):
    """The instance can't be examined; the text has an estimate of what it would take."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that may reach a node in one of several ways, None for silence.

    `sent` is what a loyal node sent, None if the slot is a traitor's own.
    """

    options: tuple[Any, ...]
    sent: Any = None


Arrival = tuple[Slot, Any]  # and which of its options it was


@dataclass(frozen=True, slots=True)
class Game:
    """Loyal nodes by id before the start, and the rules.

    `arrivals(round, node, flight, seen)` are the slots of a node, in the order in which they arrive; `flight` is what
    loyal nodes sent to loyal nodes in this round and `seen` what all sent messages so far add up to, by `learn`, for
    traitors. `broken(nodes)` names the promises that the nodes break at the end.
    """

    start: tuple[tuple[int, Any], ...]
    rounds: int
    receive: Callable[[Any, Any], Any]
    end_round: Callable[[Any], tuple[Any, tuple[Any, ...]]]
    dest: Callable[[Any], int]
    arrivals: Callable[[int, int, tuple[Any, ...], frozenset[Any]], list[Slot]]
    learn: Callable[[tuple[Any, ...]], frozenset[Any]]
    broken: Callable[[Mapping[int, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: the arrivals by round and loyal node, and the final nodes."""

    rounds: tuple[tuple[tuple[Arrival, ...], ...], ...]
    end: tuple[tuple[int, Any], ...]


@dataclass(slots=True)
class Tally:
    """The number of runs, the number that break each promise, and one example of each."""

    runs: int = 0
    steps: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    examples: dict[str, RunRecord] = field(default_factory=dict)
    ends: set[tuple[Any, ...]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Position:
    """A state between two rounds, with the number of runs that lead there."""

    nodes: tuple[Any, ...]
    flight: tuple[Any, ...]
    seen: frozenset[Any]


_Way = tuple[int, tuple[Arrival, ...]]  # how many choices lead here, and one of them
_Back = dict[_Position, tuple[_Position, tuple[tuple[Arrival, ...], ...]]]


def play(game: Game, tally: Tally, watch: Watch = NOBODY) -> None:
    """Add all runs of `game` to `tally`; TooLargeError when that takes more than MOST_STEPS altogether.

    StoppedError if `watch` has a reason; then `tally` has no runs of this game.
    """
    ids = [i for i, _ in game.start]
    begun = [game.end_round(node) for _, node in game.start]
    now = {_position(game, ids, frozenset(), begun): 1}
    backs: list[_Back] = []
    for number in range(1, game.rounds + 1):
        then: dict[_Position, int] = {}
        back: _Back = {}
        for position, runs in now.items():
            watch.look()
            outcomes = [_outcomes(game, number, i, node, position) for i, node in zip(ids, position.nodes, strict=True)]
            tally.steps += sum(map(len, outcomes)) + prod(map(len, outcomes))
            if tally.steps > MOST_STEPS:
                least = len(now) * prod(map(len, outcomes))
                raise TooLargeError(f"round {number} of {game.rounds} alone takes about {least:,} combinations")
            for combined in product(*(o.items() for o in outcomes)):
                after = _position(game, ids, position.seen, [outcome for outcome, _ in combined])
                then[after] = then.get(after, 0) + runs * prod(ways for _, (ways, _) in combined)
                if after not in back:
                    back[after] = (position, tuple(chosen for _, (_, chosen) in combined))
        backs.append(back)
        now = then
    _judge(game, tally, now, backs)


def _position(
    game: Game, ids: list[int], seen: frozenset[Any], outcomes: list[tuple[Any, tuple[Any, ...]]]
) -> _Position:
    sent = tuple(message for _, messages in outcomes for message in messages)
    flight = tuple(message for message in sent if game.dest(message) in ids)
    return _Position(tuple(node for node, _ in outcomes), flight, seen | game.learn(sent))


def _outcomes(
    game: Game,
    number: int,
    i: int,
    node: Any,  # noqa: ANN401 - nodes are the subject's own
    position: _Position,
) -> dict[tuple[Any, tuple[Any, ...]], _Way]:
    """Return the states of a node after a round, with its messages and the choices that lead there."""
    nodes: dict[Any, _Way] = {node: (1, ())}
    for slot in game.arrivals(number, i, position.flight, position.seen):
        following: dict[Any, _Way] = {}
        for (before, (ways, chosen)), option in product(nodes.items(), slot.options):
            after = before if option is None else game.receive(before, option)
            known, example = following.get(after, (0, (*chosen, (slot, option))))
            following[after] = (known + ways, example)
        nodes = following
    outcomes: dict[tuple[Any, tuple[Any, ...]], _Way] = {}
    for after, (ways, chosen) in nodes.items():
        outcome = game.end_round(after)
        known, example = outcomes.get(outcome, (0, chosen))
        outcomes[outcome] = (known + ways, example)
    return outcomes


def _judge(game: Game, tally: Tally, ends: dict[_Position, int], backs: list[_Back]) -> None:
    ids = [i for i, _ in game.start]
    for end, runs in ends.items():
        tally.runs += runs
        tally.ends.add(end.nodes)
        for name in game.broken(dict(zip(ids, end.nodes, strict=True))):
            tally.violations[name] = tally.violations.get(name, 0) + runs
            if name not in tally.examples:
                rounds, nodes = tuple(_way_to(end, backs))[::-1], tuple(zip(ids, end.nodes, strict=True))
                tally.examples[name] = RunRecord(rounds, nodes)


def _way_to(end: _Position, backs: list[_Back]) -> Iterator[tuple[tuple[Arrival, ...], ...]]:
    position = end
    for back in reversed(backs):
        position, chosen = back[position]
        yield chosen
