"""The promises of Raft about a driven cluster; `--pytest` copies one into a test that does not need the checker.

Because the text is copied, the promises are stated a second time. Paths that break them, and mixtures of states, show
that they are the same (tests/modelcheck/test_regression.py).
"""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

from quorate.raft import Configuration, Role, State
from quorate_check.raft.regression_driver import Cluster, entries


def election_safety(cluster: Cluster) -> None:
    """At most one server leads a term (§5.2)."""
    for (i, first), (j, second) in permutations(cluster.servers.items(), 2):
        assert not first.terms_led & second.terms_led, (
            f"s{i} and s{j} both led term {min(first.terms_led & second.terms_led)}"
        )


def leader_append_only(cluster: Cluster) -> None:
    """A leader only appends to its log (§5.3)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        assert entries(new.log)[: old.log.last_index] == entries(old.log)


def log_matching(cluster: Cluster) -> None:
    """Logs that agree on the term of an index agree on all before it (§5.3)."""
    logs = [entries(server.state.log) for server in cluster.servers.values()]
    for first, second in permutations(logs, 2):
        for index, (first_entry, second_entry) in enumerate(zip(first, second, strict=False), start=1):
            if first_entry.term == second_entry.term:
                assert first[:index] == second[:index]


def leader_completeness(cluster: Cluster) -> None:
    """The leader of a term has every entry that was committed in it or before (§5.4)."""
    for i, leader in cluster.servers.items():
        if leader.state.role is not Role.LEADER:
            continue
        log = entries(leader.state.log)
        for j, server in cluster.servers.items():
            for index, (entry, by_term) in enumerate(server.applied, start=1):
                if by_term <= leader.state.current_term:
                    own = log[index - 1] if index <= len(log) else None
                    assert own == entry, f"s{i} leads with {own} at index {index}, where s{j} applied {entry}"


def state_machine_safety(cluster: Cluster) -> None:
    """No two servers apply different entries at one index (§5.4.3)."""
    for (i, first), (j, second) in permutations(cluster.servers.items(), 2):
        for index, ((first_entry, _), (second_entry, _)) in enumerate(
            zip(first.applied, second.applied, strict=False), start=1
        ):
            assert first_entry == second_entry, (
                f"at index {index} s{i} applied {first_entry}, s{j} applied {second_entry}"
            )


def applied_never_changes(cluster: Cluster) -> None:
    """A server applies after a restart the entries that it applied before (§5.4.3)."""
    for i, server in cluster.servers.items():
        assert not server.changes, f"s{i} applied at {server.changes[0]}"


def term_never_decreases(cluster: Cluster) -> None:
    """No server returns from a term on disk or in use to an older one (§5.1)."""
    least = cluster.on_disk.current_term if cluster.crashed else cluster.before.current_term
    assert cluster.after.current_term >= least


def commit_index_never_decreases(cluster: Cluster) -> None:
    """The commit index of a running server never decreases (Figure 2)."""
    assert cluster.crashed or cluster.after.commit_index >= cluster.before.commit_index


def one_vote_per_term(cluster: Cluster) -> None:
    """A server votes for at most one candidate in a term, also across restarts (§5.2)."""
    for i, server in cluster.servers.items():
        for term, candidates in server.votes.items():
            assert len(candidates) == 1, f"in term {term} s{i} voted for {sorted(candidates)}"


def match_below_next(cluster: Cluster) -> None:
    """A leader's next_index for each server is above its match_index: it sends no entry that the server has."""
    for server in cluster.servers.values():
        pairs = zip(server.state.match_index, server.state.next_index, strict=True)
        assert all(match < following for match, following in pairs)


def counted_is_on_disk(cluster: Cluster) -> None:
    """A leader counts itself only for entries of its term that its disk has (§10.2.1 of the dissertation)."""
    for server in cluster.servers.values():
        state = server.state
        if state.role is Role.LEADER:
            own, disk = entries(state.log)[: state.durable_index], entries(server.disk.log)
            for index, entry in enumerate(own):
                assert entry.term < state.current_term or disk[index : index + 1] == [entry]


