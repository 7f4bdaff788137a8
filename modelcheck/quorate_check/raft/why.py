"""Why a promise of Raft is broken: the servers, terms, indices and entries that contradict each other, in a sentence.

First come the promises of `quorate_spec.raft.invariants`, then those of properties.py, which are about the core alone.
Each function returns its sentence for values that violate its promise, and raises AssertionError for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, count, pairwise, product
from typing import Any, Final

from quorate.raft import Message, RequestVote, RequestVoteReply
from quorate_check.raft.conformance.mapping import map_entries, map_server
from quorate_check.raft.subject import CheckerEvent, CoreNode, Restart
from quorate_check.raft.words import config_text, entry_text
from quorate_spec.raft import invariants
from quorate_spec.raft.invariants import Cluster
from quorate_spec.raft.messages import Entry
from quorate_spec.raft.state import Applied, Disk, Log, Role, Server, changes, config, memory, on_disk

Names = tuple[str, ...]
Messages = tuple[Message, ...]


def contents(entry: Entry | Applied | None) -> str:
    """Return the text of what a log has at an index: the entry in brackets, `nothing` for None."""
    return "nothing" if entry is None else f"[{entry_text(entry)}]"


def entry_at(log: Log, index: int) -> Entry | None:
    """Return the entry at `index`, None if there is none."""
    return log[index - 1] if 0 < index <= len(log) else None


def committed_entries(server: Server) -> Log:
    """Return the entries that a server applied, before restarts included: those that it knew to be committed."""
    return tuple(Entry(a.term, a.value, a.config) for a in server.applied)


def violating_pair(holds: Callable[[Cluster], bool], names: Names, servers: Cluster) -> tuple[Names, Server, Server]:
    """Return the names of the first two servers for which `holds`, a promise about every pair, is false, and both."""
    for (a, i), (b, j) in combinations(zip(names, servers, strict=True), 2):
        if not holds((i, j)):
            return (a, b), i, j
    raise AssertionError("no two servers break it")


def two_leaders(names: Names, servers: Cluster) -> str:
    """Return which two servers led the same term."""
    pair, i, j = violating_pair(invariants.election_safety, names, servers)
    return f"{pair[0]} and {pair[1]} both led term {min(i.led & j.led)}."


def differing_logs(names: Names, servers: Cluster) -> str:
    """Return the index at which two logs agree on the term, and an earlier one at which they differ."""
    pair, i, j = violating_pair(invariants.log_matching, names, servers)
    for index in range(min(len(i.log), len(j.log)), 0, -1):
        if i.log[index - 1].term == j.log[index - 1].term and i.log[:index] != j.log[:index]:
            k = next(k for k in range(1, index + 1) if entry_at(i.log, k) != entry_at(j.log, k))  # first difference
            difference = (
                f"{pair[0]} has {contents(entry_at(i.log, k))} and {pair[1]} has {contents(entry_at(j.log, k))}"
            )
            term = i.log[index - 1].term
            return f"Both logs have an entry of term {term} at index {index}, but at index {k} {difference}."
    raise AssertionError("the logs match")


def missing_committed_entry(names: Names, servers: Cluster) -> str:
    """Return which committed entry a leader doesn't have, and who applied it."""
    named_servers = list(zip(names, servers, strict=True))
    for leader_name, leader in named_servers:
        for name, server in named_servers if leader.role is Role.LEADER else ():
            for index, entry in enumerate(server.applied, start=1):
                own_entry = entry_at(leader.log, index)
                if entry.by <= leader.current_term and (own_entry is None or not invariants.same(own_entry, entry)):
                    return (
                        f"{leader_name} leads term {leader.current_term} and has {contents(own_entry)} at index "
                        f"{index}, where {name} had applied {contents(entry)} by term {entry.by}."
                    )
    raise AssertionError("the leaders have every committed entry")


def differing_applied_entries(names: Names, servers: Cluster) -> str:
    """Return the index at which two servers applied different entries."""
    pair, i, j = violating_pair(invariants.state_machine_safety, names, servers)
    for index, own, other in zip(count(1), i.applied, j.applied, strict=False):
        if not invariants.same(own, other):
            return f"At index {index} {pair[0]} applied {contents(own)} and {pair[1]} applied {contents(other)}."
    raise AssertionError("the servers applied the same")


def vote_counted_twice(names: Names, servers: Cluster) -> str:
    """Return whose vote two candidates of one term count."""
    (a, b), i, j = violating_pair(invariants.votes_are_unique, names, servers)
    voter = names[min(i.votes_granted & j.votes_granted) - 1]
    return f"{a} and {b}, candidates of term {i.current_term}, both count the vote of {voter}."


def forgotten_vote(names: Names, servers: Cluster) -> str:
    """Return whose vote a candidate counts, and which term or other vote that server has, in memory or on its disk."""
    for i, j in invariants.pairs(servers):
        counts = i.role is Role.CANDIDATE and j.id in i.votes_granted and i.id != j.id
        for own in invariants.copies(j) if counts else ():
            if own.current_term > i.current_term or (own.current_term, own.voted_for) == (i.current_term, i.id):
                continue
            knowledge = f"is only in term {own.current_term}"
            if own.current_term == i.current_term:
                knowledge = f"voted for {'nobody' if own.voted_for is None else names[own.voted_for - 1]} in it"
            claim = f"{names[i.id - 1]}, a candidate of term {i.current_term}, counts the vote of {names[j.id - 1]}"
            return f"{claim}, which {place_of(j, own)}{knowledge}."
    raise AssertionError("every vote is remembered")


