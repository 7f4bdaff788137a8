"""Why a promise of the specification is broken, under its name: the servers, terms, indices and entries, in a sentence.

Each function is asked only about servers for which its promise, in quorate_spec.raft.invariants, doesn't hold.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, Final

from quorate_check.raft import sentences
from quorate_check.raft.sentences import Names, at
from quorate_check.raft.spec_pictures import entry_text
from quorate_spec.raft import invariants
from quorate_spec.raft.invariants import Cluster
from quorate_spec.raft.messages import Entry, Message
from quorate_spec.raft.state import Role, Server


def told(entry: Entry | None) -> str:
    """Return an entry in words, which may be missing."""
    return "nothing" if entry is None else f"[{entry_text(entry)}]"


def committed(server: Server) -> list[Entry]:
    """Return what a server ever knew to be committed."""
    return [Entry(a.term, a.value) for a in server.applied]


def broken(holds: Callable[[Cluster], bool], names: Names, servers: Cluster) -> tuple[Names, Server, Server]:
    """Return two servers that break a promise about every two, with their names."""
    for (a, i), (b, j) in combinations(zip(names, servers, strict=True), 2):
        if not holds((i, j)):
            return (a, b), i, j
    raise AssertionError("no two servers break it")


def two_leaders(names: Names, servers: Cluster) -> str:
    """Say which term two servers led."""
    two, i, j = broken(invariants.election_safety, names, servers)
    return sentences.two_leaders(two, i.led, j.led)


def logs_differ(names: Names, servers: Cluster) -> str:
    """Say where two logs agree on a term, and before it differ."""
    two, i, j = broken(invariants.log_matching, names, servers)
    return sentences.logs_differ(two, i.log, j.log, told)


def leader_lacks(names: Names, servers: Cluster) -> str:
    """Say which committed entry a leader doesn't have, and who applied it."""
    named = list(zip(names, servers, strict=True))
    leaders = [(name, i.current_term, i.log) for name, i in named if i.role is Role.LEADER]
    applied = [(name, [(Entry(a.term, a.value), a.by) for a in j.applied]) for name, j in named]
    return sentences.leader_lacks(leaders, applied, told)


def applied_differ(names: Names, servers: Cluster) -> str:
    """Say which index two servers applied different entries at."""
    two, i, j = broken(invariants.state_machine_safety, names, servers)
    return sentences.applied_differ(two, committed(i), committed(j), told)


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
    return sentences.sent_again((name, i.match_index, i.next_index) for name, i in zip(names, servers, strict=True))


def acknowledged_is_gone(names: Names, servers: Cluster) -> str:
    """Say what a leader counts as acknowledged that isn't there."""
    for i, j in invariants.pairs(servers):
        if i.role is not Role.LEADER or j.current_term != i.current_term:
            continue
        a, b, match = names[i.id - 1], names[j.id - 1], i.match_of(j.id)
        for index in range(1, match + 1):
            mine, others = at(i.log, index), at(j.log, index)
            if mine is None or mine != others:
                held = f"{a} has {told(mine)}" + ("" if i.id == j.id else f" and {b} has {told(others)}")
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
                return f"{name} {knows}; at index {index} its log has {told(held)}, and {told(applied)} was committed."
    raise AssertionError("everything committed is kept")


def committed_by_few(names: Names, servers: Cluster) -> str:
    """Say what was known to be committed that no majority holds."""
    for name, i in zip(names, servers, strict=True):
        for index, entry in enumerate(committed(i), start=1):
            holders = [names[j.id - 1] for j in servers if at(j.log, index) == entry]
            if 2 * len(holders) <= len(servers):
                held = f"only {' and '.join(holders)} of {len(servers)} servers" if holders else "no server"
                return f"{name} knew {told(entry)} at index {index} to be committed, and {held} has it there."
    raise AssertionError("a majority has everything committed")


def not_appended(name: str, before: Server, _event: Any, after: Server, _sent: tuple[Message, ...]) -> str:  # noqa: ANN401
    """Say which entry of its own log a leader changed."""
    return sentences.not_appended(name, after.current_term, before.log, after.log, told)


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
