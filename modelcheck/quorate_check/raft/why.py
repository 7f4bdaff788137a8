"""Why a promise of Raft is broken: the servers, terms, indices and entries that contradict each other, in a sentence.

The promises are those of `quorate_spec.raft.invariants`, and behind them those of properties.py, which are about the
core alone. Each function is asked only about values for which its promise doesn't hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, count
from typing import Any, Final

from quorate.raft import Message, RequestVote, RequestVoteReply
from quorate_check.raft.conformance.mapping import map_entries, map_server
from quorate_check.raft.subject import CheckerEvent, CoreNode, Restart
from quorate_check.raft.words import entry_text
from quorate_spec.raft import invariants
from quorate_spec.raft.invariants import Cluster
from quorate_spec.raft.messages import Entry
from quorate_spec.raft.state import Applied, Log, Role, Server

Names = tuple[str, ...]
Messages = tuple[Message, ...]


def text(entry: Entry | Applied | None) -> str:
    """Return the text of an entry, `nothing` for None."""
    return "nothing" if entry is None else f"[{entry_text(entry)}]"


def at(log: Log, index: int) -> Entry | None:
    """Return the entry at `index`, None if there is none."""
    return log[index - 1] if 0 < index <= len(log) else None


def committed(server: Server) -> Log:
    """Return the entries that a server ever knew to be committed."""
    return tuple(Entry(a.term, a.value) for a in server.applied)


def broken(holds: Callable[[Cluster], bool], names: Names, servers: Cluster) -> tuple[Names, Server, Server]:
    """Return two servers that break a promise about every two, with their names."""
    for (a, i), (b, j) in combinations(zip(names, servers, strict=True), 2):
        if not holds((i, j)):
            return (a, b), i, j
    raise AssertionError("no two servers break it")


def two_leaders(names: Names, servers: Cluster) -> str:
    """Say which term two servers led."""
    two, i, j = broken(invariants.election_safety, names, servers)
    return f"{two[0]} and {two[1]} both led term {min(i.led & j.led)}."


def logs_differ(names: Names, servers: Cluster) -> str:
    """Say where two logs agree on a term, and before it differ."""
    two, i, j = broken(invariants.log_matching, names, servers)
    for index in range(min(len(i.log), len(j.log)), 0, -1):
        if i.log[index - 1].term == j.log[index - 1].term and i.log[:index] != j.log[:index]:
            bad = next(k for k in range(1, index + 1) if at(i.log, k) != at(j.log, k))
            held = f"{two[0]} has {text(at(i.log, bad))} and {two[1]} has {text(at(j.log, bad))}"
            term = i.log[index - 1].term
            return f"Both logs have an entry of term {term} at index {index}, but at index {bad} {held}."
    raise AssertionError("the logs match")


def leader_lacks(names: Names, servers: Cluster) -> str:
    """Say which committed entry a leader doesn't have, and who applied it."""
    named = list(zip(names, servers, strict=True))
    for who, leader in named:
        for name, server in named if leader.role is Role.LEADER else ():
            for index, entry in enumerate(server.applied, start=1):
                held = at(leader.log, index)
                if entry.by <= leader.current_term and (held is None or not invariants.same(held, entry)):
                    return (
                        f"{who} leads term {leader.current_term} and has {text(held)} at index {index}, where {name} "
                        f"had applied {text(entry)} by term {entry.by}."
                    )
    raise AssertionError("the leaders have every committed entry")


def applied_differ(names: Names, servers: Cluster) -> str:
    """Say which index two servers applied different entries at."""
    two, i, j = broken(invariants.state_machine_safety, names, servers)
    for index, mine, others in zip(count(1), i.applied, j.applied, strict=False):
        if not invariants.same(mine, others):
            return f"At index {index} {two[0]} applied {text(mine)} and {two[1]} applied {text(others)}."
    raise AssertionError("the servers applied the same")


def counted_twice(names: Names, servers: Cluster) -> str:
    """Say whose vote two candidates of one term count."""
    (a, b), i, j = broken(invariants.votes_are_unique, names, servers)
    voter = names[min(i.votes_granted & j.votes_granted) - 1]
    return f"{a} and {b}, candidates of term {i.current_term}, both count the vote of {voter}."


def vote_forgotten(names: Names, servers: Cluster) -> str:
    """Say whose vote a candidate counts, and what that server knows of it."""
    for i, j in invariants.pairs(servers):
        counts = i.role is Role.CANDIDATE and j.id in i.votes_granted
        if not counts or j.current_term > i.current_term or (j.current_term, j.voted_for) == (i.current_term, i.id):
            continue
        knows = f"is only in term {j.current_term}"
        if j.current_term == i.current_term:
            knows = f"voted for {'nobody' if j.voted_for is None else names[j.voted_for - 1]} in it"
        a, b = names[i.id - 1], names[j.id - 1]
        return f"{a}, a candidate of term {i.current_term}, counts the vote of {b}, which {knows}."
    raise AssertionError("every vote is remembered")


def sent_again(names: Names, servers: Cluster) -> str:
    """Say whose next_index isn't above its match_index."""
    for name, server in zip(names, servers, strict=True):
        if (found := not_above(name, server.match_index, server.next_index)) is not None:
            return found
    raise AssertionError("every next_index is above its match_index")


def not_above(name: str, match_index: Sequence[int], next_index: Sequence[int]) -> str | None:
    """Say for which peer of a server next_index isn't above match_index, None if it is for all."""
    for peer, held, sent in zip(count(1), match_index, next_index, strict=False):
        if held >= sent:
            return f"{name} knows s{peer} to hold index {held}, and would send index {sent} next."
    return None