def place_of(server: Server, own: Disk) -> str:
    """Return `by its disk ` for what a server has only on its disk, nothing for what it has in memory."""
    return "" if own == memory(server) else "by its disk "


def match_not_below_next(names: Names, servers: Cluster) -> str:
    """Return for which peer a leader's next_index isn't above its match_index."""
    for name, server in zip(names, servers, strict=True):
        if (sentence := not_above(name, _progress(server))) is not None:
            return sentence
    raise AssertionError("every next_index is above its match_index")


def _progress(server: Server) -> Iterator[tuple[int, int, int]]:
    for peer in sorted(dict(server.match_index) | dict(server.next_index)):
        yield peer, server.match_of(peer), server.next_of(peer)


def not_above(name: str, progress: Iterable[tuple[int, int, int]]) -> str | None:
    """Return for which peer the next_index of server `name` isn't above the match_index, None if there is none.

    `progress` has (peer, match_index, next_index).
    """
    for peer, match, index in progress:
        if match >= index:
            return f"{name} knows s{peer} to hold index {match}, and would send index {index} next."
    return None


def missing_acknowledged_entry(names: Names, servers: Cluster) -> str:
    """Return which entry below its match_index a leader or the follower doesn't have."""
    for i, j in invariants.pairs(servers):
        a, b, match = names[i.id - 1], names[j.id - 1], i.match_of(j.id)
        for copy, index in product(invariants.copies(j), range(1, match + 1)):
            if i.role is not Role.LEADER or copy.current_term != i.current_term:
                continue
            own, other = entry_at(i.log, index), entry_at(copy.log, index)
            if own is None or own != other:
                difference = f"{a} has {contents(own)}"
                if i.id != j.id:
                    difference += f" and {b} {place_of(j, copy)}has {contents(other)}"
                claim = f"{a}, the leader of term {i.current_term}, knows {b} to hold index {match}"
                return f"{claim}; at index {index} {difference}."
    raise AssertionError("everything that is acknowledged is there")


def lost_committed_entry(names: Names, servers: Cluster) -> str:
    """Return which committed entry is missing from a server's log, or that its snapshot passes its commit index."""
    for name, i in zip(names, servers, strict=True):
        claim = f"knows index {i.commit_index} to be committed"
        for own in invariants.copies(i):
            if own.snapshot_index > i.commit_index:
                where = place_of(i, own)
                return f"{name} {where}compacted its log up to index {own.snapshot_index}, and only {claim}."
        for index in range(1, i.commit_index + 1):
            own_entry, applied = entry_at(i.log, index), entry_at(committed_entries(i), index)
            if own_entry is None or own_entry != applied:
                difference = f"its log has {contents(own_entry)}, and {contents(applied)} was committed"
                return f"{name} {claim}; at index {index} {difference}."
        for index in range(1, on_disk(i).snapshot_index + 1):
            own_entry, applied = entry_at(on_disk(i).log, index), entry_at(committed_entries(i), index)
            if own_entry is None or own_entry != applied:
                return (
                    f"{name} by its disk compacted {contents(own_entry)} at index {index}, "
                    f"and {contents(applied)} was committed."
                )
    raise AssertionError("everything committed is kept")


def committed_without_majority(names: Names, servers: Cluster) -> str:
    """Return which committed entry no majority has."""
    for name, i in zip(names, servers, strict=True):
        for index, entry in enumerate(committed_entries(i), start=1):
            holders = [
                names[j.id - 1]
                for j in servers
                if all(entry_at(own.log, index) == entry for own in invariants.copies(j))
            ]
            if 2 * len(holders) <= len(servers):
                holders_text = f"only {' and '.join(holders)} of {len(servers)} servers" if holders else "no server"
                return (
                    f"{name} knew {contents(entry)} at index {index} to be committed, and {holders_text} has it there."
                )
    raise AssertionError("a majority has everything committed")


def changed_own_entry(name: str, before: Server, _event: Any, after: Server, _sent: Any) -> str:  # noqa: ANN401 - unused
    """Return which entry of its own log a leader changed."""
    index = next(i for i in range(1, len(before.log) + 1) if entry_at(before.log, i) != entry_at(after.log, i))
    old, new = contents(entry_at(before.log, index)), contents(entry_at(after.log, index))
    term = after.current_term
    return f"{name}, the leader of term {term}, had {old} at index {index} of its log and now has {new} there."


def core_changed_own_entry(name: str, before: CoreNode, event: CheckerEvent, after: CoreNode, sent: Messages) -> str:
    """Return which entry of its own log a leader changed."""
    return changed_own_entry(name, map_server(before), event, map_server(after), sent)


