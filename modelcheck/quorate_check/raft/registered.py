"""Raft's entries in the registry: its systems by name, and its searches of the default check."""

from __future__ import annotations

from dataclasses import replace

from quorate_check.api.registry import DefaultRun, Registered, Subject
from quorate_check.core.system import NetworkKind
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance import check as conformance
from quorate_check.raft.ladder import words as ladder
from quorate_check.raft.ladder.rungs import rung_system
from quorate_check.raft.regression import core_test
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Durability
from quorate_check.raft.traitor.bounds import SUBJECT as TRAITOR
from quorate_check.raft.traitor.bounds import TraitorBounds

ANY = NetworkKind.ANY
DEFAULT_CHECK: tuple[DefaultRun, ...] = (
    DefaultRun(
        "as it is served",
        "Pre-vote, CheckQuorum, no-op and a disk that is behind the memory, as `quorate serve` runs them; a crash "
        "loses writes that aren't durable, and the core learns late which ones are.",
        SERVED,
    ),
    DefaultRun(
        "longer logs and any number of restarts",
        "With a synchronous disk and without CheckQuorum servers may restart whenever they like, with logs of two.",
        replace(SERVED, storage=Durability.SYNC, check_quorum=False, max_log=2, restarts=None),
    ),
    DefaultRun(
        "three terms",
        "A third leader finds logs that two earlier leaders left, with entries of terms before its own.",
        RaftBounds(network=ANY, max_term=3, max_log=1),
    ),
    DefaultRun(
        "four servers",
        "An even number of servers, of which half are no majority.",
        RaftBounds(network=ANY, servers=4, max_log=1),
    ),
    DefaultRun(
        "snapshots",
        "A server compacts its log, and a follower that lags behind gets the snapshot instead of entries.",
        RaftBounds(network=ANY, max_log=3, snapshots=1),
    ),
    DefaultRun(
        "ordered network",
        "Every link is first-in first-out, as TCP is while a connection lasts; without symmetry reduction.",
        RaftBounds(in_flight=4, proposals=2, drops=1, network=NetworkKind.ORDERED, symmetry=False),
    ),
)

REGISTERED = Registered(
    subjects=(
        Subject("raft", lambda bounds: RaftBounds.from_dict(bounds).system(), test=core_test),
        Subject(conformance.SUBJECT, lambda bounds: conformance.Conformance().system(RaftBounds.from_dict(bounds))),
        Subject(TRAITOR, lambda bounds: TraitorBounds.from_dict(bounds).system()),
        Subject("raft-spec", lambda bounds: SpecBounds(**bounds).system()),
        Subject(ladder.NAME, lambda bounds: rung_system(**bounds), picture=ladder.picture),
    ),
    default_check=DEFAULT_CHECK,
)
