"""The default bounds of the comparison with outside checkers: from hundreds of states to over a million."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_check.raft.spec import SpecBounds


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; `workers` are TLC's threads, a `small` one is for tla-checker, too."""

    name: str
    bounds: SpecBounds
    workers: int = 1
    small: bool = False


RUNS: tuple[Comparison, ...] = (
    Comparison("one message at a time", SpecBounds(servers=2, in_flight=1, symmetry=False), small=True),
    Comparison("a pair of servers", SpecBounds(servers=2, symmetry=False), small=True),
    Comparison(
        "everything that may fail",
        SpecBounds(servers=2, max_term=1, pre_vote=True, symmetry=False).with_every_fault(),
        small=True,
    ),
    Comparison(
        "longer logs, snapshots",
        SpecBounds(
            servers=2, max_log=2, max_entries=2, in_flight=1, restarts=True, drops=True, snapshots=True, symmetry=False
        ),
    ),
    Comparison("rounds of reads", SpecBounds(servers=2, max_rounds=1, symmetry=False), small=True),
    Comparison("any number of messages", SpecBounds(servers=2, any_network=True, symmetry=False)),
    Comparison("any number, symmetry", SpecBounds(max_term=1, max_log=0, any_network=True)),
    Comparison("one term, symmetry", SpecBounds(max_term=1)),
    Comparison("four servers, symmetry", SpecBounds(servers=4, max_term=1)),
    Comparison("three servers, symmetry", SpecBounds()),
    Comparison(
        "a million states",
        SpecBounds(servers=2, max_term=4, in_flight=3, symmetry=False),
        workers=2,
    ),
)
