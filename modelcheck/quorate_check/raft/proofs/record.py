"""The rows of the tables about an explored server: from its variables and from a record of its past."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any, Final

from quorate_check.proofs.logic.evaluating import Row, Tables
from quorate_check.raft.proofs.model import NOTHING
from quorate_check.raft.spec_symmetry import rename_config, rename_entries
from quorate_spec.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    Message,
    RequestVote,
    RequestVoteReply,
)
from quorate_spec.raft.state import (
    Applied,
    Log,
    Role,
    Server,
    changes,
    config,
    has,
    is_quorum,
    last_change,
    members_of,
    on_disk,
    stalled,
    term_at,
)

Quorum = frozenset[int]
MEMBERS: Final = "members"  # the mark of a value that is a configuration
UNSEEN: Final = "unseen"  # the value of an entry of which a message has only the term
FUNCTIONS: Final = (
    *("leader", "voters", "holders", "reach", "counted"),
    *("start", "base", "electorate", "change", "latest", "counters"),
)
CONFIGS: Final = ("electorate", "latest", "counters")  # functions whose values are configurations


@dataclass(frozen=True, slots=True)
class Leadership:
    """A term that a server led: its log, the length that it had at first, and its voters.

    `counted` is the index up to which it counted, `holders` are the servers that it counted, and `counters` is the
    configuration by which it did.
    """

    term: int
    log: Log
    start: int
    voters: Quorum
    counted: int = 0
    holders: Quorum | None = None
    counters: Config | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """The past of a server by term; and for each entry that it applied, the term whose leader counted it.

    Votes, candidacies and acknowledgements are those that its disk had. `commitments` are the `reasons` that it knows
    from steps that no crash has lost, `disk_commitments` what they were when the disk stalled.
    """

    votes: tuple[tuple[int, int], ...] = ()
    candidacies: tuple[tuple[int, int, int], ...] = ()
    acknowledgements: tuple[tuple[int, int], ...] = ()
    leaderships: tuple[Leadership, ...] = ()
    reasons: tuple[int, ...] = ()
    commitments: tuple[int, ...] = ()
    disk_commitments: tuple[int, ...] = ()

    def reason(self, index: int) -> int:
        """Return the term whose leader counted the entry that was applied at `index`; 0 of none."""
        return self.reasons[index - 1] if index else 0


def rename_past(past: Past, p: tuple[int, ...]) -> Past:
    """Return the past of a server after every server i, counted from 0, is renamed to p[i].

    A value of type bytes is the number of the server that proposed it, as in raft/subject.py.
    """

    def entry(each: Entry) -> Entry:
        return replace(each, value=b"%d" % (p[int(each.value) - 1] + 1)) if isinstance(each.value, bytes) else each

    def renamed_quorum(quorum: Quorum) -> Quorum:
        return frozenset(p[i - 1] + 1 for i in quorum)

    leaderships = (
        replace(
            each,
            log=rename_entries(tuple(map(entry, each.log)), p),
            counters=None if each.counters is None else rename_config(each.counters, p),
            voters=renamed_quorum(each.voters),
            holders=None if each.holders is None else renamed_quorum(each.holders),
        )
        for each in past.leaderships
    )
    return replace(past, votes=tuple((t, p[c - 1] + 1) for t, c in past.votes), leaderships=tuple(leaderships))


def after_step(past: Past, before: Server, after: Server, sent: frozenset[Message], reason: int) -> Past:
    """Return the past after one step of the specification; `reason` comes with the message that caused it."""
    t, leaderships = after.current_term, {each.term: each for each in past.leaderships}
    votes = dict(past.votes) | ({} if after.voted_for is None or stalled(after) else {t: after.voted_for})
    candidacies = {row[0]: row for row in past.candidacies}
    acknowledgements = dict(past.acknowledgements)
    last = len(after.log)
    if after.role is Role.CANDIDATE and not stalled(after):
        candidacies[t] = (t, last, term_at(after.log, last))
    for m in sent:
        if (isinstance(m, AppendEntriesReply) and m.success) or (isinstance(m, InstallSnapshotReply) and m.match_index):
            acknowledgements[m.term] = max(acknowledgements.get(m.term, 0), m.match_index)
    if after.role is Role.LEADER:
        leadership = leaderships.get(t, Leadership(t, after.log, len(after.log), before.votes_granted))
        counts = before.role is Role.LEADER and after.commit_index > before.commit_index
        if counts:
            reason, holders = t, holders_of(before, after.commit_index)
            leadership = replace(leadership, counted=after.commit_index, holders=holders, counters=config(before))
            if after.id in holders:
                acknowledgements[t] = max(acknowledgements.get(t, 0), after.commit_index)
        early = leadership.early or (not leadership.counted and bool(changes(after.log[leadership.start :])))
        leaderships[t] = replace(leadership, log=after.log, early=early)
    new = len(after.applied) - len(past.reasons)
    commitments, disk_commitments = past.commitments, past.disk_commitments
    if stalled(after) and not stalled(before):
        disk_commitments = commitments
    if stalled(before) and not stalled(after):
        commitments, disk_commitments = disk_commitments, ()
    if after.commit_index > before.commit_index:
        commitments += (reason,) * (after.commit_index - len(commitments))
    return Past(
        tuple(sorted(votes.items())),
        tuple(sorted(candidacies.values())),
        tuple(sorted(acknowledgements.items())),
        tuple(sorted(leaderships.values(), key=lambda each: each.term)),
        past.reasons + (reason,) * new,
        commitments,
        disk_commitments,
    )


def holders_of(leader: Server, index: int) -> Quorum:
    """Return the servers of which a leader knows that their disks have the entry of its term at `index`."""
    own = {leader.id} if has(on_disk(leader).log, index, leader.current_term) else set()
    return frozenset(own | {j for j in members_of(config(leader)) - {leader.id} if leader.match_of(j) >= index})


def log_rows(log: Log) -> Iterator[tuple[int, int, Hashable]]:
    """Yield a log's rows, the one before all entries included."""
    yield 0, 0, NOTHING
    for index, entry in enumerate(log, start=1):
        yield index, entry.term, value_of(entry)


