"""The promises of the Raft core, and the witnesses that a check must reach.

The specification states what Raft promises (Figure 3 of the paper) and judges the core's states, which
`conformance/mapping.py` maps to its own. This module states only the promises about the core alone: its disk, its
commit index, its votes, and the `match_index` of one server.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quorate.raft import Configuration, Entry, InstallSnapshot, Message, RequestVote, RequestVoteReply, Role, StepDown
from quorate_check.core.invariants import Invariant, Over, StepInvariant, StepWitness, View, Witness
from quorate_check.core.system import Deliver
from quorate_check.raft import why
from quorate_check.raft.conformance.mapping import map_server
from quorate_check.raft.subject import CheckerEvent, CheckQuorum, CoreNode, Durability, Restart, entry_at
from quorate_spec.raft import invariants as spec
from quorate_spec.raft import state as spec_state

if TYPE_CHECKING:
    from quorate_check.raft.bounds import RaftBounds

Messages = tuple[Message, ...]
Cluster = tuple[spec_state.Server, ...]
NOTHING = spec_state.initial(0, ())


def terms_led(server: CoreNode) -> frozenset[int]:
    """View: every term the server has led."""
    return server.record.terms_led


def applied_entries(server: CoreNode) -> tuple[Entry, ...]:
    """View: every entry the server has applied, by index."""
    return tuple(a.entry for a in server.record.applied)


def variables(*names: str) -> View:
    """Return the view of a server as the specification's server with only the variables `names`; others are initial."""

    def view(server: CoreNode) -> spec_state.Server:
        mapped = map_server(server)
        return replace(NOTHING, **{name: getattr(mapped, name) for name in names})

    return view


def leadership(server: CoreNode) -> spec_state.Server:
    """View: the committed entries of a server, and of a leader also its term and its log."""
    mapped = map_server(server)
    if mapped.role is not spec_state.Role.LEADER:
        return replace(NOTHING, applied=mapped.applied)
    return replace(NOTHING, role=mapped.role, current_term=mapped.current_term, log=mapped.log, applied=mapped.applied)


def numbered(views: Cluster) -> Cluster:
    """Return the servers with ids from 1 in their order: views have no id, and the promises need different ones."""
    return tuple(replace(server, id=i) for i, server in enumerate(views, start=1))


def pair_invariant(name: str, sentence: str, view: View) -> Invariant:
    """Return the specification's promise `name` about every two servers as an invariant of the core's views."""
    holds, explanation = spec.INVARIANTS[name], why.WHY[name]
    return Invariant(
        name,
        sentence,
        view,
        lambda views: holds(numbered(views)),
        Over.PAIRS,
        lambda names, views: explanation(names, numbered(views)),
    )


def cluster_invariant(name: str, sentence: str, *names: str) -> Invariant:
    """Return the specification's promise `name` about all servers as an invariant of these variables of theirs."""
    holds, explanation = spec.INVARIANTS[name], why.WHY[name]
    return Invariant(
        name,
        sentence,
        variables("id", *names),
        holds,
        Over.ALL,
        explanation,
    )


def leading_without_vote(server: CoreNode) -> bool:
    """View: whether the server leads and is no voter, by a configuration that it knows to be committed."""
    state = server.state
    is_committed = state.log.configuration_index <= state.commit_index
    return state.role is Role.LEADER and is_committed and not state.configuration.is_voter(state.id)


def believed_and_latest(server: CoreNode) -> tuple[Configuration, Configuration]:
    """View: the configuration by which the server decides, and the latest in its log, which includes the snapshot."""
    log = server.state.log
    entries = (entry_at(log, index) for index in range(log.last_index, 0, -1))
    configurations = (entry.configuration for entry in entries if entry is not None and entry.configuration is not None)
    return server.state.configuration, next(configurations, server.state.config.first_configuration)


def progress(server: CoreNode) -> tuple[tuple[int, int, int], ...]:
    """View: a leader's match_index and next_index of each member."""
    state = server.state
    if state.role is not Role.LEADER:
        return ()
    return tuple(zip(state.configuration.members, state.match_index, state.next_index, strict=True))


def match_below_next(views: tuple[tuple[tuple[int, int, int], ...], ...]) -> bool:
    """A leader's next_index for each server is above its match_index: it sends no entry that the server has."""
    return all(match_index < next_index for _, match_index, next_index in views[0])


def counted_entries(server: CoreNode) -> tuple[tuple[Entry | None, Entry | None], ...]:
    """View: each entry of its own term for which a leader counts its own disk, and the disk's entry at that index."""
    state, disk = server.state, server.on_disk.log
    if state.role is not Role.LEADER:
        return ()
    indices = range(state.log.first_index, state.durable_index + 1)
    own = (i for i in indices if state.log.term_at(i) == state.current_term)
    return tuple((entry_at(state.log, i), entry_at(disk, i)) for i in own)


def _remains_leader(before: CoreNode, after: CoreNode) -> bool:
    same_term = before.state.current_term == after.state.current_term
    return before.state.role is Role.LEADER and after.state.role is Role.LEADER and same_term


