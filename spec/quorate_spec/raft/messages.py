"""The messages of Raft.tla, one class for each `mtype`; a field is called as there, in snake case and without the m."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias

Id: TypeAlias = int
Value: TypeAlias = Hashable

NO_OP: Final[Value] = None  # NoOpValue


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of a log: the term in which a leader appended it, and what a client wanted there."""

    term: int
    value: Value


@dataclass(frozen=True, slots=True)
class PreVote:
    """Would you vote for me in `term`, which I haven't entered? (§9.6)."""

    source: Id
    dest: Id
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """I would, in the term you asked about; or I wouldn't, and my own term is this (§9.6)."""

    source: Id
    dest: Id
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote:
    """Vote for me (§5.2)."""

    source: Id
    dest: Id
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class RequestVoteReply:
    """You have my vote in `term`, or you haven't (§5.2)."""

    source: Id
    dest: Id
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """My log goes on like this after `prev_log_index`; up to `leader_commit` it is committed (§5.3)."""

    source: Id
    dest: Id
    term: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int


@dataclass(frozen=True, slots=True)
class AppendEntriesReply:
    """My log is yours up to `match_index`; or it isn't at `prev_log_index`. What isn't said is 0 (§5.3)."""

    source: Id
    dest: Id
    term: int
    success: bool
    match_index: int
    prev_log_index: int


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """My log begins like this, and all of it is committed (§7)."""

    source: Id
    dest: Id
    term: int
    snapshot: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class InstallSnapshotReply:
    """My log is yours up to `match_index` (§7)."""

    source: Id
    dest: Id
    term: int
    match_index: int


Reply: TypeAlias = PreVoteReply | RequestVoteReply | AppendEntriesReply | InstallSnapshotReply
Message: TypeAlias = PreVote | RequestVote | AppendEntries | InstallSnapshot | Reply

REPLIES: Final = (PreVoteReply, RequestVoteReply, AppendEntriesReply, InstallSnapshotReply)
