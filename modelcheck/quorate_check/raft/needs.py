"""What each promise of Raft needs before it has anything to judge."""

from collections.abc import Callable

from quorate.raft import Role
from quorate_check.raft.subject import CoreNode
from quorate_check.tell.described import Need

Servers = tuple[CoreNode, ...]


def _count(is_one: Callable[[CoreNode], bool]) -> Callable[[Servers], int]:
    return lambda servers: sum(map(is_one, servers))


def _committed(servers: Servers) -> int:
    """Return how many entries some server has applied: they are committed."""
    return max(len(server.record.applied) for server in servers)


_leading = _count(lambda server: server.state.role is Role.LEADER)

NEEDS = (
    Need("ElectionSafety", "a server that has led", _count(lambda server: bool(server.record.terms_led))),
    Need("LogMatching", "two servers with entries", _count(lambda server: server.state.log.last_index > 0), 2),
    Need("LeaderCompleteness", "a committed entry", _committed),
    Need("LeaderCompleteness", "a leader", _leading),
    Need(
        "StateMachineSafety", "two servers that applied entries", _count(lambda server: bool(server.record.applied)), 2
    ),
    Need("MatchBelowNext", "a leader", _leading),
)
