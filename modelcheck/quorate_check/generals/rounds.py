"""Closed rounds: each loyal node receives every combination of possible messages, and equal outcomes are counted once.

Traitors have no state here. Their choices, and those of a bad network, for one node in one round are a list of slots; a
run is one choice for each slot of all nodes and rounds. A node's outcome in a round depends only on its own slots. So
each node is stepped alone, and its distinct outcomes are combined with those of the others. The number of runs with
each outcome is multiplied, so that all runs are counted although few are executed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from quorate_check.generals.watch import NO_WATCH, Watch

MOST_STEPS = 1_000_000  # steps of nodes and combinations of their outcomes: less than a minute


class TooLargeError(Exception):
    """The instance is too large to examine; the text has an estimate of the work."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One message to a node in each of its possible forms, None for silence.

    `sent` is the message that a loyal node sent, None if a traitor is the sender.
    """

    options: tuple[Any, ...]
    sent: Any = None


Arrival = tuple[Slot, Any]  # a slot, and the option of it that arrived


@dataclass(frozen=True, slots=True)
class Game:
    """Loyal nodes by id before the start, and the rules.

    `arrivals(round, node, flight, knowledge)` returns the slots of a node in the order of their arrival. `flight` are
    the messages of this round between loyal nodes. `knowledge` is the union of `learn(messages)` over all messages
    sent so far: what traitors can use. `broken(nodes)` names the promises that the final nodes break.
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
    knowledge: frozenset[Any]


_Ways = tuple[int, tuple[Arrival, ...]]  # the number of choices that lead to an outcome, and one of them
_Predecessors = dict[_Position, tuple[_Position, tuple[tuple[Arrival, ...], ...]]]


def play(game: Game, tally: Tally, watch: Watch = NO_WATCH) -> None:
    """Add all runs of `game` to `tally`.

    Raises TooLargeError when `tally` has more than MOST_STEPS steps, and StoppedError if `watch` has a reason to end;
    then `tally` has no runs of this game.
    """
    ids = [i for i, _ in game.start]
    initial = [game.end_round(node) for _, node in game.start]
    positions = {_position(game, ids, frozenset(), initial): 1}
    predecessors: list[_Predecessors] = []
    for number in range(1, game.rounds + 1):
        next_positions: dict[_Position, int] = {}
        predecessor: _Predecessors = {}
        for position, runs in positions.items():
            watch.check()
            outcomes = [_outcomes(game, number, i, node, position) for i, node in zip(ids, position.nodes, strict=True)]
            tally.steps += sum(map(len, outcomes)) + prod(map(len, outcomes))
            if tally.steps > MOST_STEPS:
                least = len(positions) * prod(map(len, outcomes))
                raise TooLargeError(f"round {number} of {game.rounds} alone takes about {least:,} combinations")
            for combined in product(*(o.items() for o in outcomes)):
                after = _position(game, ids, position.knowledge, [outcome for outcome, _ in combined])
                next_positions[after] = next_positions.get(after, 0) + runs * prod(ways for _, (ways, _) in combined)
                if after not in predecessor:
                    predecessor[after] = (position, tuple(choices for _, (_, choices) in combined))
        predecessors.append(predecessor)
        positions = next_positions
    _judge(game, tally, positions, predecessors)


def _position(
    game: Game, ids: list[int], knowledge: frozenset[Any], outcomes: list[tuple[Any, tuple[Any, ...]]]
) -> _Position:
    sent = tuple(message for _, messages in outcomes for message in messages)
    flight = tuple(message for message in sent if game.dest(message) in ids)
    return _Position(tuple(node for node, _ in outcomes), flight, knowledge | game.learn(sent))


def _outcomes(
    game: Game,
    number: int,
    i: int,
    node: Any,  # noqa: ANN401 - nodes are the subject's own
    position: _Position,
) -> dict[tuple[Any, tuple[Any, ...]], _Ways]:
    """Return the states of a node after a round, with its messages and the choices that lead there."""
    nodes: dict[Any, _Ways] = {node: (1, ())}
    for slot in game.arrivals(number, i, position.flight, position.knowledge):
        next_nodes: dict[Any, _Ways] = {}
        for (before, (ways, choices)), option in product(nodes.items(), slot.options):
            after = before if option is None else game.receive(before, option)
            count, example = next_nodes.get(after, (0, (*choices, (slot, option))))
            next_nodes[after] = (count + ways, example)
        nodes = next_nodes
    outcomes: dict[tuple[Any, tuple[Any, ...]], _Ways] = {}
    for after, (ways, choices) in nodes.items():
        outcome = game.end_round(after)
        count, example = outcomes.get(outcome, (0, choices))
        outcomes[outcome] = (count + ways, example)
    return outcomes


def _judge(game: Game, tally: Tally, ends: dict[_Position, int], predecessors: list[_Predecessors]) -> None:
    ids = [i for i, _ in game.start]
    for end, runs in ends.items():
        tally.runs += runs
        tally.ends.add(end.nodes)
        for name in game.broken(dict(zip(ids, end.nodes, strict=True))):
            tally.violations[name] = tally.violations.get(name, 0) + runs
            if name not in tally.examples:
                rounds, nodes = tuple(_path_to(end, predecessors))[::-1], tuple(zip(ids, end.nodes, strict=True))
                tally.examples[name] = RunRecord(rounds, nodes)


def _path_to(end: _Position, predecessors: list[_Predecessors]) -> Iterator[tuple[tuple[Arrival, ...], ...]]:
    position = end
    for predecessor in reversed(predecessors):
        position, choices = predecessor[position]
        yield choices
