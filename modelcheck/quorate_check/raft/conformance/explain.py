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
from quorate_check.conformance.sequences import Sequence, Way, names_of, reached
from quorate_spec.raft import actions
from quorate_spec.raft.actions import Step
from quorate_spec.raft.messages import AppendEntries, Message
from quorate_spec.raft.state import Server

MOST_OTHER_ACTIONS = 6


class Cause(Enum):
    """The cause of a step; the actions Restart, StepDown and Compact explain only steps of their own cause."""

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
    """Return a shortest sequence of actions with the effect of `step`; None if none of most_actions(step) has it."""
    way = shortest_way(step)
    return None if way is None else names_of(way)


def shortest_way(step: LocalStep) -> Way[Position] | None:
    """Return a shortest way to what `step` did; None if no sequence of most_actions(step) leads there."""
    return positions(step).get(Position(step.after, step.sent, None))


def most_actions(step: LocalStep) -> int:
    """Return how long a sequence may be: each entry appended and each message sent may take an action of its own."""
    return MOST_OTHER_ACTIONS + max(0, len(step.after.log) - len(step.before.log)) + len(step.sent)


def positions(step: LocalStep) -> dict[Position, Way[Position]]:
    """Return the positions that actions reach without sending more than `step` did, each with a shortest way.

    Stops at the goal, if it comes to it.
    """
    goal = Position(step.after, step.sent, None)
    start = Position(step.before, frozenset(), step.received)
    return reached(start, goal, most_actions(step), lambda at: successors(at, step))


def successors(at: Position, step: LocalStep) -> Iterator[tuple[str, Position]]:
    """Yield the actions enabled at `at` that don't overshoot `step`, and where they lead."""
    if at.pending is not None:
        for action in actions.RECEIVING:
            for taken in action(at.server, at.pending):
                yield from _advance(action.__name__, at, taken, at.pending if taken.stays else None, step)
    for name, taken in own_actions(at.server, step):
        yield from _advance(name, at, taken, at.pending, step)


def _advance(
    name: str, at: Position, taken: Step, pending: Message | None, step: LocalStep
) -> Iterator[tuple[str, Position]]:
    if taken.server.current_term <= step.after.current_term and step.sent.issuperset(taken.sent):
        yield name, Position(taken.server, at.sent.union(taken.sent), pending)


def own_actions(server: Server, step: LocalStep) -> Iterator[tuple[str, Step]]:
    """Yield every step that `server` may take by itself on the way to `step`, with its action's name."""
    for action in (
        actions.become_pre_candidate,
        actions.timeout,
        actions.become_leader,
        *((actions.step_down,) if step.cause is Cause.STEP_DOWN else ()),
        actions.advance_commit_index,
        *((actions.compact,) if step.cause is Cause.SNAPSHOT else ()),
        *((actions.restart,) if step.cause is Cause.CRASH else ()),
    ):
        yield from ((action.__name__, taken) for taken in action(server))
    for entry in step.after.log[len(server.log) : len(server.log) + 1]:
        yield from ((actions.client_request.__name__, taken) for taken in actions.client_request(server, entry.value))
    for m in step.sent:  # an action that sends anything else would overshoot
        for ask in (actions.request_pre_vote, actions.request_vote, actions.install_snapshot):
            yield from ((ask.__name__, taken) for taken in ask(server, m.dest))
        if isinstance(m, AppendEntries):
            sending = actions.append_entries(server, m.dest, len(m.entries))
            yield from ((actions.append_entries.__name__, taken) for taken in sending)
