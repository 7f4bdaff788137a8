"""The variables of Raft.tla at one server, and the helpers that its actions share, in the order of the TLA+ text.

The text is made for reading and not for speed: a log is a tuple, and a snapshot the beginning of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from quorate_spec.raft.messages import (
    NO_OP,
    REPLIES,
    AppendEntriesReply,
    Config,
    Entry,
    Id,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    Value,
)

Log = tuple[Entry, ...]
Progress = tuple[tuple[Id, int], ...]  # sorted by server


class Role(Enum):
    """The role of a server in its current term."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class Disk:
    """What a server must not forget: the values of these four variables of it, in memory or on its disk."""

    current_term: int
    voted_for: Id | None
    log: Log
    snapshot_index: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An entry that a server knows to be committed, and the server's term when it first knew (`by`)."""

    term: int
    value: Value
    by: int
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A round of reads that a leader of `term` has ended: clients read what is committed up to `index`."""

    term: int
    round: int
    index: int


@dataclass(frozen=True, slots=True)
class Server:
    """All variables at one server.

    `first_config` is the configuration before the log has one.
    """

    id: Id
    first_config: Config

    # On disk before a message that depends on it is sent.
    current_term: int
    voted_for: Id | None
    log: Log
    snapshot_index: int
    disk: Disk | None  # what is on its disk if that has stalled, else None: the disk has the four above

    # Lost in a restart. Where the role doesn't need it, a set is empty, and a number is 0.
    # next_index and match_index have the servers for which they aren't 1 and 0.
    role: Role
    commit_index: int
    votes_granted: frozenset[Id]
    next_index: Progress
    match_index: Progress
    read_round: int
    read_index: int
    confirmed_by: frozenset[Id]
    transfer_target: Id | None

    # History, which no guard and no other variable depends on.
    led: frozenset[int]
    applied: tuple[Applied, ...]
    answered: frozenset[Answered]

    def next_of(self, peer: Id) -> int:
        """Return nextIndex[i][j] of the leader i for the server j = `peer`."""
        return dict(self.next_index).get(peer, 1)

    def match_of(self, peer: Id) -> int:
        """Return matchIndex[i][j] of the leader i for the server j = `peer`."""
        return dict(self.match_index).get(peer, 0)


NOBODY = Config(frozenset(), frozenset(), frozenset())


def first_config(server: Id, voters: Iterable[Id], learners: Iterable[Id]) -> Config:
    """Return the configuration before a log has one; a server that is to join the cluster knows no member yet."""
    founded = Config(frozenset(voters), frozenset(), frozenset(learners))
    return founded if server in members_of(founded) else NOBODY


def initial(server: Id, voters: Iterable[Id], learners: Iterable[Id] = ()) -> Server:
    """Return a server in the initial state (Init) of a cluster that these voters and learners found."""
    return Server(
        id=server,
        first_config=first_config(server, voters, learners),
        current_term=0,
        voted_for=None,
        log=(),
        snapshot_index=0,
        disk=None,
        role=Role.FOLLOWER,
        commit_index=0,
        votes_granted=frozenset(),
        next_index=(),
        match_index=(),
        read_round=0,
        read_index=0,
        confirmed_by=frozenset(),
        transfer_target=None,
        led=frozenset(),
        applied=(),
        answered=frozenset(),
    )


def changes(log: Log) -> tuple[int, ...]:
    """Return the indices at which a log has configurations."""
    return tuple(n for n, entry in enumerate(log, start=1) if entry.config is not None)


def last_change(log: Log) -> int:
    """Return the index of the latest configuration in a log; 0 if it has none."""
    return max(changes(log), default=0)


def config(server: Server) -> Config:
    """Return the configuration that is in force on the server: the latest in its log, committed or not (§6)."""
    latest = server.log[last_change(server.log) - 1].config if last_change(server.log) else None
    return server.first_config if latest is None else latest


def voters_of(config: Config) -> frozenset[Id]:
    """Return who has a vote."""
    return config.voters | config.outgoing


def members_of(config: Config) -> frozenset[Id]:
    """Return who gets the log."""
    return voters_of(config) | config.learners


def is_majority(group: frozenset[Id], servers: frozenset[Id]) -> bool:
    """More than half of these servers are in a group; any two such groups have a server in common (§5.2)."""
    return 2 * len(group & servers) > len(servers)


def is_quorum(group: frozenset[Id], config: Config) -> bool:
    """A majority of the voters is in a group and, in a joint phase, one of the outgoing voters (§6)."""
    return is_majority(group, config.voters) and (not config.outgoing or is_majority(group, config.outgoing))


def term_at(log: Log, index: int) -> int:
    """Return the term of the entry at `index`; index 0, before the first entry, has term 0."""
    return 0 if index == 0 else log[index - 1].term


def up_to_date(server: Server, m: PreVote | RequestVote) -> bool:
    """Whether the sender's log is at least as complete as that of `server` (§5.4.1)."""
    last_term = term_at(server.log, len(server.log))
    return m.last_log_term > last_term or (m.last_log_term == last_term and m.last_log_index >= len(server.log))


