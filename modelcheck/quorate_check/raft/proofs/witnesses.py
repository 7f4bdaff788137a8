"""What an exploration must have met so that a tie to it says something: an entry that is applied, for instance."""

from __future__ import annotations

from typing import Final

from quorate_check.core.invariants import Over, Witness
from quorate_check.raft.proofs.record import latest_change
from quorate_spec.raft.state import on_disk

COMMITMENT_WITNESSES: Final = (
    Witness("an entry is applied", lambda each: bool(each.server.applied), lambda views: bool(views[0])),
    Witness(
        "a term counts",
        lambda each: any(leadership.counted for leadership in each.past.leaderships),
        lambda views: bool(views[0]),
    ),
)
TERM_WITNESSES: Final = (
    Witness(
        "two terms have leaders",
        lambda each: each.server.led,
        lambda views: len(frozenset().union(*views)) > 1,
        Over.ALL,
    ),
)
STALL_WITNESSES: Final = (
    Witness(
        "a stalled disk lacks an entry",
        lambda each: len(on_disk(each.server).log) < len(each.server.log),
        lambda views: bool(views[0]),
    ),
    Witness(
        "a crash loses an entry that a leader offered",
        lambda each: any(
            leadership.term == each.server.current_term and len(leadership.log) > len(each.server.log)
            for leadership in each.past.leaderships
        ),
        lambda views: bool(views[0]),
    ),
)
COUNT_WITNESSES: Final = (
    Witness(
        "a leader counts an entry that its own disk lacks",
        lambda each: any(
            leadership.holders and each.server.id not in leadership.holders for leadership in each.past.leaderships
        ),
        lambda views: bool(views[0]),
    ),
)
CHANGE_WITNESSES: Final = (
    Witness(
        "a leader counts by another configuration than that under which it was elected",
        lambda each: any(
            leadership.counters not in {None, latest_change(each.server, leadership.log[: leadership.start])[1]}
            for leadership in each.past.leaderships
        ),
        lambda views: bool(views[0]),
    ),
)
EARLY_WITNESSES: Final = (
    Witness(
        "a leader ends a joint phase before it has committed an entry of its term",
        lambda each: any(leadership.early for leadership in each.past.leaderships),
        lambda views: bool(views[0]),
    ),
)
WITNESSES: Final = (*COMMITMENT_WITNESSES, *TERM_WITNESSES)
