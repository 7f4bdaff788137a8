"""The Python text of Raft.tla in behaviours that go on: the same fairness and promises as MCRaftLive.tla under TLC."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from quorate_check.core.invariants import Condition
from quorate_check.core.liveness import EventuallyAlways, Fairness
from quorate_check.core.path import Move, MoveKind
from quorate_check.core.system import Defer, Deliver, Outcome, Spontaneous, System
from quorate_check.raft.spec import Act, SpecBounds
from quorate_spec.raft import actions
from quorate_spec.raft.messages import AppendEntries, AppendEntriesReply
from quorate_spec.raft.state import Role, Server, config, members_of

FIRST = 1  # the only server whose election timeout passes


@dataclass(frozen=True, slots=True)
class Appending:
    """The event that a leader sends so many entries."""

    entries: int


def live_system(bounds: SpecBounds) -> System:
    """Return the specification within `bounds`, with the fairness and the promises of MCRaftLive.tla."""
    system = replace(bounds, symmetry=False).system()

    def step(server: Server, event: Deliver | Act | Appending) -> tuple[Outcome | Defer, ...]:
        if isinstance(event, Appending):
            peers = members_of(config(server))
            steps = (step for peer in peers for step in actions.append_entries(server, peer, event.entries))
            return tuple(Outcome(step.server, step.sent) for step in steps)
        if event == Act("Timeout") and server.id != FIRST:
            return ()
        return tuple(bounds.step(server, event))

    acts = [each for each in system.spontaneous if each.event != Act("AppendEntries")]
    appending = [Spontaneous(Appending(entries)) for entries in range(bounds.max_entries + 1)]
    return replace(
        system,
        name="raft-spec-live",
        step=step,
        spontaneous=(*acts, *appending),
        invariants=(),
        witnesses=(),
        described=None,
        liveness=(LEADER_IN_THE_END, LOG_IN_THE_END),
        fairness=(Fairness("each action of a server, and each kind of message to it,", _class),),
    )


def _class(move: Move) -> Hashable | None:
    if move.kind is not MoveKind.DELIVER:
        return None if move.event == Act("ClientRequest") else (move.node, move.event)
    match move.event:
        case AppendEntries(entries=entries):
            return move.node, "AppendEntries", len(entries)
        case AppendEntriesReply(match_index=index):
            return move.node, "AppendEntriesReply", index
        case message:
            return move.node, type(message).__name__


def _leads(server: Server) -> bool:
    return server.role is Role.LEADER


def _log(server: Server) -> tuple[bool, tuple[Any, ...], int]:
    return server.role is Role.LEADER, server.log, server.commit_index


def _is_everywhere(views: tuple[tuple[bool, tuple[Any, ...], int], ...]) -> bool:
    leaders_logs = [log for leads, log, _ in views if leads]
    return any(all((own, index) == (log, len(log)) for _, own, index in views) for log in leaders_logs)


LEADER_IN_THE_END = EventuallyAlways("LeaderInTheEnd", "from some time on there is a leader", Condition(_leads, any))
LOG_IN_THE_END = EventuallyAlways(
    "LogInTheEnd",
    "from some time on all voters have the log of a leader, and know that all of it is committed",
    Condition(_log, _is_everywhere),
)
