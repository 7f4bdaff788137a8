"""Configurations as the command line has them: the digits of the voters and, after a `+`, those of the learners."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quorate_check.core.system import UnusableSystemError

_TEXT = re.compile(r"([1-9]+)(?:\+([1-9]+))?")


@dataclass(frozen=True, slots=True)
class Members:
    """The voters and the learners of a cluster, by number from 1, sorted."""

    voters: tuple[int, ...]
    learners: tuple[int, ...] = ()


def members_of(flag: str, text: str, servers: int) -> Members:
    """Return the members that `text` names, such as 123+4; raise UnusableSystemError if it can't."""
    match = _TEXT.fullmatch(text)
    groups = ("", "") if match is None else (match[1], match[2] or "")
    voters, learners = (tuple(sorted(map(int, group))) for group in groups)
    everyone = (*voters, *learners)
    if match is None or len(set(everyone)) < len(everyone):
        raise UnusableSystemError(f"{flag} {text}: give each server's digit once, learners after a plus, as in 123+4")
    if max(everyone) > servers:
        raise UnusableSystemError(f"{flag} {text}: there are {servers} servers, so give --servers {max(everyone)}")
    return Members(voters, learners)


def first_members(text: str, servers: int) -> Members:
    """Return the members that found the cluster: all servers vote if `text` is empty."""
    return members_of("--members", text, servers) if text else Members(tuple(range(1, servers + 1)))


def changes_of(text: str, servers: int) -> tuple[Members, ...]:
    """Return the members to which a leader may change the cluster, from a list with commas."""
    return tuple(members_of("--changes", each, servers) for each in text.split(",")) if text else ()


def interchangeable(servers: int, roles: tuple[Members, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the groups of servers, from 0, that have the same parts in all `roles`."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for server in range(1, servers + 1):
        part = tuple((server in each.voters, server in each.learners) for each in roles)
        groups.setdefault(part, []).append(server - 1)
    return tuple(tuple(group) for group in groups.values())
