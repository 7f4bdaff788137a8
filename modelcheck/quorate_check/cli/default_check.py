"""What plain `model-check` runs: the Raft core within several bounds, each chosen for what it makes reachable.

Beside that, the generals' claims and the first rungs of the ladder show what liars do, the core that survives them is
searched among traitors, every step of some more searches is explained by the specifications, and Raft's specification
is searched here and under TLC.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance.check import DEFAULT_RUNS as BYZANTINE_RUNS
from quorate_check.core.system import NetworkKind
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.conformance.check import DEFAULT_RUNS
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Storage


@dataclass(frozen=True, slots=True)
class Run:
    """One search of the default check; `purpose` says what it looks at that the others don't."""

    name: str
    purpose: str
    bounds: RaftBounds


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

CONFORMANCE = DEFAULT_RUNS[1]  # the one with most of the actions
BYZANTINE = BftBounds()
BYZANTINE_CONFORMANCE = BYZANTINE_RUNS[:2]
SPECIFICATION = SpecBounds()  # those of MCRaft.cfg
