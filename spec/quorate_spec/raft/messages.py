"""The messages of Raft.tla, one class for each `mtype`; a field has its TLA+ name in snake case, without the m."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias

Id: TypeAlias = int
Value: TypeAlias = Hashable

NO_OP: Final[Value] = None  # NoOpValue


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration of the cluster: its voters, in a joint phase also the outgoing voters, and its learners (§6)."""

    voters: frozenset[Id]
    outgoing: frozenset[Id]
    learners: frozenset[Id]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a log: the term in which a leader appended it, and a client's value, or a no-op.

    `config` is the configuration that begins with the entry, if any.
    """

    term: int
    value: Value
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class PreVote:
    """Asks whether the receiver would vote for the sender in `term`, which the sender has not entered (§9.6)."""

    source: Id
    dest: Id
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """Grants a pre-vote in the requested term, or refuses it with the sender's own term (§9.6)."""

    source: Id
    dest: Id
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote:
    """Asks for the receiver's vote in `term` (§5.2); `transfer`: the leader asked the sender to stand (§3.10)."""

    source: Id
    dest: Id
    term: int
    last_log_index: int
    last_log_term: int
    transfer: bool


@dataclass(frozen=True, slots=True)
class RequestVoteReply:
    """Grants or refuses a vote in `term` (§5.2)."""

    source: Id
    dest: Id
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """The entries after `prev_log_index` in the leader's log, which is committed up to `leader_commit` (§5.3)."""

    source: Id
    dest: Id
    term: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int


@dataclass(frozen=True, slots=True)
class AppendEntriesReply:
    """The follower's log equals the leader's up to `match_index`, or differs at `prev_log_index`; else 0 (§5.3)."""

    source: Id
    dest: Id
    term: int
    success: bool
    match_index: int
    prev_log_index: int


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """The beginning of the leader's log, all of it committed (§7)."""

    source: Id
    dest: Id
    term: int
    snapshot: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class InstallSnapshotReply:
    """The follower's log equals the leader's up to `match_index` (§7)."""

    source: Id
    dest: Id
    term: int
    match_index: int


@dataclass(frozen=True, slots=True)
class ConfirmLeadership:
    """Asks whether the receiver is in `term`, which the sender leads, in the sender's round of reads `round` (§6.4)."""

    source: Id
    dest: Id
    term: int
    round: int


@dataclass(frozen=True, slots=True)
class LeadershipConfirmed:
    """The sender was in `term` when it received the question of `round` (§6.4)."""

    source: Id
    dest: Id
    term: int
    round: int


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader of `term` asks the receiver, which has its whole log, to stand for election at once (§3.10)."""

    source: Id
    dest: Id
    term: int


Reply: TypeAlias = PreVoteReply | RequestVoteReply | AppendEntriesReply | InstallSnapshotReply | LeadershipConfirmed
Message: TypeAlias = PreVote | RequestVote | AppendEntries | InstallSnapshot | ConfirmLeadership | TimeoutNow | Reply

REPLIES: Final = (PreVoteReply, RequestVoteReply, AppendEntriesReply, InstallSnapshotReply, LeadershipConfirmed)
