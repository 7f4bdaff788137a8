"""Judge promises of liveness of some ten million states: the seconds and the memory of each part.

    python benchmarks/liveness.py [--pairs 4] [--requests 19]

Each pair is a client and a server. A client asks, gets an answer, and counts its requests modulo `requests`. So a pair
has 3 * requests states, each with one move, and all have (3 * requests) ** pairs states, each with `pairs` moves. The
three promises hold, so all states in which they wait are searched. The first run compiles kernels for it, which
Numba keeps: take the figures of the second. Memory is that of the stored states, and then the most that the process has
used until the end of a part.
"""

import argparse
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from time import perf_counter, process_time
from typing import Any

from quorate_check import (
    AlwaysEventually,
    Condition,
    Deliver,
    Eventually,
    LeadsTo,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    System,
    fair_deliveries,
    fair_event,
)
from quorate_check.core.verdict import Verdict
from quorate_check.engine import explore
from quorate_check.engine.liveness.graph import StoredGraph
from quorate_check.engine.liveness.search import LivenessSearch

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Message:
    """A question, or its answer."""

    kind: str
    source: int
    destination: int


@dataclass(frozen=True)
class Client:
    """Its number, the requests that were answered, and whether it waits for an answer."""

    me: int
    answered: int = 0
    waits: bool = False


def system(pairs: int, requests: int) -> System:
    """Return the system of so many pairs; node i and node `pairs` + i are one."""

    def step(local: Client | None, event: object) -> Iterator[Outcome]:
        match event:
            case "ask" if local is not None and not local.waits:
                yield Outcome(replace(local, waits=True), (Message("question", local.me, pairs + local.me),))
            case Deliver(Message("question", source, me)):
                yield Outcome(local, (Message("answer", me, source),))
            case Deliver(Message("answer")) if local is not None:
                yield Outcome(Client(local.me, (local.answered + 1) % requests))

    waits = Condition(lambda local: local is not None and local.waits, lambda views: views[0])
    count = Condition(lambda local: 0 if local is None else local.answered, lambda views: views[0] == requests - 1)
    return System(
        name="pairs",
        initial=(*map(Client, range(pairs)), *[None] * pairs),
        step=step,
        network=Network(NetworkKind.UNORDERED, pairs),
        spontaneous=(Spontaneous("ask"),),
        fairness=(fair_deliveries(), fair_event("ask")),
        liveness=(
            Eventually("Counts", "client 0 counts to the end some day", count),
            AlwaysEventually("CountsAgain", "and again and again", count),
            LeadsTo("Answers", "who asks gets an answer", waits, replace(waits, holds=lambda views: not views[0])),
        ),
    )


Clock = Callable[[], float]
figures: list[tuple[str, float, float, float]] = []


def note(part: str, wall: float, processor: float) -> None:
    """Add a line to the figures, with the most memory that the process has used so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    figures.append((part, wall, processor, peak))


def measured(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
    """Return a function that also notes what each call takes."""

    @wraps(function)
    def call(*arguments: object) -> object:
        wall, processor = perf_counter(), process_time()
        result = function(*arguments)
        note(name(*arguments), perf_counter() - wall, process_time() - processor)
        return result

    return call


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--requests", type=int, default=19)
    options = parser.parse_args()
    explore(system(options.pairs, 2))
    compute_edges = measured(StoredGraph.compute_edges, lambda *_: "edges")
    judge = measured(LivenessSearch.judge, lambda _, promise: f"fair cycles, {type(promise).__name__}")
    StoredGraph.compute_edges, LivenessSearch.judge = compute_edges, judge  # type: ignore[method-assign]
    wall, processor = perf_counter(), process_time()
    found = explore(system(options.pairs, options.requests))
    note("all", perf_counter() - wall, process_time() - processor)
    assert found.verdict is Verdict.HOLDS
    assert found.cut_states == 0
    parts, (_, wall, processor, _) = figures[:-1], figures[-1]
    stored = (found.bytes_per_state or 0) * found.states
    search = ("search", wall - sum(p[1] for p in parts), processor - sum(p[2] for p in parts), stored)
    print(f"{found.states:,} states, {found.transitions:,} transitions")
    for name, wall, processor, peak in (search, *figures):
        memory = f"{peak / MIB:8,.0f} MiB{peak / found.states:6.0f} bytes/state"
        print(f"{name:32}{wall:8.1f} s{processor:8.1f} s of processor time{memory}")


main()
