"""The messages of the protocol: one class for each, and a closed union of all.

Deviations from Figure 2 and Figure 13 of the paper:

- RPCs are pairs of one-way messages, so every reply has its sender and what it replies to.
- An AppendEntriesReply has the last index that it acknowledges (`match_index`), or the conflict (`conflict_term`,
  `conflict_index`: the faster backtracking at the end of §5.3).
- A snapshot travels whole, not in chunks.
- PreVote and PreVoteReply are from §9.6 of Ongaro's dissertation, ConfirmLeadership and LeadershipConfirmed from §6.4,
  TimeoutNow from §3.10.

Fields that a reply doesn't need are 0 or None, so that equivalent replies are equal values.
"""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.raft.configuration import Configuration, NodeId


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log: the term in which a leader created it, and a client's command; None is a no-op (§8).

    A no-op may have a configuration of the cluster (§6), which concerns the core and not the state machine.
    """

    term: int
    command: bytes | None
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the state machine after all entries up to `last_included_index` (§7).

    `configuration` is the latest among these entries; None if they have none.
    """

    last_included_index: int
    last_included_term: int
    data: bytes
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class PreVote:
    """Asks whether the receiver would vote for the sender in `term`, which the sender has not entered."""

    source: NodeId
    dest: NodeId
    term: int
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """Promises nothing; `term` is the requested one if granted, the voter's own if refused."""

    source: NodeId
    dest: NodeId
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote:
    """A candidate's request for the receiver's vote in `term` (§5.2).

    `transfer` means that the leader itself asked the candidate to stand (§4.2.3 of the dissertation).
    """

    source: NodeId
    dest: NodeId
    term: int
    last_log_index: int
    last_log_term: int
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class RequestVoteReply:
    """A vote, or its refusal, in `term`."""

    source: NodeId
    dest: NodeId
    term: int
    vote_granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """The entries after `prev_log_index` in the log of the leader of `term`; without entries a heartbeat (§5.3)."""

    source: NodeId
    dest: NodeId
    term: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int


@dataclass(frozen=True, slots=True)
class AppendEntriesReply:
    """If `success`, the follower has the leader's log up to `match_index`, on disk.

    If not, the follower's log has an entry of `conflict_term` at `prev_log_index`, and its first entry of that term at
    `conflict_index`; or no entry there (`conflict_term` is None), and ends before `conflict_index`.
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
    """A snapshot in place of entries that the leader of `term` has compacted (§7)."""

    source: NodeId
    dest: NodeId
    term: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class InstallSnapshotReply:
    """The follower has the leader's log up to `match_index`, on disk; 0 if the snapshot was of an old term."""

    source: NodeId
    dest: NodeId
    term: int
    match_index: int


@dataclass(frozen=True, slots=True)
class ConfirmLeadership:
    """Asks whether the receiver is in `term`, which the sender leads; `round` is counted from 1 in each term (§6.4)."""

    source: NodeId
    dest: NodeId
    term: int
    round: int


@dataclass(frozen=True, slots=True)
class LeadershipConfirmed:
    """When the sender received the ConfirmLeadership of `round`, it was in `term`, so no later leader had its vote."""

    source: NodeId
    dest: NodeId
    term: int
    round: int


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader of `term` asks the receiver, which has its whole log, to stand for election at once (§3.10)."""

    source: NodeId
    dest: NodeId
    term: int


Message: TypeAlias = (
    PreVote
    | PreVoteReply
    | RequestVote
    | RequestVoteReply
    | AppendEntries
    | AppendEntriesReply
    | InstallSnapshot
    | InstallSnapshotReply
    | ConfirmLeadership
    | LeadershipConfirmed
    | TimeoutNow
)