def leader_append_only(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """§5.3: a leader only appends to its log; judged by the specification, for steps that change a leader's log."""
    if before.state.log is after.state.log or not _remains_leader(before, after):
        return True
    return spec.leader_append_only(map_server(before), map_server(after))


def term_never_decreases(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """§5.1: a server's term never decreases; a restart may lose only a term that was never on disk."""
    least = before.on_disk.current_term if isinstance(event, Restart) else before.state.current_term
    return after.state.current_term >= least


def commit_index_never_decreases(before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """Figure 2: the commit index increases monotonically, except that a restart forgets it."""
    return isinstance(event, Restart) or after.state.commit_index >= before.state.commit_index


def one_vote_per_term(before: CoreNode, _event: CheckerEvent, _after: CoreNode, sent: Messages) -> bool:
    """§5.2: a server votes for at most one candidate in a term, also across restarts; a candidate votes for itself."""
    votes = {} if before.record.vote is None else dict([before.record.vote])
    for message in sent:
        match message:
            case RequestVote(source=choice, term=term) | RequestVoteReply(dest=choice, term=term, vote_granted=True):
                if votes.setdefault(term, choice) != choice:
                    return False
            case _:
                pass
    return True


def applied_never_changes(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """§5.4.3 for one server over time: after a restart it applies the entries that it applied before."""
    if before.record.applied is after.record.applied:
        return True
    return applied_entries(after)[: len(before.record.applied)] == applied_entries(before)


def match_index_never_decreases(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """Figure 2: match_index increases monotonically while a leader leads its term."""
    if not _remains_leader(before, after):
        return True
    old, new = before.state, after.state
    remaining = set(old.configuration.members) & set(new.configuration.members)
    return all(old.match_index_of(member) <= new.match_index_of(member) for member in remaining)


INVARIANTS: tuple[Invariant | StepInvariant, ...] = (
    pair_invariant("ElectionSafety", "at most one leader per term", variables("led")),
    StepInvariant(
        "LeaderAppendOnly", "a leader only appends to its log", leader_append_only, why.core_changed_own_entry
    ),
    pair_invariant("LogMatching", "logs that agree on a term agree on all before it", variables("log")),
    pair_invariant("LeaderCompleteness", "a leader has every committed entry", leadership),
    pair_invariant("StateMachineSafety", "no two servers apply different entries", variables("applied")),
    StepInvariant(
        "AppliedNeverChanges",
        "a server applies no entry that differs from the one before a restart",
        applied_never_changes,
        why.changed_applied_entry,
    ),
    StepInvariant(
        "TermNeverDecreases",
        "no server returns from a term on disk or in use to an older one",
        term_never_decreases,
        why.older_term,
    ),
    StepInvariant(
        "CommitIndexNeverDecreases",
        "the commit index of a running server never decreases",
        commit_index_never_decreases,
        why.lower_commit,
    ),
    StepInvariant(
        "OneVotePerTerm",
        "a server votes for at most one candidate in a term, also across restarts",
        one_vote_per_term,
        why.second_vote,
    ),
    Invariant(
        "MatchBelowNext",
        "match_index < next_index",
        progress,
        match_below_next,
        Over.EACH,
        why.core_match_not_below_next,
    ),
    StepInvariant(
        "MatchIndexNeverDecreases",
        "match_index never decreases within a leader's term",
        match_index_never_decreases,
        why.lower_match_index,
    ),
)

# With an asynchronous disk; with a synchronous one it is true of any core.
INVARIANTS_OF_LATE_DISKS = (
    Invariant(
        "CountedIsOnDisk",
        "a leader counts itself only for entries that its disk has",
        counted_entries,
        lambda views: all(counted == on_disk for counted, on_disk in views[0]),
        Over.EACH,
        why.counted_without_disk,
    ),
)

# Of the cluster's members; without changes they are true of any core.
INVARIANTS_OF_CHANGES = (
    cluster_invariant("OneChangeAtATime", "no change of the members before the last is committed", "log", "applied"),
    cluster_invariant(
        "ActiveQuorumsIntersect",
        "any two quorums that may decide have a server in common",
        "first_config",
        "role",
        "current_term",
        "log",
    ),
    Invariant(
        "LatestConfiguration",
        "a server decides by the latest configuration in its log",
        believed_and_latest,
        lambda views: views[0][0] == views[0][1],
        Over.EACH,
        why.other_configuration,
    ),
    Invariant(
        "OnlyVotersLead",
        "a leader is a voter until its removal is committed",
        leading_without_vote,
        lambda views: not views[0],
        Over.EACH,
        why.leads_without_vote,
    ),
)


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


def _commits_change(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    new = after.record.applied[len(before.record.applied) :]
    return any(applied.entry.configuration is not None for applied in new)


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
            )
            if bounds.transfers != 0
            else ()
        ),
        *((StepWitness("a round of reads is confirmed", _answers_reads, no_entries),) if bounds.reads else ()),
        *((StepWitness("a change of the members is committed", _commits_change),) if bounds.changes else ()),
    )


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
