"""Sequences of the specification's actions at one server that have the effect of one step of the code.

The network of the specification may lose, delay, repeat and reorder, and a message once sent may arrive at any time. So
if every local step of the code is a sequence of local steps of the specification, given a message that was sent before,
then every run of the code is a run of the specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from quorate_check.conformance import steps
from quorate_check.conformance.sequences import Sequence, Way, names_of, shortest_ways
from quorate_spec.raft import actions
from quorate_spec.raft.actions import Step
from quorate_spec.raft.messages import AppendEntries, ConfirmLeadership, Message
from quorate_spec.raft.state import Server, config, stalled, voters_of

MOST_OTHER_ACTIONS = 6


class Cause(Enum):
    """The cause of a step; Restart explains only crashes, and Compact only snapshots.

    StepDown explains STEP_DOWN, and that a leader that is no voter ends its term of office.
    """

    MESSAGE = "a message"
    ITS_OWN = "a timeout or a client"
    CRASH = "a crash"
    STEP_DOWN = "a driver that finds it should not lead"
    SNAPSHOT = "a snapshot"


class LocalStep(steps.LocalStep[Server, Message, Cause]):
    """A step of the Raft core in the terms of Raft.tla."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a sequence of actions: the server, the messages sent, and the received message if still unused."""

    server: Server
    sent: frozenset[Message]
    pending: Message | None


def explain(step: LocalStep) -> Sequence | None:
    """Return a shortest sequence of at most most_actions(step) actions with the effect of `step`; None if none has."""
    way = shortest_way(step)
    return None if way is None else names_of(way)


def shortest_way(step: LocalStep) -> Way[Position] | None:
    """Return a shortest way to the position after `step`; None if no sequence of most_actions(step) leads there."""
    return positions(step).get(Position(step.after, step.sent, None))


def most_actions(step: LocalStep) -> int:
    """Return the longest length of a sequence: each new entry and each message sent may need an action of its own."""
    return MOST_OTHER_ACTIONS + max(0, len(step.after.log) - len(step.before.log)) + len(step.sent)


def positions(step: LocalStep) -> dict[Position, Way[Position]]:
    """Return the positions that actions reach without sending more than `step` did, each with a shortest way."""
    goal = Position(step.after, step.sent, None)
    start = Position(step.before, frozenset(), step.received)
    return shortest_ways(start, goal, most_actions(step), lambda position: successors(position, step))


def successors(position: Position, step: LocalStep) -> Iterator[tuple[str, Position]]:
    """Yield the enabled actions that neither enter a later term nor send more than `step` did, and where they lead.

    A disk that stalls with the write of `step` stalls first, so that it has what it had before.
    """
    if step.after.disk is not None and not stalled(position.server):
        for result in actions.stall_disk(position.server):
            yield actions.stall_disk.__name__, Position(result.server, position.sent, position.pending)
        return
    if position.pending is not None:
        for action in actions.RECEIVING:
            for result in action(position.server, position.pending):
                yield from _advance(action.__name__, position, result, position.pending if result.stays else None, step)
    for name, result in own_actions(position.server, step):
        yield from _advance(name, position, result, position.pending, step)


def _advance(
    name: str, position: Position, result: Step, pending: Message | None, step: LocalStep
) -> Iterator[tuple[str, Position]]:
    if result.server.current_term <= step.after.current_term and step.sent.issuperset(result.sent):
        yield name, Position(result.server, position.sent.union(result.sent), pending)


def own_actions(server: Server, step: LocalStep) -> Iterator[tuple[str, Step]]:
    """Yield the steps towards `step` that `server` may take without receiving a message, with their actions' names."""
    for action in (
        actions.become_pre_candidate,
        actions.timeout,
        actions.become_leader,
        *((actions.step_down,) if step.cause is Cause.STEP_DOWN or server.id not in voters_of(config(server)) else ()),
        actions.advance_commit_index,
        *((actions.leave_joint,) if config(server).outgoing else ()),
        *((actions.compact,) if step.cause is Cause.SNAPSHOT else ()),
        *((actions.begin_reads,) if step.after.read_round > server.read_round else ()),
        *((actions.end_reads,) if step.after.answered != server.answered else ()),
        *((actions.give_up_transfer,) if step.after.transfer_target is None else ()),
        *((actions.restart,) if step.cause is Cause.CRASH else ()),
    ):
        yield from ((action.__name__, result) for result in action(server))
    if (target := step.after.transfer_target) != step.before.transfer_target and target is not None:
        results = actions.transfer_leadership(server, target)
        yield from ((actions.transfer_leadership.__name__, result) for result in results)
    for entry in step.after.log[len(server.log) : len(server.log) + 1]:
        if entry.config is None:
            results = actions.client_request(server, entry.value)
            yield from ((actions.client_request.__name__, result) for result in results)
        else:
            results = actions.change_members(server, entry.config.voters, entry.config.learners)
            yield from ((actions.change_members.__name__, result) for result in results)
    for m in step.sent:  # any other message would not be among those that the step sent
        for send in (actions.request_pre_vote, actions.request_vote, actions.install_snapshot, actions.timeout_now):
            yield from ((send.__name__, result) for result in send(server, m.dest))
        if isinstance(m, AppendEntries):
            results = actions.append_entries(server, m.dest, len(m.entries))
            yield from ((actions.append_entries.__name__, result) for result in results)
        if isinstance(m, ConfirmLeadership):
            yield from (
                (actions.confirm_leadership.__name__, result) for result in actions.confirm_leadership(server, m.dest)
            )
