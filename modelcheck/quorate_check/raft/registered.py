"""Raft's entries in the registry: its systems by name, and its searches of the default check."""

from __future__ import annotations

from dataclasses import replace

from quorate_check.api.registry import DefaultRun, Registered, Subject
from quorate_check.core.system import NetworkKind
from quorate_check.raft import timely
from quorate_check.raft.bounds import SERVED, RaftBounds, unlike_served
from quorate_check.raft.conformance import check as conformance
from quorate_check.raft.ladder import words as ladder
from quorate_check.raft.ladder.rungs import rung_system
from quorate_check.raft.regression import core_test
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Durability
from quorate_check.raft.traitor.bounds import SUBJECT as TRAITOR
from quorate_check.raft.traitor.bounds import TraitorBounds

NEVER_BEHIND = replace(SERVED, storage=Durability.SYNC, restarts=0)
FIGURE_2 = RaftBounds(network=NetworkKind.ANY, max_log=1)


def run(name: str, purpose: str, bounds: RaftBounds) -> DefaultRun:
    """Return a run that says in which way its core and its disk aren't those that are served."""
    return DefaultRun(name, f"{purpose} {unlike_served(bounds)}", bounds)


DEFAULT_CHECK: tuple[DefaultRun, ...] = (
    run(
        "as it is served",
        "A crash loses writes that aren't durable, and the core learns late which ones are.",
        SERVED,
    ),
    run(
        "longer logs",
        "Leaders take clients' requests, and find entries of earlier terms behind which they put their own.",
        replace(NEVER_BEHIND, max_log=2),
    ),
    run("any number of restarts", "Servers restart whenever they like.", replace(NEVER_BEHIND, restarts=None)),
    run("three terms", "A third leader comes after two others.", replace(NEVER_BEHIND, max_term=3)),
    run(
        "as in Figure 2",
        "A third leader finds logs that two earlier leaders left, with entries of terms before its own.",
        replace(FIGURE_2, max_term=3),
    ),
    run("four servers", "An even number of servers, of which half are no majority.", replace(FIGURE_2, servers=4)),
    run(
        "snapshots",
        "A server compacts its log, and a follower that lags behind gets the snapshot instead of entries.",
        replace(FIGURE_2, max_log=3, snapshots=1),
    ),
    run(
        "a leader that hands over",
        "A leader asks a follower to stand, and others that follow the leader vote for it, or the leader gives up.",
        replace(SERVED, restarts=0, transfers=1),
    ),
    run(
        "ordered network",
        "Every link is first-in first-out, as TCP is while a connection lasts; without symmetry reduction.",
        RaftBounds(in_flight=4, proposals=2, drops=1, network=NetworkKind.ORDERED, symmetry=False),
    ),
    run(
        "changes of the members",
        "A leader removes two servers in one joint change, itself perhaps among them; who leads next ends the change.",
        replace(NEVER_BEHIND, max_log=3, proposals=0, changes="1"),
    ),
)

REGISTERED = Registered(
    subjects=(
        Subject("raft", lambda bounds: RaftBounds.from_dict(bounds).system(), test=core_test),
        Subject(conformance.SUBJECT, lambda bounds: conformance.Conformance().system(RaftBounds.from_dict(bounds))),
        Subject(TRAITOR, lambda bounds: TraitorBounds.from_dict(bounds).system()),
        Subject(timely.NAME, lambda bounds: timely.TimelyBounds(**bounds).system()),
        Subject("raft-spec", lambda bounds: SpecBounds(**bounds).system()),
        Subject(ladder.NAME, lambda bounds: rung_system(**bounds), picture=ladder.picture),
    ),
    default_check=DEFAULT_CHECK,
)