def value_of(entry: Entry | Applied) -> Hashable:
    """Return the value of an entry: a client's, or a configuration."""
    return ("value", entry.value) if entry.config is None else (MEMBERS, entry.config)


def values_in(server: Server, past: Past) -> frozenset[Hashable]:
    """Return the values of the entries that a server has or had."""
    disk = () if server.disk is None else server.disk.log
    logs: tuple[tuple[Entry | Applied, ...], ...] = (
        *(server.log, disk, server.applied),
        *(each.log for each in past.leaderships),
    )
    return frozenset(value_of(entry) for log in logs for entry in log)


def latest_change(server: Server, log: Log) -> tuple[int, Config]:
    """Return the index of the latest configuration in a log, and the configuration."""
    index = last_change(log)
    return index, config(replace(server, log=log))


def _leadership_rows(server: Server, each: Leadership) -> dict[str, Hashable]:
    """Return the values of the functions of a term that a server led."""
    base, electorate = latest_change(server, each.log[: each.start])
    change, latest = latest_change(server, each.log)
    return {
        "leader": server.id,
        "voters": each.voters,
        "reach": len(each.log),
        "counted": each.counted,
        "start": each.start,
        "base": base,
        "electorate": electorate,
        "change": change,
        "latest": latest,
        "holders": each.holders,
        "counters": each.counters,
    }


def tables_of(server: Server, past: Past) -> dict[str, frozenset[Row]]:
    """Return the rows that are about a server; a function's rows are (argument, value)."""
    n, t, role = server.id, server.current_term, server.role
    leads, stands = role is Role.LEADER, role is Role.CANDIDATE
    matched = {(n, m, i) for m in members_of(config(server)) for i in range(1, server.match_of(m) + 1)} if leads else ()
    applied = zip(server.applied, past.reasons, strict=True)
    disk = () if server.disk is None else log_rows(server.disk.log)
    led = {each.term: _leadership_rows(server, each) for each in past.leaderships}
    # A candidate counts itself at once; the model does if its disk has that vote.
    granted = server.votes_granted if (t, n) in past.votes else server.votes_granted - {n}
    return {
        "current": frozenset({(n, t)}),
        "stalled": frozenset({(n,)} if stalled(server) else ()),
        "left": frozenset((n, s) for s in range(on_disk(server).current_term)),
        "ballot": _ballot(n, server.voted_for),
        "disk_ballot": _ballot(n, None if server.disk is None else server.disk.voted_for),
        "voted": frozenset((n, s, c) for s, c in past.votes),
        "candidate": frozenset({(n, t)} if stands else ()),
        "stood": frozenset((n, *row) for row in past.candidacies),
        "granted": frozenset((n, m) for m in granted if stands),
        "led": frozenset((n, s) for s in server.led),
        "leads": frozenset({(n, t)} if leads else ()),
        "started": frozenset((s,) for s in server.led),
        "entry": frozenset((n, *row) for row in log_rows(server.log)),
        "last": frozenset({(n, len(server.log))}),
        "disk_entry": frozenset((n, *row) for row in disk),
        "early": frozenset((each.term,) for each in past.leaderships if each.early),
        "offered": frozenset((each.term, *row) for each in past.leaderships for row in log_rows(each.log)),
        "acked": frozenset((n, s, j) for s, i in past.acknowledgements for j in range(i + 1)),
        "matched": frozenset(matched),
        "applied": frozenset((n, i, a.term, value_of(a), b) for i, (a, b) in enumerate(applied, start=1)),
        "knows": frozenset((n, i, b) for i, b in enumerate(past.commitments, start=1)),
        "disk_knows": frozenset((n, i, b) for i, b in enumerate(past.disk_commitments, start=1)),
        **{
            name: frozenset((t, values[name]) for t, values in led.items() if values[name] is not None)
            for name in FUNCTIONS
        },
    }


def _ballot(voter: int, choice: int | None) -> frozenset[Row]:
    return frozenset() if choice is None else frozenset({(voter, choice)})


