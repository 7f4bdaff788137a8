"""The promises of the Raft core.

The specification states what Raft promises (Figure 3 of the paper) and judges the core's states, which
`conformance/mapping.py` maps to its own. This module states only the promises about the core alone: its disk, its
commit index, its votes, and the `match_index` of one server.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.raft import Configuration, Entry, Message, RequestVote, RequestVoteReply, Role
from quorate_check.core.invariants import Invariant, Over, StepInvariant, View
from quorate_check.raft import why
from quorate_check.raft.conformance.mapping import map_server
from quorate_check.raft.subject import CheckerEvent, CoreNode, Restart, entry_at
from quorate_spec.raft import invariants as spec
from quorate_spec.raft import state as spec_state

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


def remains_leader(before: CoreNode, after: CoreNode) -> bool:
    """Return whether a step leaves a leader in office."""
    same_term = before.state.current_term == after.state.current_term
    return before.state.role is Role.LEADER and after.state.role is Role.LEADER and same_term


def leader_append_only(before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> bool:
    """§5.3: a leader only appends to its log; judged by the specification, for steps that change a leader's log."""
    if before.state.log is after.state.log or not remains_leader(before, after):
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
    if not remains_leader(before, after):
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
