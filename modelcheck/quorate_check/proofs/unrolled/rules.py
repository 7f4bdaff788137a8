"""The rules that known bugs break, as they are and as the bug has them; and which promise falls.

Each bug is written twice, independently: here as another rule of the unrolled formula, and as another function of the
Python specification, for the search that judges what z3 says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import z3

from quorate_check.proofs.unrolled.state import Number, Server, State, least, most
from quorate_check.subjects.raft_spec import SpecBounds
from quorate_spec.raft import actions, state
from quorate_spec.raft.messages import AppendEntries, AppendEntriesReply
from quorate_spec.raft.messages import Message as SpecMessage
from quorate_spec.raft.state import Server as SpecServer

Promise = Callable[[State], z3.BoolRef]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a bug may replace in the formula."""

    quorum: Callable[[Number, int], z3.BoolRef] = lambda votes, servers: 2 * votes > servers
    up_to_date: Callable[[z3.BoolRef], z3.BoolRef] = lambda really: really
    vote_kept: Callable[[Number], Number] = lambda vote: vote
    commit_limit: Callable[[Number, Number], Number] = lambda verified, _length: verified


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug of a real implementation: `wrong` says the rule, `replaced` are functions of the Python specification."""

    id: str
    seen_in: str
    wrong: str
    breaks: str
    rules: Rules
    replaced: Mapping[str, Any]
    bounds: SpecBounds = field(default_factory=SpecBounds)

    @contextmanager
    def in_specification(self) -> Iterator[None]:
        """Break the Python specification for as long as this lasts."""
        before = {name: getattr(actions, name) for name in self.replaced}
        for name, wrong in self.replaced.items():
            setattr(actions, name, wrong)
        try:
            yield
        finally:
            for name, right in before.items():
                setattr(actions, name, right)


def _forgetful(server: SpecServer) -> SpecServer:
    return replace(state.be_follower(server), voted_for=None)


def _half(votes: frozenset[int], members: tuple[int, ...]) -> bool:
    return len(votes) >= len(members) // 2


def _commits_to_its_end(server: SpecServer, m: SpecMessage) -> actions.Steps:
    for step in _HANDLE_APPEND_ENTRIES(server, m):
        (reply,) = step.sent
        assert isinstance(m, AppendEntries)
        assert isinstance(reply, AppendEntriesReply)
        log = step.server.log
        commit = max(server.commit_index, min(m.leader_commit, len(log))) if reply.success else server.commit_index
        yield replace(
            step, server=replace(step.server, commit_index=commit, applied=state.learned(server, log, commit))
        )


_HANDLE_APPEND_ENTRIES: Final = actions.handle_append_entries
_WITH_WRONG_COMMIT: Final = tuple(
    _commits_to_its_end if action is _HANDLE_APPEND_ENTRIES else action for action in actions.RECEIVING
)


def election_unsafe(state: State) -> z3.BoolRef:
    """Two servers have led the same term."""
    pairs = ((i, j) for k, i in enumerate(state.servers) for j in state.servers[:k])
    return z3.Or(*(z3.And(a == 1, b == 1) for i, j in pairs for a, b in zip(i.led, j.led, strict=True)))


def leader_incomplete(state: State) -> z3.BoolRef:
    """A leader lacks an entry that somebody knew to be committed in its term or before."""
    return z3.Or(*(_lacks(i, j, n) for i in state.servers for j in state.servers for n in range(len(i.log))))


def _lacks(leader: Server, other: Server, n: int) -> z3.BoolRef:
    return z3.And(leader.role == 2, other.known > n, other.by[n] <= leader.term, leader.log[n] != other.applied[n])


def machines_differ(state: State) -> z3.BoolRef:
    """Two servers have applied different entries at one position."""
    pairs = [(i, j) for k, i in enumerate(state.servers) for j in state.servers[:k]]
    return z3.Or(
        *(z3.And(i.known > n, j.known > n, i.applied[n] != j.applied[n]) for i, j in pairs for n in range(len(i.log)))
    )


BROKEN: Final[Mapping[str, Promise]] = MappingProxyType(
    {
        "ElectionSafety": election_unsafe,
        "LeaderCompleteness": leader_incomplete,
        "StateMachineSafety": machines_differ,
    }
)

_TINY: Final = SpecBounds(max_term=1, max_log=0, in_flight=1, max_entries=1)
_SMALL: Final = SpecBounds(max_term=2, max_log=1, in_flight=1, max_entries=1)

BUGS: Final = (
    Bug(
        "C14",
        "openraft d60f1e85",
        "half of the servers are taken for a quorum",
        "ElectionSafety",
        Rules(quorum=lambda votes, servers: votes >= servers // 2),
        {"is_quorum": _half},
        _TINY,
    ),
    Bug(
        "E3",
        "akka-raft#56, xraft#29",
        "who becomes a follower within a term forgets its vote in it",
        "ElectionSafety",
        Rules(vote_kept=lambda vote: vote & 0),
        {"be_follower": _forgetful},
        _TINY,
    ),
    Bug(
        "E7",
        "akka-raft#51",
        "votes are granted whatever the candidate's log lacks",
        "LeaderCompleteness",
        Rules(up_to_date=lambda _really: z3.BoolVal(True)),  # noqa: FBT003 - it is the rule
        {"up_to_date": lambda _server, _m: True},
        _SMALL,
    ),
    Bug(
        "C4",
        "scylladb#9965, rabbitmq/ra#508, NuRaft#57, CCF#8172",
        "a follower commits up to its own last entry, not the last that it verified",
        "StateMachineSafety",
        Rules(commit_limit=lambda _verified, length: length),
        {"RECEIVING": _WITH_WRONG_COMMIT},
        _SMALL,
    ),
)


def committed(server: Server, leader_commit: Number, limit: Number) -> Number:
    """Return a follower's commit index once it has heard of its leader's."""
    return most(server.commit, least(leader_commit, limit))
