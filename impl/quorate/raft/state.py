"""All that a server knows, as one value, in the groups of Figure 2.

Fields that mean nothing in a role hold their defaults, so that servers that will behave alike are equal.

Deviations from Figure 2:

- The snapshot is part of the log that starts after it, not a variable beside it.
- `leader_id` is what §6 has clients redirected by; a server that has one also refuses pre-votes.
- `durable_index` is how far a leader's own disk has confirmed its log; it counts itself only up to there (§10.2.1 of
  the dissertation). It is a leader's variable: whoever wins an election has a log that is all on disk, because the
  requests that it won with left only after everything before them was written. (A cluster of one asks nobody. If it
  has stepped down before its disk had everything, it leads again with a `durable_index` that says too much, but of
  earlier terms only. What commits by counting is of its own term, and on disk after everything before it.)
- A leader's own places in `next_index` and `match_index` stay 1 and 0: it needs neither.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

from quorate.quorum import is_quorum, majority, quorum_index
from quorate.raft.log import Log
from quorate.raft.messages import NodeId, Snapshot


class Role(Enum):
    """What a server is in its current term; the first three may become leader, by §9.6 and §5.2."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class Config:
    """What all servers of a cluster agree on before they start.

    `members` is sorted; `pre_vote` asks before a term is spent (§9.6 of the dissertation); `no_op` begins each
    leader's term with an empty entry (§8). One AppendEntries carries at most `max_entries` entries with at most
    `max_bytes` bytes of commands, or a single entry that has more. `quorum` members elect a leader, commit an entry,
    confirm a read and keep a leader in office: None is a majority, which is enough where servers only crash; with
    fewer, two leaders could have nobody in common.
    ValueError names a bad field.
    """

    members: tuple[NodeId, ...]
    pre_vote: bool = False
    no_op: bool = False
    max_entries: int = 64
    max_bytes: int = 1 << 20
    quorum: int | None = None

    def __post_init__(self) -> None:
        if not self.members or any(type(member) is not int or member < 0 for member in self.members):
            raise ValueError(f"members: at least one non-negative integer is needed, not {self.members!r}")
        if self.members != tuple(sorted(set(self.members))):
            raise ValueError(f"members: a sorted tuple without repetitions is needed, not {self.members!r}")
        for name, value in (("max_entries", self.max_entries), ("max_bytes", self.max_bytes)):
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}: a positive integer is needed, not {value!r}")
        least, most = majority(len(self.members)), len(self.members)
        if self.quorum is not None and (type(self.quorum) is not int or not least <= self.quorum <= most):
            raise ValueError(f"quorum: from {least} to {most} of {most} members are needed, not {self.quorum!r}")

    @property
    def quorum_size(self) -> int:
        """How many members make a quorum."""
        return majority(len(self.members)) if self.quorum is None else self.quorum

    def is_quorum(self, votes: Collection[NodeId]) -> bool:
        """Whether `votes` hold a quorum of the members: the one rule for elections, reads and CheckQuorum."""
        return is_quorum(votes, self.members, self.quorum_size)

    def committable_index(self, match: Sequence[int]) -> int:
        """The largest index that a quorum holds, where the i-th member holds everything up to `match[i]`."""
        return quorum_index(match, self.quorum_size)


@dataclass(frozen=True, slots=True)
class State:
    """One server, between two events; `restart` makes the first, `step` every later one."""

    config: Config = field(hash=False)
    id: NodeId

    # Persistent state on all servers: on disk before anybody else can rely on it (see Output).
    current_term: int = 0
    voted_for: NodeId | None = None
    log: Log = Log()  # noqa: RUF009  # a value, as immutable as the 0 above

    # Volatile state on all servers.
    role: Role = Role.FOLLOWER
    leader_id: NodeId | None = None
    commit_index: int = 0
    last_applied: int = 0

    # Volatile state on (pre-)candidates.
    votes_granted: frozenset[NodeId] = frozenset()

    # Volatile state on leaders: the tuples are aligned with config.members.
    durable_index: int = 0
    next_index: tuple[int, ...] = ()
    match_index: tuple[int, ...] = ()

    @property
    def snapshot(self) -> Snapshot | None:
        """What the log starts after."""
        return self.log.snapshot

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """Everybody else, in order."""
        return tuple(member for member in self.config.members if member != self.id)

    def next_index_of(self, peer: NodeId) -> int:
        """The next entry for a leader to send to `peer`."""
        return self.next_index[self.config.members.index(peer)]

    def match_index_of(self, peer: NodeId) -> int:
        """How far a leader knows `peer` to hold its log."""
        return self.match_index[self.config.members.index(peer)]
