"""The state of a server as one value, in the groups of Figure 2.

Fields that a role doesn't use have their defaults, so that servers that behave alike are equal.

Deviations from Figure 2:

- The snapshot is part of the log, not a variable beside it.
- `leader_id` is the leader that clients are redirected to (§6); a server that knows one also refuses pre-votes, and
  with `check_quorum` ignores requests for votes.
- `durable_index` is the last entry that a leader's own disk has confirmed; the leader counts itself only up to there
  (§10.2.1 of the dissertation). Only leaders need it: the whole log of a new leader is on disk, because its requests
  for votes left only after all earlier writes. (A cluster of one sends no requests. If its leader stepped down before
  all entries were on disk, its next `durable_index` is too high, but only for entries of earlier terms. Entries that
  commit by counting are of the leader's own term, and become durable after all earlier ones.)
- A leader's own elements of `next_index` and `match_index` stay 1 and 0: it needs neither.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

from quorate.quorum import is_quorum, majority, quorum_index
from quorate.raft.log import Log
from quorate.raft.messages import NodeId, Snapshot


class Role(Enum):
    """The role of a server in its current term; the first three may become leader (§9.6, §5.2)."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the core, the same on all servers of a cluster.

    `members` is sorted; with `pre_vote` an election begins with pre-votes (§9.6 of the dissertation); with `no_op` a
    leader begins its term with an empty entry (§8); with `check_quorum` a leader stays in office only while a quorum
    answers it, and who has a leader helps no other (check_quorum.py). An AppendEntries has at most `max_entries`
    entries with at most `max_bytes` bytes of commands, or a single larger entry. `quorum` members elect a leader,
    commit an entry, confirm a read and keep a leader in office: None means a majority; fewer are not allowed, for two
    quorums must intersect. Raises ValueError, which names the invalid field.
    """

    members: tuple[NodeId, ...]
    pre_vote: bool = False
    no_op: bool = False
    check_quorum: bool = False
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
        """The number of members in a quorum."""
        return majority(len(self.members)) if self.quorum is None else self.quorum

    def is_quorum(self, votes: Collection[NodeId]) -> bool:
        """Whether `votes` contain a quorum of the members: the only rule for elections, reads and CheckQuorum."""
        return is_quorum(votes, self.members, self.quorum_size)

    def committable_index(self, match: Sequence[int]) -> int:
        """The largest index that a quorum has, where the i-th member has everything up to `match[i]`."""
        return quorum_index(match, self.quorum_size)


@dataclass(frozen=True, slots=True)
class ReadRound:
    """The latest round of reads that a leader began in its term (reads.py); 0 if there was none.

    While it lasts, `index` is its read index, and `confirmed_by` has the servers that confirmed it, itself included.
    """

    number: int = 0
    index: int = 0
    confirmed_by: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """The state of one server between two events; `restart` makes the first state, `step` every later one."""

    config: Config = field(hash=False)
    id: NodeId

    # Persistent state on all servers: on disk before another server relies on it (see Output).
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
    reads: ReadRound = ReadRound()
    heard_from: frozenset[NodeId] = frozenset()  # since the last check, itself included (check_quorum.py)

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot before the log's first entry, if any."""
        return self.log.snapshot

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """All other members, in order."""
        return tuple(member for member in self.config.members if member != self.id)

    def next_index_of(self, peer: NodeId) -> int:
        """The index of the next entry to send to `peer`."""
        return self.next_index[self.config.members.index(peer)]

    def match_index_of(self, peer: NodeId) -> int:
        """The last index at which the log of `peer` is known to equal the leader's."""
        return self.match_index[self.config.members.index(peer)]
