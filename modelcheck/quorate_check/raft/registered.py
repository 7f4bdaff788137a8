"""Raft's entries in the registry: its systems by name, and its searches of the default check."""

from __future__ import annotations

from quorate_check.api.registry import Registered, Run, Subject
from quorate_check.core.system import NetworkKind
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.conformance import check as conformance
from quorate_check.raft.ladder import words as ladder
from quorate_check.raft.ladder.rungs import rung_system
from quorate_check.raft.regression import core_test
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Storage
from quorate_check.raft.traitor.bounds import SUBJECT as TRAITOR
from quorate_check.raft.traitor.bounds import TraitorBounds

DEFAULT_CHECK: tuple[Run, ...] = (
    Run(
        "elections and replication",
        "Two terms among three servers whose messages may be late, out of order and, once, lost.",
        RaftBounds(in_flight=4, proposals=2, drops=1),
    ),
    Run(
        "restarts and a bad network",
        "A server restarts, a message is lost and another arrives twice.",
        RaftBounds(in_flight=3, proposals=2, drops=1, duplicates=1, restarts=1),
    ),
    Run(
        "crashes and lost writes",
        "Writes reach the disk late, and messages that vouch for them wait; two crashes lose what isn't there yet, and "
        "a leader steps down.",
        RaftBounds(in_flight=2, proposals=1, max_log=1, restarts=2, step_downs=1, storage=Storage.ASYNC),
    ),
    Run(
        "snapshots",
        "A server compacts its log, and a follower that lags behind gets the snapshot instead of entries.",
        RaftBounds(in_flight=4, proposals=2, max_log=3, snapshots=1),
    ),
    Run(
        "pre-vote",
        "Candidates ask first whether they could win (§9.6 of Ongaro's dissertation).",
        RaftBounds(in_flight=4, proposals=2, pre_vote=True),
    ),
    Run(
        "ordered network",
        "Every link is first-in first-out, as TCP is while a connection lasts; nothing is taken for symmetric.",
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
