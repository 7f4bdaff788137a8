"""The specification's nearest step to a step of the Raft core that has no explanation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quorate_check.conformance.nearest import (
    Difference,
    Nearest,
    closest,
    differences,
    distance,
    effect,
    failing_condition,
    unsent_messages,
)
from quorate_check.conformance.sequences import names_of
from quorate_check.raft.conformance.explain import Cause, LocalStep, Position, positions
from quorate_spec.raft import actions
from quorate_spec.raft import messages as spec
from quorate_spec.raft.messages import Message
from quorate_spec.raft.state import Role, Server

SENDERS: dict[type[Message], Callable[..., Any]] = {
    spec.PreVote: actions.request_pre_vote,
    spec.RequestVote: actions.request_vote,
    spec.AppendEntries: actions.append_entries,
    spec.InstallSnapshot: actions.install_snapshot,
    spec.ConfirmLeadership: actions.confirm_leadership,
    spec.TimeoutNow: actions.timeout_now,
    spec.PreVoteReply: actions.handle_pre_vote_request,
    spec.RequestVoteReply: actions.handle_request_vote,
    spec.AppendEntriesReply: actions.handle_append_entries,
    spec.InstallSnapshotReply: actions.handle_install_snapshot,
    spec.LeadershipConfirmed: actions.handle_confirm_leadership,
}
HANDLERS: dict[type[Message], Callable[..., Any]] = {
    spec.PreVote: actions.handle_pre_vote_request,
    spec.PreVoteReply: actions.handle_pre_vote_reply,
    spec.RequestVote: actions.handle_request_vote,
    spec.RequestVoteReply: actions.handle_request_vote_reply,
    spec.AppendEntries: actions.handle_append_entries,
    spec.AppendEntriesReply: actions.handle_append_entries_reply,
    spec.InstallSnapshot: actions.handle_install_snapshot,
    spec.InstallSnapshotReply: actions.handle_install_snapshot_reply,
    spec.ConfirmLeadership: actions.handle_confirm_leadership,
    spec.LeadershipConfirmed: actions.handle_leadership_confirmed,
    spec.TimeoutNow: actions.handle_timeout_now,
}


def nearest(step: LocalStep) -> Nearest:
    """Return the longest explained part of a step, and the first action and condition that fail after it."""
    ways = positions(step)
    best = closest(
        ways, lambda position: distance(position.server, position.sent, step) + (position.pending is not None)
    )
    differing, unsent = differences(best.server, step.after), unsent_messages(best.sent, step)
    action, arguments = _expected(best, step, differing, unsent)
    condition = failing_condition(action, arguments)
    instead = "" if condition is not None else effect(action, arguments)
    return Nearest(names_of(ways[best]), differing, unsent, action.__name__, condition, instead)


def _expected(  # noqa: C901, PLR0911 - a decision, case by case
    position: Position, step: LocalStep, differing: tuple[Difference, ...], unsent: tuple[Message, ...]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the action that the step needs next, with its arguments."""
    names = {name for name, _, _ in differing}
    if position.pending is not None:
        return _receiver(position.server, position.pending), {"server": position.server, "m": position.pending}
    if "read_round" in names and step.after.role is Role.LEADER:
        return actions.begin_reads, {"server": position.server}
    if "transfer_target" in names and step.after.transfer_target is not None:
        return actions.transfer_leadership, {"server": position.server, "target": step.after.transfer_target}
    if unsent and step.received is None:
        first = unsent[0]
        arguments = {"server": position.server, "peer": first.dest, "count": len(getattr(first, "entries", ()))}
        return SENDERS[type(first)], arguments
    if "led" in names:
        return actions.become_leader, {"server": position.server}
    if "answered" in names:
        return actions.end_reads, {"server": position.server}
    if "commit_index" in names and step.after.role is Role.LEADER:
        return actions.advance_commit_index, {"server": position.server, "n": step.after.commit_index}
    if step.received is not None:
        stalled = replace(step.before, disk=position.server.disk)
        entered = next((each.server for each in actions.update_term(stalled, step.received)), stalled)
        return _receiver(entered, step.received), {"server": entered, "m": step.received}
    if "current_term" in names:
        return actions.timeout, {"server": position.server}
    if step.cause is Cause.STEP_DOWN:
        return actions.step_down, {"server": position.server}
    if step.cause is Cause.SNAPSHOT:
        return actions.compact, {"server": position.server, "n": step.after.snapshot_index}
    return actions.restart, {"server": position.server}


def _receiver(server: Server, m: Message) -> Callable[..., Any]:
    """Return the action that receives `m` at `server`."""
    if m.term < server.current_term and not isinstance(m, spec.PreVote | spec.ConfirmLeadership):
        return actions.drop_stale_reply if isinstance(m, spec.REPLIES) else actions.refuse_old_request
    return HANDLERS[type(m)]
