"""The witnesses that a check of the Raft core must reach: that its promises don't hold of nothing."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from quorate.raft import InstallSnapshot, RequestVote, Role, StepDown
from quorate_check.core.invariants import Over, StepWitness, Witness
from quorate_check.core.system import Deliver
from quorate_check.raft.memberships import changes_of, first_members
from quorate_check.raft.properties import Messages, remains_leader, terms_led
from quorate_check.raft.subject import CheckerEvent, CheckQuorum, CoreNode, Durability, Restart, entry_at

if TYPE_CHECKING:
    from quorate_check.raft.bounds import RaftBounds


ENTRIES_OF_A_JOINT_CHANGE = 3  # an entry of the leader's term, the joint configuration, the final one


def _leader_elected(views: tuple[frozenset[int], ...]) -> bool:
    return bool(views[0])


def _two_terms_led(views: tuple[frozenset[int], ...]) -> bool:
    return len(frozenset().union(*views)) > 1


def _commits_older_entry(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    if after.state.role is not Role.LEADER:
        return False
    new = range(before.state.commit_index + 1, after.state.commit_index + 1)
    return any((after.state.log.term_at(i) or after.state.current_term) < after.state.current_term for i in new)


def _truncates(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    old, new = before.state.log, after.state.log
    if old is new or not isinstance(event, Deliver):
        return False
    return any(entry_at(new, i) != entry_at(old, i) for i in range(old.first_index, old.last_index + 1))


def _installs(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    installs = isinstance(event, Deliver) and isinstance(event.message, InstallSnapshot)
    return installs and before.state.snapshot != after.state.snapshot


def _loses_unsynced(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    return isinstance(event, Restart) and after.on_disk != before.in_memory


def _steps_down(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    return (
        isinstance(event, StepDown | CheckQuorum)
        and before.state.role is Role.LEADER
        and after.state.role is Role.FOLLOWER
    )


def _ignores(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    match event:
        case Deliver(RequestVote(term=term)):
            return term > before.state.current_term == after.state.current_term
        case _:
            return False


def _helps_successor(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    match event:
        case Deliver(RequestVote(source=candidate, term=term, transfer=True)):
            is_led = before.state.leader_id is not None and before.state.current_term < term
            return is_led and after.state.voted_for == candidate
        case _:
            return False


def _gives_up_transfer(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    transfers, serves = before.state.transfer_target is not None, after.state.transfer_target is None
    return transfers and serves and remains_leader(before, after)


def _commits_change(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    new = after.record.applied[len(before.record.applied) :]
    return any(applied.entry.configuration is not None for applied in new)


def _completes_joint_change(before: CoreNode, event: CheckerEvent, after: CoreNode, sent: Messages) -> bool:
    if not _commits_change(before, event, after, sent):
        return False
    configurations = [c for applied in after.record.applied if (c := applied.entry.configuration) is not None]
    return any(old.is_joint and not new.is_joint for old, new in pairwise(configurations))


def _answers_reads(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    return before.record.reads is not after.record.reads


def witnesses(bounds: RaftBounds) -> tuple[Witness | StepWitness, ...]:
    """Return the witnesses of a check within `bounds`, with a reason for each that its bounds exclude."""
    single_term = None if bounds.max_term > 1 else "one term only: needs --max-term 2 or more"
    proposals = bounds.max_log if bounds.proposals is None else bounds.proposals  # no log takes more
    entries = proposals + (bounds.max_term if bounds.no_op else 0)
    too_few_entries = (
        None if min(entries, bounds.max_log) > 1 else "one entry only: needs --proposals 2 and --max-log 2 or more"
    )
    conflict = None if entries > 1 else "one entry only: needs --proposals 2 or more"
    if bounds.max_log == 0:
        conflict = "no entries: needs --max-log 1 or more"
    no_entries = None if entries and bounds.max_log else "no entries: needs --proposals 1 and --max-log 1 or more"
    single_server = "a single server has nobody to disagree with" if bounds.servers == 1 else None
    return (
        Witness("a leader is elected", terms_led, _leader_elected),
        Witness("two terms have leaders", terms_led, _two_terms_led, Over.ALL, single_term or _no_second_term(bounds)),
        StepWitness(
            "an older entry is committed",
            _commits_older_entry,
            single_term or too_few_entries or _no_second_term(bounds),
        ),
        StepWitness("a conflicting suffix is truncated", _truncates, single_server or single_term or conflict),
        StepWitness(
            "a snapshot is installed",
            _installs,
            single_server or (None if bounds.snapshots != 0 else "no snapshots: needs --snapshots 1 or more"),
        ),
        StepWitness("a restart loses unsynced data", _loses_unsynced, _no_loss(bounds)),
        StepWitness(
            "a leader steps down",
            _steps_down,
            _nobody_steps_down(bounds),
        ),
        *(
            (StepWitness("a request for a vote is ignored", _ignores, single_server or single_term),)
            if bounds.check_quorum
            else ()
        ),
        *(
            (
                StepWitness(
                    "a server votes for whom its leader asked to stand", _helps_successor, single_server or single_term
                ),
                StepWitness("a leader gives up a transfer", _gives_up_transfer, single_server),
            )
            if bounds.transfers != 0
            else ()
        ),
        *((StepWitness("a round of reads is confirmed", _answers_reads, no_entries),) if bounds.reads else ()),
        *(
            (
                StepWitness("a change of the members is committed", _commits_change),
                StepWitness("a joint change is complete", _completes_joint_change, _no_joint_change(bounds)),
            )
            if bounds.changes
            else ()
        ),
    )


def _no_joint_change(bounds: RaftBounds) -> str | None:
    if bounds.max_log < ENTRIES_OF_A_JOINT_CHANGE:
        return f"logs too short for both its entries: needs --max-log {ENTRIES_OF_A_JOINT_CHANGE} or more"
    everyone = (first_members(bounds.members, bounds.servers), *changes_of(bounds.changes, bounds.servers))
    is_joint = any(len(set(old.voters) ^ set(new.voters)) > 1 for old, new in combinations(everyone, 2))
    return None if is_joint else "every change is of one voter"


def _nobody_steps_down(bounds: RaftBounds) -> str | None:
    if bounds.step_downs != 0 or (bounds.check_quorum and bounds.servers > 1):
        return None
    return "nobody does: needs --check-quorum and two servers, or --step-downs 1 or more"


def _no_second_term(bounds: RaftBounds) -> str | None:
    single_server = bounds.servers == 1 and bounds.restarts == 0 and bounds.step_downs == 0
    return "a single server leads until it restarts: needs --restarts 1 or more" if single_server else None


def _no_loss(bounds: RaftBounds) -> str | None:
    if bounds.storage is Durability.SYNC:
        return "sync storage loses nothing: needs --storage async"
    return None if bounds.restarts != 0 else "no restarts: needs --restarts 1 or more"