def has(log: Log, index: int, term: int) -> bool:
    """Whether a log has an entry of this term at this index."""
    return index <= len(log) and term_at(log, index) == term


def merged(log: Log, prev: int, new: Log) -> Log:
    """Return `log` with `new` after `prev`: equal entries stay, a conflicting one and all after it go (§5.3)."""
    if all(has(log, prev + k, entry.term) for k, entry in enumerate(new, start=1)):
        return log
    return log[:prev] + new


def learned(server: Server, log: Log, index: int) -> tuple[Applied, ...]:
    """Return `applied` after the server learns that the first `index` entries of `log` are committed."""
    known = len(server.applied)
    return server.applied + tuple(Applied(e.term, e.value, server.current_term, e.config) for e in log[known:index])


def memory(server: Server) -> Disk:
    """Return what the server has in memory of that which it must not forget."""
    return Disk(server.current_term, server.voted_for, server.log, server.snapshot_index)


def stalled(server: Server) -> bool:
    """Whether the server's disk has stalled: nothing reaches it any more."""
    return server.disk is not None


def on_disk(server: Server) -> Disk:
    """Return what is on the server's disk: all of its memory if the disk hasn't stalled."""
    return memory(server) if server.disk is None else server.disk


def when_durable(server: Server, *replies: Message) -> tuple[Message, ...]:
    """Return those of the server's messages that leave, if they vouch for its disk."""
    return () if stalled(server) else replies


def vote_is_durable(server: Server) -> bool:
    """Whether a candidate's disk has its own vote; if others voted for it, it has."""
    return on_disk(server).current_term == server.current_term


def be_follower(server: Server) -> Server:
    """Return the server as a follower, with the variables of other roles at their initial values."""
    return replace(
        server,
        role=Role.FOLLOWER,
        votes_granted=frozenset(),
        next_index=(),
        match_index=(),
        read_round=0,
        read_index=0,
        confirmed_by=frozenset(),
        transfer_target=None,
    )


def acknowledge(server: Server, peer: Id, index: int) -> Server:
    """Return the leader after it learns that `peer` has its log up to `index`; an older reply lowers nothing (§5.3)."""
    return with_progress(server, peer, max(server.next_of(peer), index + 1), max(server.match_of(peer), index))


def with_progress(server: Server, peer: Id, next_index: int, match_index: int) -> Server:
    """Return the leader with nextIndex[i][j] and matchIndex[i][j] replaced."""
    return replace(
        server,
        next_index=progress(dict(server.next_index) | {peer: next_index}, 1),
        match_index=progress(dict(server.match_index) | {peer: match_index}, 0),
    )


def progress(value_of: Mapping[Id, int], default: int) -> Progress:
    """Return nextIndex[i] or matchIndex[i] with these values for some servers, and `default` for all others."""
    return tuple(sorted((peer, value) for peer, value in value_of.items() if value != default))


def reconfigure(server: Server, new: Config) -> Server:
    """Return the leader after it appends a configuration: who stays keeps its progress, who is new has none (§6)."""
    old, last = members_of(config(server)), len(server.log)
    return replace(
        server,
        log=(*server.log, Entry(server.current_term, NO_OP, new)),
        next_index=progress(
            {j: server.next_of(j) if j in old else last + 1 for j in members_of(new) if j != server.id}, 1
        ),
        match_index=progress({j: server.match_of(j) for j in members_of(new) & old}, 0),
    )


def hypothetical(m: Message) -> bool:
    """Whether `m` asks about a term that its sender hasn't entered (§9.6)."""
    return isinstance(m, PreVote) or (isinstance(m, PreVoteReply) and m.vote_granted)


def shows_new_term(server: Server, m: Message) -> bool:
    """Whether `m` shows the server a term that it must enter before it does anything else with `m` (§5.1)."""
    return m.term > server.current_term and not hypothetical(m)


def is_reply(m: Message) -> bool:
    """Whether `m` is a reply."""
    return isinstance(m, REPLIES)


def awaited(server: Server, m: Message) -> bool:
    """Whether the server still waits for reply `m`: it is in the role, term and round in which it sent the request."""
    match m:
        case PreVoteReply():
            term = server.current_term + 1 if m.vote_granted else server.current_term
            return server.role is Role.PRE_CANDIDATE and m.term == term
        case RequestVoteReply():
            return server.role is Role.CANDIDATE and m.term == server.current_term
        case AppendEntriesReply() | InstallSnapshotReply():
            return (
                server.role is Role.LEADER and m.term == server.current_term and m.source in members_of(config(server))
            )
        case LeadershipConfirmed():
            return m.term == server.current_term and m.round == server.read_round and bool(server.confirmed_by)
        case _:
            return False