def core_match_not_below_next(names: Names, views: tuple[tuple[tuple[int, int, int], ...], ...]) -> str:
    """Return for which peer a leader's next_index isn't above its match_index."""
    sentence = not_above(names[0], views[0])
    assert sentence is not None, "every next_index is above its match_index"
    return sentence


def counted_without_disk(names: Names, views: tuple[tuple[tuple[Any, Any], ...], ...]) -> str:
    """Return which entry a leader counts although its disk doesn't have it."""
    counted, on_disk = next(pair for pair in views[0] if pair[0] != pair[1])
    texts = [contents(None if entry is None else map_entries((entry,))[0]) for entry in (counted, on_disk)]
    return f"{names[0]} counts itself for {texts[0]}, and its disk has {texts[1]} there."


def older_term(name: str, before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Return the term that a server left and the older term that it entered."""
    crash = isinstance(event, Restart)
    former = f"had term {before.on_disk.current_term} on disk" if crash else f"was in term {before.state.current_term}"
    return f"{name} {former} and is now in term {after.state.current_term}."


def lower_commit(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Return the commit indices of a server before and after a step that lowered it."""
    return f"{name} knew index {before.state.commit_index} to be committed, and now only {after.state.commit_index}."


def second_vote(name: str, before: CoreNode, _event: CheckerEvent, _after: CoreNode, sent: Messages) -> str:
    """Return the two candidates that one server voted for in one term."""
    votes = {} if before.record.vote is None else dict([before.record.vote])
    for message in sent:
        match message:
            case RequestVote(source=choice, term=term) | RequestVoteReply(dest=choice, term=term, vote_granted=True):
                if (first := votes.setdefault(term, choice)) != choice:
                    return f"In term {term} {name} voted for s{first} and then for s{choice}."
            case _:
                pass
    raise AssertionError("the server gave one vote in each term")


def changed_applied_entry(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Return the index at which a server applied another entry after a restart than before."""
    old, new = (map_entries(tuple(a.entry for a in server.record.applied)) for server in (before, after))
    for index, entry in enumerate(old, start=1):
        if (again := entry_at(new, index)) != entry:
            return f"At index {index} {name} had applied {contents(entry)}, and then {contents(again)}."
    raise AssertionError("the server applied the same again")


def lower_match_index(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Return the match_index of a follower before and after a step that lowered it."""
    for peer in before.state.configuration.members:
        old, new = before.state.match_index_of(peer), after.state.match_index_of(peer)
        if old > new:
            return f"{name} knew s{peer} to hold its log up to {old}, and now only up to {new}."
    raise AssertionError("no match_index became lower")


def changes_at_once(names: Names, servers: Cluster) -> str:
    """Return two configurations of one log of which the first is neither committed nor ended by the second."""
    committed = max(len(server.applied) for server in servers)
    for name, server in zip(names, servers, strict=True):
        for first, second in pairwise(changes(server.log)):
            joint = (server.log[first - 1].config, server.log[second - 1].config)
            if first > committed or all(each is not None and each.outgoing for each in joint):
                one, other = contents(entry_at(server.log, first)), contents(entry_at(server.log, second))
                return f"{name} has {one} at index {first} and {other} at {second}: two changes at once."
    raise AssertionError("no log has two changes at once")


def disjoint_quorums(names: Names, servers: Cluster) -> str:
    """Return two servers that may both decide, each with a quorum of its own configuration."""
    active = [pair for pair in zip(names, servers, strict=True) if invariants.may_be_active(pair[1], servers)]
    for (a, i), (b, j) in combinations(active, 2):
        if not invariants.intersecting(config(i), config(j)):
            one, other = config_text(config(i)), config_text(config(j))
            return f"{a} may decide with a quorum of {one} and {b} with one of {other}, and they may be disjoint."
    raise AssertionError("all active quorums intersect")


def other_configuration(names: Names, views: tuple[tuple[Any, Any], ...]) -> str:
    """Return the configuration by which a server decides, and the one in its log."""
    believed, latest = (config_text(each) for each in views[0])
    return f"{names[0]} decides by {believed}, and the latest configuration in its log is {latest}."


def leads_without_vote(names: Names, _views: tuple[Any, ...]) -> str:
    """Return which server leads although its removal is committed, or although it never had a vote."""
    return f"{names[0]} leads and is no voter, by a configuration that it knows to be committed."


WHY: Final[dict[str, Callable[[Names, Cluster], str]]] = {
    "ElectionSafety": two_leaders,
    "LogMatching": differing_logs,
    "LeaderCompleteness": missing_committed_entry,
    "StateMachineSafety": differing_applied_entries,
    "OneChangeAtATime": changes_at_once,
    "ActiveQuorumsIntersect": disjoint_quorums,
    "VotesAreUnique": vote_counted_twice,
    "VotesAreRemembered": forgotten_vote,
    "MatchBelowNext": match_not_below_next,
    "AcknowledgedIsThere": missing_acknowledged_entry,
    "CommittedIsKept": lost_committed_entry,
    "CommittedIsOnQuorum": committed_without_majority,
}
STEP_WHY: Final = {"LeaderAppendOnly": changed_own_entry}