def reported_rows(m: Message, reason: int) -> dict[str, frozenset[Row]]:
    """Return the rows that a message reports: they are true when it is sent, and stay true."""
    match m:
        case RequestVote():
            return {"stood": frozenset({(m.source, m.term, m.last_log_index, m.last_log_term)})}
        case RequestVoteReply(vote_granted=True):
            return {"voted": frozenset({(m.source, m.term, m.dest)})}
        case AppendEntries():
            prev, rows = m.prev_log_index, list(log_rows(m.entries))[1:]
            first = (m.term, prev, m.prev_log_term, UNSEEN if prev else NOTHING)
            offered = {first, *((m.term, prev + i, s, v) for i, s, v in rows)}
            return _leader_rows(m, offered, m.leader_commit, reason)
        case InstallSnapshot():
            return _leader_rows(m, ((m.term, *row) for row in log_rows(m.snapshot)), len(m.snapshot), reason)
        case AppendEntriesReply(success=True) | InstallSnapshotReply():
            rows_acked = range(m.match_index + 1) if isinstance(m, AppendEntriesReply) or m.match_index else ()
            return {"acked": frozenset((m.source, m.term, j) for j in rows_acked)}
        case _:
            return {}


def _leader_rows(
    m: AppendEntries | InstallSnapshot, offered: Iterable[Row], commit: int, reason: int
) -> dict[str, frozenset[Row]]:
    counted = frozenset({(reason, commit)}) if commit else frozenset[Row]()
    return {"offered": frozenset(offered), "started": frozenset({(m.term,)}), "counted": counted}


def single(joint: Config) -> Config:
    """Return the configuration to which a joint one is left."""
    return replace(joint, outgoing=frozenset())


@dataclass(frozen=True, slots=True)
class Domain:
    """All elements of each sort within bounds; `founders` is the configuration of an empty log."""

    members: tuple[int, ...]
    founders: Config
    max_term: int
    max_log: int

    def tables(self, each: list[dict[str, frozenset[Row]]], values: Iterable[Hashable] = ()) -> Tables:
        """Return all tables of a state, from the rows of each server; `values` are values that no row has."""
        quorums = self.quorums()
        tables: Tables = {name: frozenset().union(*(t.get(name, ()) for t in each)) for name in each[0]}
        tables["offered"] = tables.get("offered", frozenset()) | {(t, 0, 0, NOTHING) for t in range(self.max_term + 1)}
        defaults: dict[str, Any] = {
            "voters": quorums[0],
            "holders": quorums[0],
            "leader": self.members[0],
            **dict.fromkeys(CONFIGS, self.founders),
        }
        for name in FUNCTIONS:
            function: dict[int, Any] = dict.fromkeys(range(self.max_term + 1), defaults.get(name, 0))
            for term, value in sorted(tables.get(name, ()), key=lambda row: row[0]):
                function[term] = max(value, function[term]) if isinstance(value, int) else value
            tables[name] = function
        commands = {row[3] for name in ("entry", "offered", "applied") for row in tables.get(name, ())}
        return tables | {
            "node": self.members,
            "term": range(self.max_term + 1),
            "index": range(self.max_log + 1),
            "quorum": quorums,
            "member": frozenset((n, q) for q in quorums for n in q),
            "meets": frozenset((p, q) for p in quorums for q in quorums if p & q),
            **self.configured(
                frozenset({NOTHING, *commands, *values}),
                frozenset({self.founders, *(c for name in CONFIGS for c in tables[name].values())}),
            ),
        }

    def quorums(self) -> tuple[Quorum, ...]:
        """Return every group of servers."""
        sizes = range(1, len(self.members) + 1)
        return tuple(frozenset(group) for size in sizes for group in combinations(self.members, size))

    @cache  # noqa: B019 - there are few domains
    def configured(self, values: frozenset[Hashable], configurations: frozenset[Config]) -> Tables:
        """Return the tables about values and configurations, and those that values begin or that end joint ones."""
        configuration_of: dict[Hashable, Config] = {v: v[1] for v in values if isinstance(v, tuple) and v[0] == MEMBERS}
        present = {*configurations, *configuration_of.values()}
        configs = sorted(present | {single(c) for c in present if c.outgoing}, key=repr)
        quorums = self.quorums()
        decides = frozenset((q, c) for q in quorums for c in configs if is_quorum(q, c))
        of = {c: [q for q in quorums if (q, c) in decides] for c in configs}
        return {
            "value": sorted(values, key=repr),
            "config": configs,
            "changes": frozenset({(NOTHING,), *((v,) for v in configuration_of)}),
            "configuration": {v: configuration_of.get(v, self.founders) for v in values},
            "decides": decides,
            "adjacent": frozenset((c, d) for c in configs for d in configs if all(p & q for p in of[c] for q in of[d])),
            "leaves": frozenset((c, d) for c in configs for d in configs if c.outgoing and d == single(c)),
            "belongs": frozenset((n, c) for c in configs for n in members_of(c)),
        }