def acknowledged_is_gone(names: Names, servers: Cluster) -> str:
    """Say what a leader counts as acknowledged that isn't there."""
    for i, j in invariants.pairs(servers):
        if i.role is not Role.LEADER or j.current_term != i.current_term:
            continue
        a, b, match = names[i.id - 1], names[j.id - 1], i.match_of(j.id)
        for index in range(1, match + 1):
            mine, others = at(i.log, index), at(j.log, index)
            if mine is None or mine != others:
                held = f"{a} has {text(mine)}" + ("" if i.id == j.id else f" and {b} has {text(others)}")
                knows = f"{a}, the leader of term {i.current_term}, knows {b} to hold index {match}"
                return f"{knows}; at index {index} {held}."
    raise AssertionError("everything that is acknowledged is there")


def committed_is_lost(names: Names, servers: Cluster) -> str:
    """Say what a server knows to be committed that it doesn't hold, or no longer knows."""
    for name, i in zip(names, servers, strict=True):
        knows = f"knows index {i.commit_index} to be committed"
        if i.snapshot_index > i.commit_index:
            return f"{name} compacted its log up to index {i.snapshot_index}, and only {knows}."
        for index in range(1, i.commit_index + 1):
            held, applied = at(i.log, index), at(committed(i), index)
            if held is None or held != applied:
                return f"{name} {knows}; at index {index} its log has {text(held)}, and {text(applied)} was committed."
    raise AssertionError("everything committed is kept")


def committed_by_few(names: Names, servers: Cluster) -> str:
    """Say what was known to be committed that no majority holds."""
    for name, i in zip(names, servers, strict=True):
        for index, entry in enumerate(committed(i), start=1):
            holders = [names[j.id - 1] for j in servers if at(j.log, index) == entry]
            if 2 * len(holders) <= len(servers):
                held = f"only {' and '.join(holders)} of {len(servers)} servers" if holders else "no server"
                return f"{name} knew {text(entry)} at index {index} to be committed, and {held} has it there."
    raise AssertionError("a majority has everything committed")


def not_appended(name: str, before: Server, _event: Any, after: Server, _sent: Any) -> str:  # noqa: ANN401 - unused
    """Say which entry of its own log a leader changed."""
    index = next(i for i in range(1, len(before.log) + 1) if at(before.log, i) != at(after.log, i))
    had, has = text(at(before.log, index)), text(at(after.log, index))
    term = after.current_term
    return f"{name}, the leader of term {term}, had {had} at index {index} of its log and now has {has} there."


def core_not_appended(name: str, before: CoreNode, event: CheckerEvent, after: CoreNode, sent: Messages) -> str:
    """Say which entry of its own log a leader changed."""
    return not_appended(name, map_server(before), event, map_server(after), sent)


def core_sent_again(names: Names, views: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> str:
    """Say whose next_index isn't above its match_index."""
    found = not_above(names[0], *views[0])
    assert found is not None, "every next_index is above its match_index"
    return found


def older_term(name: str, before: CoreNode, event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Say from which term to which a server went back."""
    crash = isinstance(event, Restart)
    held = f"had term {before.on_disk.current_term} on disk" if crash else f"was in term {before.state.current_term}"
    return f"{name} {held} and is now in term {after.state.current_term}."


def lower_commit(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Say from which commit index to which a server went back."""
    return f"{name} knew index {before.state.commit_index} to be committed, and now only {after.state.commit_index}."


def second_vote(name: str, before: CoreNode, _event: CheckerEvent, _after: CoreNode, sent: Messages) -> str:
    """Say whom a server gave two votes in one term."""
    given = {} if before.record.vote is None else dict([before.record.vote])
    for message in sent:
        match message:
            case RequestVote(source=choice, term=term) | RequestVoteReply(dest=choice, term=term, vote_granted=True):
                if (first := given.setdefault(term, choice)) != choice:
                    return f"In term {term} {name} voted for s{first} and then for s{choice}."
            case _:
                pass
    raise AssertionError("the server gave one vote in each term")


def applied_else(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Say which entry a server applied differently the second time."""
    old, new = (map_entries(tuple(a.entry for a in server.record.applied)) for server in (before, after))
    for index, entry in enumerate(old, start=1):
        if (again := at(new, index)) != entry:
            return f"At index {index} {name} had applied {text(entry)}, and then {text(again)}."
    raise AssertionError("the server applied the same again")


def unlearned(name: str, before: CoreNode, _event: CheckerEvent, after: CoreNode, _sent: Messages) -> str:
    """Say what a leader no longer knows a follower to hold."""
    old, new = before.state.match_index, after.state.match_index
    peer = next(i for i, (was, now) in enumerate(zip(old, new, strict=True)) if was > now)
    return f"{name} knew s{peer + 1} to hold its log up to {old[peer]}, and now only up to {new[peer]}."


WHY: Final[dict[str, Callable[[Names, Cluster], str]]] = {
    "ElectionSafety": two_leaders,
    "LogMatching": logs_differ,
    "LeaderCompleteness": leader_lacks,
    "StateMachineSafety": applied_differ,
    "VotesAreUnique": counted_twice,
    "VotesAreRemembered": vote_forgotten,
    "MatchBelowNext": sent_again,
    "AcknowledgedIsThere": acknowledged_is_gone,
    "CommittedIsKept": committed_is_lost,
    "CommittedIsOnQuorum": committed_by_few,
}
STEP_WHY: Final = {"LeaderAppendOnly": not_appended}
