"""The promises of Raft (Figure 3) and the lemmas of its proofs, under the names and in the order of Raft.tla.

Each judges the tuple of all servers, except LeaderAppendOnly, which judges one step of one server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, pairwise, product
from typing import Final

from quorate_spec.raft.messages import Config, Entry
from quorate_spec.raft.state import (
    Applied,
    Disk,
    Role,
    Server,
    changes,
    config,
    is_quorum,
    members_of,
    memory,
    on_disk,
    term_at,
    voters_of,
)

Cluster = tuple[Server, ...]


def same(one: Entry | Applied, other: Entry | Applied) -> bool:
    """Whether two entries are the same, whatever the term in which a server knew them committed."""
    return (one.term, one.value, one.config) == (other.term, other.value, other.config)


def all_same(some: Iterable[Entry | Applied], others: Iterable[Entry | Applied]) -> bool:
    """Whether one of two sequences is a prefix of the other."""
    return all(same(one, other) for one, other in zip(some, others, strict=False))


def pairs(servers: Cluster) -> Iterator[tuple[Server, Server]]:
    """Return all ordered pairs of `servers`, including those of a server with itself."""
    return product(servers, servers)


def election_safety(servers: Cluster) -> bool:
    """At most one server leads a term (§5.2)."""
    return all(not (i.led & j.led) for i, j in pairs(servers) if i.id != j.id)


def leader_append_only(before: Server, after: Server) -> bool:
    """A leader never changes or removes an entry of its log (§5.3)."""
    leads_on = before.role is Role.LEADER and after.role is Role.LEADER and after.current_term == before.current_term
    return not leads_on or after.log[: len(before.log)] == before.log


def log_matching(servers: Cluster) -> bool:
    """Logs that have an entry of the same term at an index are the same up to there (§5.3)."""
    return all(
        i.log[:n] == j.log[:n]
        for i, j in pairs(servers)
        for n in range(1, min(len(i.log), len(j.log)) + 1)
        if i.log[n - 1].term == j.log[n - 1].term
    )


def leader_completeness(servers: Cluster) -> bool:
    """The leader of a term has every entry that was known to be committed in it or before (§5.4)."""
    return all(
        n <= len(i.log) and same(i.log[n - 1], entry)
        for i, j in pairs(servers)
        if i.role is Role.LEADER
        for n, entry in enumerate(j.applied, start=1)
        if entry.by <= i.current_term
    )


def state_machine_safety(servers: Cluster) -> bool:
    """No two servers apply different entries at one index (§5.4.3)."""
    return all(all_same(i.applied, j.applied) for i, j in pairs(servers))


def copies(server: Server) -> tuple[Disk, ...]:
    """Return what the server goes on with: its memory, and after a crash what is on its disk."""
    return tuple(dict.fromkeys((memory(server), on_disk(server))))


def votes_are_unique(servers: Cluster) -> bool:
    """No server is counted as a voter by two candidates of one term (§5.2)."""
    candidates = tuple(server for server in servers if server.role is Role.CANDIDATE)
    return all(
        not (i.votes_granted & j.votes_granted)
        for i, j in pairs(candidates)
        if i.id != j.id and i.current_term == j.current_term
    )


def votes_are_remembered(servers: Cluster) -> bool:
    """A voter that a candidate counts, itself not, has entered its term, and remembers its vote on its disk (§5.2)."""
    return all(
        own.current_term > i.current_term or (own.current_term == i.current_term and own.voted_for == i.id)
        for i, j in pairs(servers)
        if i.role is Role.CANDIDATE and j.id in i.votes_granted and i.id != j.id
        for own in copies(j)
    )


def match_below_next(servers: Cluster) -> bool:
    """A leader's nextIndex is above the matchIndex of the same follower."""
    return all(i.match_of(j.id) < i.next_of(j.id) for i, j in pairs(servers))


