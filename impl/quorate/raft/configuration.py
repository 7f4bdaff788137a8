"""A configuration of the cluster: who votes, who only receives entries, and which majorities decide (§6).

Every rule that needs a quorum asks `is_quorum` or `committable_index` of the latest configuration in a server's log,
whether it is committed or not (Log.configuration). Changes: reconfiguration.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from quorate.quorum import is_joint_majority, is_majority, joint_majority_index, majority_index

NodeId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members of a cluster, as sorted tuples without repetitions; it is in force from its entry in the log on.

    `voters` elect leaders and commit entries. While a joint change is under way, `outgoing` has the voters before it,
    and whatever is decided needs a majority of each; otherwise it is empty. `learners` receive entries and decide
    nothing (§4.2.1 of the dissertation); they are no voters, but may be outgoing. `contacts` say how to reach the
    members: no rule reads them. Raises ValueError.
    """

    voters: tuple[NodeId, ...]
    outgoing: tuple[NodeId, ...] = ()
    learners: tuple[NodeId, ...] = ()
    contacts: bytes = b""

    def __post_init__(self) -> None:
        for name in ("voters", "outgoing", "learners"):
            group = getattr(self, name)
            if type(group) is not tuple or any(type(member) is not int or member < 0 for member in group):
                raise ValueError(f"{name}: a tuple of non-negative integers is needed, not {group!r}")
            if group != tuple(sorted(set(group))):
                raise ValueError(f"{name}: a sorted tuple without repetitions is needed, not {group!r}")
        if both := set(self.voters) & set(self.learners):
            raise ValueError(f"learners: {min(both)} is a voter, too")
        if self.outgoing and not self.voters:
            raise ValueError("voters: a joint change needs at least one")

    @property
    def members(self) -> tuple[NodeId, ...]:
        """All who receive the log, in order."""
        return _members(self)

    @property
    def is_joint(self) -> bool:
        """Whether a joint change is under way: two majorities decide."""
        return bool(self.outgoing)

    def is_voter(self, member: NodeId) -> bool:
        """Whether `member` has a vote, be it among the outgoing voters."""
        return member in self.voters or member in self.outgoing

    def is_quorum(self, votes: Collection[NodeId]) -> bool:
        """Whether `votes` contain a majority of the voters, and of the outgoing ones if there are any."""
        if self.outgoing:
            return is_joint_majority(votes, self.outgoing, self.voters)
        return bool(self.voters) and is_majority(votes, self.voters)

    def committable_index(self, match: Mapping[NodeId, int]) -> int:
        """The largest index that a quorum has, where a member m has everything up to `match[m]`."""
        if self.outgoing:
            return joint_majority_index(match, self.outgoing, self.voters)
        return majority_index([match[member] for member in self.voters])


@lru_cache(maxsize=64)
def _members(configuration: Configuration) -> tuple[NodeId, ...]:
    return tuple(sorted({*configuration.voters, *configuration.outgoing, *configuration.learners}))
