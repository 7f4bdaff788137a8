"""The search of any network with its real steps run by actors of a Ray cluster.

Its states, tuples of local states, are few and stay at the driver, with the step table; nearly all of the time goes
into real steps. So an actor is what another process of this machine is without Ray: it runs steps, and answers in ids.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration
from quorate_check.engine.any_network import search
from quorate_check.engine.any_network.checkpoint import Checkpoint
from quorate_check.engine.any_network.runner import Reply, Request, Runner
from quorate_check.engine.any_network.shared import LostError
from quorate_check.engine.cluster.connection import Connection, connect, first_line
from quorate_check.engine.cluster.machine import OnMachine
from quorate_check.engine.limits import Limits, Progress


class RunnerActor(OnMachine):
    """Runs steps where Ray has put it; requests and replies are pickled."""

    def begin(self, system: System) -> None:
        """Know the system."""
        self.runner = Runner(system)

    def answer(self, request: bytes) -> bytes:
        """Return what comes of each pair."""
        return pickle.dumps(self.runner.answer(pickle.loads(request)))  # noqa: S301 - from the driver


class Actors:
    """So many actors, which have the system; raises UnusableSystemError if they can't have it."""

    def __init__(self, connection: Connection, system: System, size: int) -> None:
        self.connection, self.size = connection, size
        self._actors, machines = connection.begin(RunnerActor, [()] * size)
        self._machines = len({m.node for m in machines})
        self._rounds = self._request_bytes = self._reply_bytes = 0
        try:
            everybody = connection.ray.put(system)
            connection.all([a.begin.remote(everybody) for a in self._actors])
        except (connection.ray.exceptions.RayError, TypeError, pickle.PicklingError) as error:
            raise connection.refusal(f"{system.name} can't be sent to its machines: {first_line(error)}") from None

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answer of each actor to its request; raise LostError if one of them gives none."""
        messages = [pickle.dumps(request) for request in requests]
        try:
            replies = self.connection.all(
                [a.answer.remote(request) for a, request in zip(self._actors, messages, strict=True)]
            )
        except self.connection.ray.exceptions.RayError as error:
            raise LostError(f"an actor that ran steps is lost: {first_line(error)}") from None
        self._rounds += 1
        self._request_bytes += sum(map(len, messages))
        self._reply_bytes += sum(map(len, replies))
        return [pickle.loads(reply) for reply in replies]  # noqa: S301 - from our own actors

    def figures(self) -> dict[str, int]:
        """Return how many actors and machines there are, and what was sent."""
        return {
            "actors": self.size,
            "machines": self._machines,
            "rounds": self._rounds,
            "request_bytes": self._request_bytes,
            "reply_bytes": self._reply_bytes,
        }


def explore(
    system: System,
    limits: Limits,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> Exploration:
    """Search `system` as `any_network.search.explore` does, its steps run by `limits.workers` actors in the cluster.

    An actor that dies ends the search, which then knows nothing. Raises UnusableSystemError also if there is no such
    cluster.
    """
    address = limits.ray
    assert address is not None

    @contextmanager
    def team() -> Iterator[Actors]:
        with connect(address, limits.workers) as connection:
            yield Actors(connection, system, limits.workers)

    return search.explore(system, limits, stop=stop, report=report, team=team(), checkpoint=checkpoint)