def acknowledged_is_there(servers: Cluster) -> bool:
    """A follower has what its leader counts as acknowledged on its disk, until it enters a newer term (§5.3)."""
    return all(
        i.match_of(j.id) <= min(len(i.log), len(own.log)) and own.log[: i.match_of(j.id)] == i.log[: i.match_of(j.id)]
        for i, j in pairs(servers)
        if i.role is Role.LEADER
        for own in copies(j)
        if own.current_term == i.current_term
    )


def committed_is_kept(servers: Cluster) -> bool:
    """A server compacts only committed entries; those that it knows to be committed stay in its log, unchanged."""
    return all(
        i.commit_index <= min(len(i.log), len(i.applied))
        and all_same(i.log[: i.commit_index], i.applied)
        and all(
            own.snapshot_index <= i.commit_index and all_same(own.log[: own.snapshot_index], i.applied)
            for own in copies(i)
        )
        for i in servers
    )


def committed_is_on_quorum(servers: Cluster) -> bool:
    """Every entry that a server ever knew to be committed is on the disks of a quorum, if no log has changes (§5.4)."""
    return any(changes(own.log) for j in servers for own in copies(j)) or all(
        is_quorum(
            frozenset(
                j.id for j in servers if all(n <= len(own.log) and same(own.log[n - 1], entry) for own in copies(j))
            ),
            i.first_config,
        )
        for i in servers
        if i.id in members_of(i.first_config)
        for n, entry in enumerate(i.applied, start=1)
    )


def one_change_at_a_time(servers: Cluster) -> bool:
    """Each log has at most one configuration that nobody knows to be committed, and none after a joint one (§6)."""
    committed = max(len(i.applied) for i in servers)
    return all(
        sum(n > committed for n in changes(i.log)) <= 1
        and all(
            not (first.config and first.config.outgoing) or (second.config and not second.config.outgoing)
            for first, second in pairwise(i.log[n - 1] for n in changes(i.log))
        )
        for i in servers
    )


def may_be_active(i: Server, servers: Cluster) -> bool:
    """Whether server i can decide anything under its configuration: it leads, or a quorum would vote for it."""
    last = len(i.log)
    followers = frozenset(j.id for j in servers if j.current_term <= i.current_term)
    electors = frozenset(
        j.id for j in servers if (term_at(i.log, last), last) >= (term_at(j.log, len(j.log)), len(j.log))
    )
    return (i.role is Role.LEADER and is_quorum(followers, config(i))) or is_quorum(electors, config(i))


def active_quorums_intersect(servers: Cluster) -> bool:
    """Quorums of any two configurations that may decide something have a server in common (§6)."""
    active = {config(i) for i in servers if may_be_active(i, servers)}
    return all(intersecting(one, other) for one, other in combinations(active, 2))


def intersecting(one: Config, other: Config) -> bool:
    """Whether every quorum of one configuration has a server in common with every quorum of the other."""
    everyone = voters_of(one) | voters_of(other)
    groups = (frozenset(group) for size in range(len(everyone) + 1) for group in combinations(everyone, size))
    return not any(is_quorum(group, one) and is_quorum(everyone - group, other) for group in groups)


INVARIANTS: Final[dict[str, Callable[[Cluster], bool]]] = {
    "ElectionSafety": election_safety,
    "LogMatching": log_matching,
    "LeaderCompleteness": leader_completeness,
    "StateMachineSafety": state_machine_safety,
    "VotesAreUnique": votes_are_unique,
    "VotesAreRemembered": votes_are_remembered,
    "MatchBelowNext": match_below_next,
    "AcknowledgedIsThere": acknowledged_is_there,
    "CommittedIsKept": committed_is_kept,
    "CommittedIsOnQuorum": committed_is_on_quorum,
    "OneChangeAtATime": one_change_at_a_time,
    "ActiveQuorumsIntersect": active_quorums_intersect,
}
STEP_INVARIANTS: Final[dict[str, Callable[[Server, Server], bool]]] = {"LeaderAppendOnly": leader_append_only}
