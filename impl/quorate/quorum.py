"""The arithmetic of quorums: any two of them intersect.

This module knows no protocol. Members are any hashable ids, votes any collection of them.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

Member = TypeVar("Member", bound=Hashable)


def majority(n: int) -> int:
    """The smallest size at which any two subsets of `n` members share a member."""
    _require_members(n)
    return n // 2 + 1


def is_majority(votes: Collection[Member], members: Collection[Member]) -> bool:
    """Whether more than half of `members` are in `votes`; votes of non-members don't count."""
    return is_quorum(votes, members, majority(len(members)))


def majority_index(match: Sequence[int]) -> int:
    """The largest index that a majority has, where member i has everything up to `match[i]`."""
    return quorum_index(match, majority(len(match)))


def is_quorum(votes: Collection[Member], members: Collection[Member], size: int) -> bool:
    """Whether at least `size` of `members` are in `votes`; votes of non-members don't count."""
    return sum(member in votes for member in members) >= size


def quorum_index(match: Sequence[int], size: int) -> int:
    """The largest index that `size` members have, where member i has everything up to `match[i]`."""
    return sorted(match, reverse=True)[size - 1]


def is_joint_majority(votes: Collection[Member], old: Collection[Member], new: Collection[Member]) -> bool:
    """Whether `votes` contain a majority of `old` and a majority of `new` (Raft §6)."""
    return is_majority(votes, old) and is_majority(votes, new)


def joint_majority_index(match: Mapping[Member, int], old: Collection[Member], new: Collection[Member]) -> int:
    """The largest index that a majority of `old` and a majority of `new` both have."""
    return min(majority_index([match[member] for member in group]) for group in (old, new))


def byzantine_faults(n: int) -> int:
    """The largest number of traitors that `n` members can tolerate: the f of n >= 3f + 1."""
    _require_members(n)
    return (n - 1) // 3


def byzantine_quorum(n: int) -> int:
    """The smallest size at which two quorums of `n` share an honest member: 2f + 1 when n = 3f + 1.

    Two quorums of size q share at least 2q - n members, which must be more than f. The n - f honest members always
    suffice to form a quorum.
    """
    return (n + byzantine_faults(n)) // 2 + 1


def _require_members(n: int) -> None:
    if n < 1:
        raise ValueError(f"n: a quorum needs at least one member, not {n}")