def match_index_never_decreases(cluster: Cluster) -> None:
    """match_index increases monotonically while a leader leads its term (Figure 2)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        for member in {*old.configuration.members} & {*new.configuration.members}:
            assert old.match_index_of(member) <= new.match_index_of(member)


def one_change_at_a_time(cluster: Cluster) -> None:
    """A log has at most one change that nobody knows to be committed, and after a joint one the final one (§6)."""
    committed = max(len(server.applied) for server in cluster.servers.values())
    for i, server in cluster.servers.items():
        log = list(enumerate(entries(server.state.log), start=1))
        changes = [(index, entry.configuration) for index, entry in log if entry.configuration is not None]
        pending = [index for index, _ in changes if index > committed]
        assert len(pending) <= 1, f"s{i} has changes at {pending}, and nobody knows that they are committed"
        for (_, first), (index, second) in pairwise(changes):
            assert not first.outgoing or not second.outgoing, f"s{i} has a second joint change at index {index}"


def active_quorums_intersect(cluster: Cluster) -> None:
    """Quorums of any two configurations by which something may be decided have a server in common (§6)."""
    states = [server.state for server in cluster.servers.values()]
    active = {latest(state) for state in states if may_decide(state, states)}
    for one, other in combinations(active, 2):
        everyone = {*one.voters, *one.outgoing, *other.voters, *other.outgoing}
        groups = [{*group} for size in range(len(everyone) + 1) for group in combinations(sorted(everyone), size)]
        disjoint = [group for group in groups if is_quorum(group, one) and is_quorum(everyone - group, other)]
        assert not disjoint, f"{disjoint[0]} can decide by {one}, and the others by {other}"


def may_decide(state: State, states: list[State]) -> bool:
    """Whether a server can decide anything by its configuration: it leads, or a quorum would vote for it."""
    followers = {other.id for other in states if other.current_term <= state.current_term}
    electors = {other.id for other in states if last_entry(other) <= last_entry(state)}
    leads = state.role is Role.LEADER and is_quorum(followers, latest(state))
    return leads or is_quorum(electors, latest(state))


def last_entry(state: State) -> tuple[int, int]:
    """Return the term and the index of the last entry."""
    log = entries(state.log)
    return (log[-1].term if log else 0, len(log))


def latest(state: State) -> Configuration:
    """Return the latest configuration in a server's log, committed or not."""
    changes = [entry.configuration for entry in entries(state.log) if entry.configuration is not None]
    return changes[-1] if changes else state.config.first_configuration


def is_quorum(votes: set[int], configuration: Configuration) -> bool:
    """Whether a majority of the voters is in `votes` and, in a joint change, one of the outgoing voters."""
    groups = [configuration.voters, *([configuration.outgoing] if configuration.outgoing else [])]
    return all(2 * len(votes & {*group}) > len(group) for group in groups)


def latest_configuration(cluster: Cluster) -> None:
    """A server decides by the latest configuration in its log, its snapshot included (§6)."""
    for i, server in cluster.servers.items():
        own = server.state.configuration
        assert own == latest(server.state), f"s{i} decides by {own}, and its log has {latest(server.state)}"


def only_voters_lead(cluster: Cluster) -> None:
    """A leader is a voter, until it knows that its removal is committed (§4.2.2 of the dissertation)."""
    for i, server in cluster.servers.items():
        state = server.state
        if state.role is Role.LEADER and state.log.configuration_index <= state.commit_index:
            voters = {*state.configuration.voters, *state.configuration.outgoing}
            assert state.id in voters, f"s{i} leads, and {state.configuration} is committed"


def raises_nothing(cluster: Cluster) -> None:
    """The core takes every step of the path without an exception; the driver has run them all before this is called."""
    assert cluster.servers
