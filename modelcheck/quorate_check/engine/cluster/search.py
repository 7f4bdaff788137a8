"""Breadth-first search with one shard for each actor of a Ray cluster: levels are barriers, states are messages.

The driver has the system, runs its steps and judges; actors have states and the step table, which the driver sends as
it grows. In a round every actor expands some of its states, then every actor stores what the others found for it. What
an actor does is what a shard and its worker do in one process, so the counts are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from quorate_check.core.path import GlobalState, Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration
from quorate_check.engine import kernel
from quorate_check.engine.breadth_first import BreadthFirst, Tally
from quorate_check.engine.cluster.actor import Actor, Expansion, Insertion
from quorate_check.engine.cluster.connection import Connection, connect, first_line
from quorate_check.engine.cluster.tables import Sender, Shape
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import DEFAULT_SHARE, Limits, Progress
from quorate_check.engine.search import shorten
from quorate_check.engine.trace import Finding, as_it_is, concrete_path, unpack

NOTE = "This is one of the shortest paths, as it was found: the states are in other processes."


def explore(
    system: System,
    limits: Limits,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Search `system` as `search.explore` does, with `limits.workers` actors in the Ray cluster at `limits.ray`.

    The memory is that of each machine. An actor that dies ends the search, which then knows nothing. Raises
    UnusableSystemError for what a search in memory does, and if there is no such cluster.
    """
    assert limits.ray is not None
    with connect(limits.ray, limits.workers) as connection:
        exploration = _ClusterSearch(system, limits, stop, report, connection).run()
    return shorten(system, limits, exploration, stop)


class _ClusterSearch(BreadthFirst):
    def __init__(
        self,
        system: System,
        limits: Limits,
        stop: Callable[[], str | None],
        report: Callable[[Progress], None],
        connection: Connection,
    ) -> None:
        super().__init__(system, limits, stop, report)
        self.connection, self.ray = connection, connection.ray
        n = limits.workers
        self.actors, machines = connection.begin(Actor, [(p, n) for p in range(n)])
        nodes = [m.node for m in machines]
        self.machines = len(set(nodes))
        self.memory = [
            int((DEFAULT_SHARE * m.memory if limits.memory is None else limits.memory) / nodes.count(m.node))
            for m in machines
        ]
        self.table_bytes = self.successor_bytes = self.rounds = 0

    def _begin(self) -> None:
        super()._begin()
        n = len(self.actors)
        self.sender = Sender()
        self.expansions: list[Expansion] = []
        self.insertions = [Insertion(0, 0, 0, np.empty((0, 2), np.int64))] * n
        news = self._announce()
        shape = Shape.of(self.tables)
        try:
            self.connection.all([a.begin.remote(m, shape, news) for a, m in zip(self.actors, self.memory, strict=True)])
        except self.ray.exceptions.RayError as error:
            raise self.connection.refusal(first_line(error)) from None

    def _announce(self) -> Any:  # noqa: ANN401 - Ray's reference to it
        """Put what the actors don't know of the step table where they find it, None if they know all."""
        news = self.sender.news(self.tables, self.useless, self.layout)
        self.table_bytes += news.size * self.machines
        return self.ray.put(news)

    def _end(self) -> None:
        """Actors end with the connection."""

    def _add_first(self, packed: Ints, orbits: int) -> int:
        at, n = self.layout, len(self.actors)
        home = int(kernel.owner(packed, self._sizes(n), at.word, at.shift, at.mask))
        self.connection.all([self.actors[home].add_first.remote(packed, orbits)])
        self.insertions[home] = Insertion(1, orbits, 0, self.insertions[home].fresh)
        return home

    def _review_first(self) -> Ints:
        numbers = self._sizes(len(self.actors))
        return np.concatenate(self.connection.all([a.review_first.remote(numbers) for a in self.actors]))

    def _search(self) -> tuple[list[int], str | None]:
        try:
            return super()._search()
        except self.ray.exceptions.RayError as error:  # before there was a level
            return [self._tally().states], self._failure(error)

    def _level(self) -> str | None:
        try:
            return self._rounds()
        except self.ray.exceptions.RayTaskError as error:
            if not isinstance(error.cause, self.ray.exceptions.RayError):
                raise  # it has the type of what was raised there: memory that is full, or a fault of ours
            return self._failure(error.cause)
        except self.ray.exceptions.RayError as error:
            return self._failure(error)

    def _failure(self, error: Exception) -> str:
        return f"a part of the search is lost, with its states: {first_line(error)}"

    def _rounds(self) -> str | None:
        """Expand the states of a level, some of each actor's at a time."""
        self.connection.all([a.next_level.remote() for a in self.actors])
        self.pending = self._tally().states
        while self.pending:
            if (reason := self.stop()) is not None:
                return reason
            self._round()
            self._tell()
            if self.findings:
                return None
        return None

    def _round(self) -> None:
        n = len(self.actors)
        numbers = self.ray.put(self._sizes(n))
        offers = [a.expand.options(num_returns=n + 1).remote(numbers) for a in self.actors]
        insertions = [a.insert.remote(numbers, *(offer[1 + t] for offer in offers)) for t, a in enumerate(self.actors)]
        self.expansions = self.connection.all([offer[0] for offer in offers])
        self.insertions = self.connection.all(insertions)
        self.rounds += 1
        self.successor_bytes += sum(e.successor_bytes for e in self.expansions)
        self.pending = sum(e.pending for e in self.expansions)
        for p, new in enumerate(self.insertions):
            for state, name in self.judge.judge(new.fresh, self.depth + 1):
                self.findings.append(Finding(state * n + p, name, is_step=False))
        missing = np.concatenate([e.missing for e in self.expansions])
        undecided = np.concatenate([e.undecided for e in self.expansions])
        self._execute(missing, undecided)
        if not self.findings and len(missing) + len(undecided):
            self._send()

    def _send(self) -> None:
        """Let the actors know what was run, in a layout that has room for it."""
        if self.tables.outgrow(self.layout):
            self.layout = self.tables.layout(self.layout)
        news = self._announce()
        self.connection.all([a.take.remote(news) for a in self.actors])

    def _path(self) -> Path:
        finding = min(self.findings)
        settle = as_it_is if self.useless is None else self.useless.settle
        try:
            states = self._chain(finding.state)
        except self.ray.exceptions.RayError as error:
            why = f"{finding.name} is broken, but the path to it is lost: {first_line(error)}"
            raise self.connection.refusal(why) from None
        path = concrete_path(self.tables, states, finding, settle)
        return path if not path.steps or self.useless is not None else replace(path, note=NOTE)

    def _chain(self, state: int) -> list[GlobalState]:
        """Return the stored states from the initial one to `state`."""
        states = []
        while True:
            index, shard = divmod(state, len(self.actors))
            ((words, parent),) = self.connection.all([self.actors[shard].state.remote(index)])
            states.append(unpack(self.tables, self.layout, words))
            if parent == state:
                return states[::-1]
            state = parent

    def _tally(self) -> Tally:
        return Tally(
            states=sum(i.states for i in self.insertions),
            transitions=sum(e.transitions for e in self.expansions),
            over_capacity=sum(e.over_capacity for e in self.expansions),
            beyond=sum(e.beyond for e in self.expansions),
            orbits=sum(i.orbits for i in self.insertions),
            memory=sum(i.memory for i in self.insertions),
            stored={
                "actors": len(self.actors),
                "machines": self.machines,
                "rounds": self.rounds,
                "table_bytes": self.table_bytes,
                "successor_bytes": self.successor_bytes,
            },
        )
