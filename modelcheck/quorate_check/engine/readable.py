"""Among all shortest paths to a broken promise, the one that is easiest to read.

That is the path on which the acting node changes least often, then the one with the fewest failures; among equals the
first by its steps' text. The search stops at the first violations it meets, and which those are depends on how it was
shared among workers. So the level that it was in is expanded again to its end: all steps that break a promise there are
known then, and of the promises the first in the system's order is the one that is told. From these steps a pass of the
compiled `expand` over each earlier level finds the states that lie on a shortest path. Those are few, and on them the
costs are added up backwards, state by state. The path itself is then walked on the real code, as any other.

All of this depends on the system alone, not on the order in which its states were found: neither on the number of
workers nor on which of the renamings of a state was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.behaviour import DEADLOCK, RAISED, Raised, is_fault
from quorate_check.core.path import GlobalState, Move, Path, Step
from quorate_check.core.system import System
from quorate_check.core.values import memoize
from quorate_check.engine import kernel
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.networks import kind_of
from quorate_check.engine.shard import OutOfMemoryError, Shard, widen
from quorate_check.engine.tables import Tables
from quorate_check.engine.trace import not_believed, unpack
from quorate_check.engine.views import suspects
from quorate_check.engine.worker import CHUNK, Worker, sizes

MOST_STATES = 3_000_000  # that may have to be expanded again
MOST_ON_PATHS = 10_000  # states on shortest paths: each is looked at in plain Python

Cost = tuple[int, int]  # how often the acting node changes, how many failures there are
Bounds = list[list[tuple[int, int]]]  # of each level, where it begins and ends in each shard


class TooManyError(Exception):
    """There is too much to choose from; the text says what."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A move from one state on a shortest path to another, `permutation` on the way; the last one breaks a promise."""

    node: int | None
    fault: bool
    target: int = -1
    permutation: tuple[int, ...] = ()


def most_readable(
    tables: Tables, layout: Layout, shards: list[Shard], bounds: Bounds, *, path: Path, stop: Callable[[], str | None]
) -> Path:
    """Return the most readable of the paths that are as short as `path`; `path` with a note if that's too much work.

    `bounds` are those of the levels up to the one whose expansion found a violation.
    """
    try:
        return _Choice(tables, layout, shards, bounds, stop).path()
    except TooManyError as error:
        return replace(path, note=f"This is one of the shortest paths, as it was found: {error}.")
    except OutOfMemoryError:
        return replace(path, note="This is one of the shortest paths, as it was found: memory is full.")


def breaking(system: System, state: GlobalState) -> Iterator[tuple[Step, str, str]]:
    """Yield every move of `state` that breaks a promise: the step, the promise, and the text of what was raised.

    A step that breaks a promise of steps is told by that one, even if it leads to a state that breaks another.
    """
    for move, outcome, after in behaviour.attempts(system, state):
        if outcome is not None and isinstance(outcome.local, Raised):
            yield Step(move, None), RAISED, outcome.local.text
            continue
        name = behaviour.first_broken(system, state, move, outcome, after)
        if name not in {None, DEADLOCK}:  # a deadlock is found one level later
            yield Step(move, after), name, ""


