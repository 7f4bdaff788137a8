"""The default bounds of the comparison with outside checkers: from hundreds of states to over a million."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quorate_check.raft.spec import SpecBounds


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; `workers` are TLC's threads, a `small` one is for tla-checker, too."""

    name: str
    bounds: SpecBounds
    workers: int = 1
    small: bool = False


_PAIR = SpecBounds(servers=2, max_term=1, restarts=True, stalls=True, symmetry=False)
_CHANGE = SpecBounds(max_term=1, max_log=3, in_flight=1)
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
    Comparison(
        "requests that are ignored",
        SpecBounds(servers=2, in_flight=1, step_downs=True, ignored_requests=True, symmetry=False),
        small=True,
    ),
    Comparison("disks that stall", replace(_PAIR, max_term=2, in_flight=1)),
    Comparison("disks that stall, reads", replace(_PAIR, max_rounds=1), small=True),
    Comparison("disks that stall, pre-vote", replace(_PAIR, pre_vote=True)),
    Comparison(
        "disks that stall, snapshots", replace(_PAIR, max_log=2, max_entries=2, in_flight=1, snapshots=True), small=True
    ),
    Comparison("disks that stall, symmetry", SpecBounds(max_term=1, max_log=0, restarts=True, stalls=True)),
    Comparison("one server and its disk", SpecBounds(servers=1, max_log=2, restarts=True, stalls=True, snapshots=True)),
    Comparison(
        "a leader that removes itself",
        SpecBounds(servers=2, max_log=3, in_flight=1, changes="1", symmetry=False),
        small=True,
    ),
    Comparison("a joint change", replace(_CHANGE, members="1+23", changes="123", symmetry=False)),
    Comparison("a joint change, symmetry", replace(_CHANGE, changes="1")),
    Comparison("a learner becomes a voter", replace(_CHANGE, members="12+3", changes="123", symmetry=False)),
    Comparison(
        "changes and snapshots",
        SpecBounds(servers=2, members="1", max_log=3, in_flight=1, changes="1+2,12", snapshots=True, symmetry=False),
    ),
    Comparison(
        "changes, disks that stall",
        replace(_PAIR, members="1+2", max_log=2, in_flight=1, changes="12"),
        small=True,
    ),
    Comparison(
        "changes, reads",
        SpecBounds(
            servers=2, members="1+2", max_term=1, max_log=2, in_flight=1, changes="12", max_rounds=1, symmetry=False
        ),
        small=True,
    ),
    Comparison("transfers", SpecBounds(servers=2, in_flight=1, transfers=True, symmetry=False), small=True),
    Comparison("transfers, symmetry", SpecBounds(max_log=0, transfers=True, ignored_requests=True)),
    Comparison(
        "transfers, changes",
        replace(_CHANGE, members="12+3", changes="123", transfers=True, symmetry=False),
    ),
    Comparison("transfers, disks that stall", replace(_PAIR, max_term=2, max_log=0, in_flight=1, transfers=True)),
    Comparison("disks that stall, any number of messages", replace(_PAIR, max_rounds=1, any_network=True)),
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
