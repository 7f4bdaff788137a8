"""The state of a server as one value, in the groups of Figure 2.

Fields that a role doesn't use have their defaults, so that servers that behave alike are equal.

Deviations from Figure 2:

- The snapshot is part of the log, not a variable beside it.
- `leader_id` is the leader that clients are redirected to (§6); a server that knows one also refuses pre-votes, and
  with `check_quorum` ignores requests for votes.
- `durable_index` is the last entry that a leader's own disk has confirmed; the leader counts itself only up to there
  (§10.2.1 of the dissertation). Only leaders need it: the whole log of a new leader is on disk, because its requests
  for votes, or its vote for itself if it is alone, left only after all earlier writes.
- A leader's own elements of `next_index` and `match_index` stay 1 and 0: it needs neither.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from quorate.quorum import is_quorum, majority, quorum_index
from quorate.raft.configuration import Configuration, NodeId
from quorate.raft.log import Log
from quorate.raft.messages import Snapshot


class Role(Enum):
    """The role of a server in its current term; the first three may become leader (§9.6, §5.2)."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the core, the same on all servers of a cluster but for the first two.

    `members` vote and `learners` don't in the first configuration, which is in force until the log has another. They
    are sorted; a server that joins a cluster has none, and gets its first configuration from the leader's log. With
    `pre_vote` an election begins with pre-votes (§9.6 of the dissertation); with `no_op` a leader begins its term with
    an empty entry (§8); with `check_quorum` a leader stays in office only while a quorum answers it, and who has a
    leader helps no other (check_quorum.py). An AppendEntries has at most `max_entries` entries with at most `max_bytes`
    bytes of commands, or a single larger entry. `quorum` members elect a leader, commit an entry, confirm a read and
    keep a leader in office: None means a majority; fewer are not allowed, for two quorums must intersect; where it is
    given, the members can't change. Raises ValueError, which names the invalid field.
    """

    members: tuple[NodeId, ...]
    learners: tuple[NodeId, ...] = ()
    pre_vote: bool = False
    no_op: bool = False
    check_quorum: bool = False
    max_entries: int = 64
    max_bytes: int = 1 << 20
    quorum: int | None = None

    def __post_init__(self) -> None:
        try:
            Configuration(self.members, learners=self.learners)
        except ValueError as error:
            raise ValueError(str(error).replace("voters:", "members:")) from None
        for name, value in (("max_entries", self.max_entries), ("max_bytes", self.max_bytes)):
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}: a positive integer is needed, not {value!r}")
        if self.quorum is None:
            return
        least, most = majority(len(self.members)), len(self.members)
        if type(self.quorum) is not int or not least <= self.quorum <= most:
            raise ValueError(f"quorum: from {least} to {most} of {most} members are needed, not {self.quorum!r}")

    @property
    def first_configuration(self) -> Configuration:
        """The configuration that is in force before the log has one."""
        return _first_configuration(self.members, self.learners)


@lru_cache(maxsize=64)
def _first_configuration(members: tuple[NodeId, ...], learners: tuple[NodeId, ...]) -> Configuration:
    return Configuration(members, learners=learners)


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

    # Volatile state on leaders: the tuples are aligned with configuration.members.
    durable_index: int = 0
    next_index: tuple[int, ...] = ()
    match_index: tuple[int, ...] = ()
    reads: ReadRound = ReadRound()
    heard_from: frozenset[NodeId] = frozenset()  # since the last check, itself included (check_quorum.py)
    caught_up_index: int = 0  # a learner that has the log up to here may become a voter (reconfiguration.py)
    transfer_target: NodeId | None = None  # to whom it transfers its leadership (transfer.py)

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot before the log's first entry, if any."""
        return self.log.snapshot

    @property
    def configuration(self) -> Configuration:
        """The configuration in force: the latest in the log, committed or not (§6)."""
        return self.log.configuration or self.config.first_configuration

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """All other members, in order."""
        return tuple(member for member in self.configuration.members if member != self.id)

    def is_quorum(self, votes: Collection[NodeId]) -> bool:
        """Whether `votes` contain a quorum of the members: the only rule for elections, reads and CheckQuorum."""
        configuration, size = self.configuration, self.config.quorum
        return configuration.is_quorum(votes) if size is None else is_quorum(votes, configuration.voters, size)

    def committable_index(self, match: Mapping[NodeId, int]) -> int:
        """The largest index that a quorum has, where a member m has everything up to `match[m]`."""
        configuration, size = self.configuration, self.config.quorum
        if size is None:
            return configuration.committable_index(match)
        return quorum_index([match[voter] for voter in configuration.voters], size)

    def next_index_of(self, peer: NodeId) -> int:
        """The index of the next entry to send to `peer`, a member."""
        return self.next_index[self.configuration.members.index(peer)]

    def match_index_of(self, peer: NodeId) -> int:
        """The last index at which the log of `peer`, a member, is known to equal the leader's."""
        return self.match_index[self.configuration.members.index(peer)]
