"""Each message is a class of its own, and the closed union of them is the whole protocol.

Deviations from Figure 2 and Figure 13 of the paper:

- RPCs are pairs of one-way messages, so every reply says whose it is and what it answers.
- An AppendEntriesReply says how far it vouches (`match_index`), or why not (`conflict_term`, `conflict_index`:
  the faster backtracking at the end of §5.3).
- A snapshot travels whole, not in chunks.
- PreVote and PreVoteReply are §9.6 of Ongaro's dissertation.

Fields that mean nothing in a reply hold 0 or None, so that equal answers are equal values.
"""

from dataclasses import dataclass
from typing import TypeAlias

NodeId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of the log: the term in which a leader put it there, and a command; None is a no-op (§8)."""

    term: int
    command: bytes | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state machine's state, in place of all entries up to `last_included_index` (§7)."""

    last_included_index: int
    last_included_term: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PreVote:
    """Asks whether a vote would be granted in `term`, which nobody has entered yet."""

    source: NodeId
    dest: NodeId
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """Promises nothing; carries the term asked about if granted, the voter's own if refused."""

    source: NodeId
    dest: NodeId
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote:
    """A candidate's request for the receiver's vote in `term` (§5.2)."""

    source: NodeId
    dest: NodeId
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class RequestVoteReply:
    """A vote, or its refusal, in `term`."""

    source: NodeId
    dest: NodeId
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """The entries that follow `prev_log_index` in the log of the leader of `term`; none is a heartbeat (§5.3)."""

    source: NodeId
    dest: NodeId
    term: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int


@dataclass(frozen=True, slots=True)
class AppendEntriesReply:
    """If `success`: my log equals yours up to `match_index`, and is on disk.

    If not: it differs at `prev_log_index`, where mine has `conflict_term`, which begins at `conflict_index`;
    or has no entry there (`conflict_term` None), and ends before `conflict_index`.
    """

    source: NodeId
    dest: NodeId
    term: int
    success: bool
    match_index: int = 0
    prev_log_index: int = 0
    conflict_term: int | None = None
    conflict_index: int = 0


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """What to hold in place of entries that the leader of `term` no longer has (§7)."""

    source: NodeId
    dest: NodeId
    term: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class InstallSnapshotReply:
    """My log equals yours up to `match_index`, and is on disk; 0 if the snapshot came from an old leader."""

    source: NodeId
    dest: NodeId
    term: int
    match_index: int


Message: TypeAlias = (
    PreVote
    | PreVoteReply
    | RequestVote
    | RequestVoteReply
    | AppendEntries
    | AppendEntriesReply
    | InstallSnapshot
    | InstallSnapshotReply
)