class _Choice:
    """All shortest paths to the first promise that breaks, and the choice among them."""

    def __init__(
        self, tables: Tables, layout: Layout, shards: list[Shard], bounds: Bounds, stop: Callable[[], str | None]
    ) -> None:
        self.tables, self.layout, self.shards, self.bounds, self.stop = tables, layout, shards, bounds, stop
        self.system = tables.system
        self.levels: list[list[GlobalState]] = []
        self.costs: list[list[dict[int | None, Cost]]] = []
        self.places: list[dict[tuple[int, ...], int]] = []  # of the states of each level, by ids
        self.promise = ""

    def path(self) -> Path:
        """Return the most readable path."""
        states = sum(end - begin for level in self.bounds for begin, end in level)
        if states > MOST_STATES:
            raise TooManyError(f"to choose among them, {states:,} states would have to be expanded again")
        self.layout = widen(self.tables, self.layout, self.shards)  # the steps that were run last may need it
        self._find_states(self._last_level())
        self._add_up()
        return self._walk()

    def _successors(self, level: int) -> Iterator[Ints]:
        """Yield the successor records of all states of a level, some at a time."""
        for number, (begin, end) in enumerate(self.bounds[level]):
            worker, todo = Worker(number, len(self.shards), self.layout.words), np.arange(begin, end)
            while len(todo):
                if (reason := self.stop()) is not None:
                    raise TooManyError(reason)
                batch, numbers = todo[:CHUNK], sizes(self.tables, self.layout, len(self.shards))
                rest = worker.expand(self.tables, self.layout, batch, self.shards[number].arena.rows(batch), numbers)
                todo = np.concatenate([rest, todo[CHUNK:]])
                yield np.concatenate([w[:n] for w, n in zip(worker.out, worker.out_counts.tolist(), strict=True)])
                if len(worker.missing):
                    self.tables.execute(worker.missing)
                    self.layout = widen(self.tables, self.layout, self.shards)

    def _last_level(self) -> set[int]:
        """Return the states of the last level that enable a move that breaks the promise to be told."""
        candidates, last = set[int](), len(self.bounds) - 1
        words = self.layout.words
        for records in self._successors(last):
            words = self.layout.words
            bad = suspects(self.tables.judge, self._fields(records, len(self.tables.initial)), self.tables.view_of)
            candidates.update((records[bad, words] & kernel.PARENT).tolist())
        candidates.update(self._with_broken_steps(last))
        if len(candidates) > MOST_ON_PATHS:
            raise TooManyError(f"there are {len(candidates):,} states from which the next step breaks a promise")
        names = {s: {name for _, name, _ in breaking(self.system, self._state(s))} for s in candidates}
        if not any(names.values()):
            raise not_believed(self.system, "a violation that no step shows")
        order = (*(i.name for i in self.system.invariants), RAISED)
        self.promise = min(set[str]().union(*names.values()), key=order.index)
        return {s for s, breaches in names.items() if self.promise in breaches}

    def _with_broken_steps(self, level: int) -> Iterator[int]:
        """Yield the states of a level in which a step may be taken that broke a promise when it was run."""
        nodes, capacity = len(self.tables.initial), self.system.network.capacity
        for number, (begin, end) in enumerate(self.bounds[level]):
            fields = self._fields(self.shards[number].arena.block(begin, end), nodes + 1 + capacity)
            outside = (self.tables.beyond[fields[:, :nodes]] != 0).any(axis=1)
            for local, code in self.tables.broken_pairs:
                bad = (fields[:, :nodes] == local).any(axis=1) & ~outside
                if code > 0:
                    bad &= (fields[:, nodes + 1 :] == code).any(axis=1)
                yield from ((np.flatnonzero(bad) + begin) * len(self.shards) + number).tolist()

    def _fields(self, rows: Ints, count: int) -> Ints:
        """Return the first `count` fields of packed states: nodes, the round's messages, messages in flight."""
        at = self.layout
        return np.stack([(rows[:, at.word[f]] >> at.shift[f]) & at.mask[f] for f in range(count)], axis=1)

    def _state(self, state: int) -> GlobalState:
        return unpack(self.tables, self.layout, self._words(state))

    def _words(self, state: int) -> list[int]:
        index, shard = divmod(state, len(self.shards))
        words: list[int] = self.shards[shard].arena.block(index, index + 1)[0].tolist()
        return words

    def _find_states(self, last: set[int]) -> None:
        """Find, level by level and backwards, all states from which a shortest path leads on."""
        states, levels, total = last, [last], 0
        for level in range(len(self.bounds) - 2, -1, -1):
            targets = {tuple(self._words(s)) for s in states}
            marks = np.unique(_marks(np.array(sorted(targets), np.int64)))
            parents = set[int]()
            for records in self._successors(level):
                likely = records[np.isin(_marks(records[:, : self.layout.words]), marks)].tolist()
                parents.update(r[-3] & kernel.PARENT for r in likely if tuple(r[:-3]) in targets)
            states, total = parents, total + len(parents)
            if total > MOST_ON_PATHS:
                raise TooManyError(f"there are over {MOST_ON_PATHS:,} states on them, too many to choose the clearest")
            levels.append(parents)
        self.levels = [[self._state(s) for s in sorted(states)] for states in reversed(levels)]
        self.places = [{self._ids(state): i for i, state in enumerate(level)} for level in self.levels]

    def _ids(self, state: GlobalState, permutation: int | None = None) -> tuple[int, ...]:
        """Return a state as the ids of its parts, as it is or under a permutation of the nodes."""
        nodes = [self.tables.local_id(local) for local in state.nodes]
        flight = [self.tables.message_id(message) for message in state.flight]
        if permutation is not None:
            inverse = self.tables.inverse[permutation]
            nodes = [int(self.tables.rename_local[permutation, nodes[j]]) for j in inverse]
            flight = [int(self.tables.rename_message[permutation, m]) for m in flight]
        flight = kind_of(self.system).row(flight, self.tables.link)
        return (*nodes, -1, *flight, -1, state.current, *state.used)

    def _place(self, level: int, state: GlobalState) -> tuple[int, tuple[int, ...]] | None:
        """Return which of a level's states `state` is up to renaming, and the renaming; None if it is none."""
        if not self.tables.group:
            place = self.places[level].get(self._ids(state))
            return None if place is None else (place, tuple(range(len(state.nodes))))
        for number, p in enumerate(self.tables.group):
            if (place := self.places[level].get(self._ids(state, number))) is not None:
                return place, p
        return None

    def _add_up(self) -> None:
        """Note for each state what the most readable path from it on costs, by the node that acted last before it."""
        quick = replace(self.system, step=memoize(self.system.step))
        nodes: list[int | None] = [None, *range(len(self.tables.initial))]
        following: list[dict[int | None, Cost]] = []
        for level in range(len(self.levels) - 1, -1, -1):
            if (reason := self.stop()) is not None:
                raise TooManyError(reason)
            now = []
            for state in self.levels[level]:
                edges = [edge for _, edge in self._edges(quick, level, state)]
                now.append({last: min(_cost(edge, last, following) for edge in edges) for last in nodes})
            self.costs.insert(0, now)
            following = now

    def _edges(self, system: System, level: int, state: GlobalState) -> Iterator[tuple[tuple[Step, str], Edge]]:
        """Yield the steps of a state of a level that lead on along a shortest path, each with what it raised."""
        if level == len(self.levels) - 1:
            for step, name, detail in breaking(system, state):
                if name == self.promise:
                    yield (step, detail), Edge(step.move.node, is_fault(system, step.move))
            return
        for move, _, after in behaviour.attempts(system, state):
            if after is not None and (place := self._place(level + 1, after)) is not None:
                yield (Step(move, after), ""), Edge(move.node, is_fault(system, move), *place)

    def _walk(self) -> Path:
        """Walk the most readable path on the real code."""
        first = behaviour.start(self.system)
        assert self._place(0, first) is not None, "the paths begin elsewhere"
        now, last, steps, detail = first, None, list[Step](), ""
        for level in range(len(self.levels)):
            following = self.costs[level + 1] if level + 1 < len(self.costs) else []
            offers = [
                (_cost(edge, last, following), _text(step.move), step, text)
                for (step, text), edge in self._edges(self.system, level, now)
            ]
            if not offers:
                raise not_believed(self.system, "a step that the system's own code doesn't take")
            _, _, step, detail = min(offers, key=lambda offer: offer[:2])
            steps.append(step)
            last = last if step.move.node is None else step.move.node
            now = step.after or now
        return Path(first, tuple(steps), self.promise, detail)


def _cost(edge: Edge, last: int | None, following: list[dict[int | None, Cost]]) -> Cost:
    """Return the cost of the best way that begins with `edge`; `following` are the costs from the next level on."""
    changes = int(None not in {edge.node, last} and edge.node != last)
    actor = last if edge.node is None else edge.node
    if edge.target < 0:
        return changes, int(edge.fault)
    rest = following[edge.target][None if actor is None else edge.permutation[actor]]
    return changes + rest[0], int(edge.fault) + rest[1]


def _text(move: Move) -> tuple[str, str]:
    return repr(move.event), repr(move)


def _marks(rows: Ints) -> Ints:
    """Return a number for each row; equal rows have equal numbers, and others hardly ever."""
    marks = np.zeros(len(rows), np.int64)
    for column in rows.T:
        marks = (marks ^ column) * np.int64(kernel.MIX)
        marks ^= marks >> 32
    return marks
