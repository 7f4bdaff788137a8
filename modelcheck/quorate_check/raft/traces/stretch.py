"""A stretch of a cluster's run as a path to draw: the steps of its servers in a possible order.

Traces contain no times. The order is one in which every message is received after it was sent, and servers take turns.
A message is drawn as sent by its step, though it may have left later, when the write that it depends on was durable. A
message that was sent within the stretch and not received in it is drawn as in flight, though it may have been lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from quorate.raft import Config, Durable, Event, Message, NodeId, Receive, restart
from quorate_check.conformance.report import NO_RULE
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.networks import as_set
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import System
from quorate_check.raft import subject
from quorate_check.raft.bounds import MOST_SERVERS, RaftBounds
from quorate_check.raft.rules import rule
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.server import TracedServer
from quorate_check.raft.traces.window import ServerStep
from quorate_check.tell.described import Rule

SUBJECT = "trace"
READ = "the stretch is read"


@dataclass
class Stretch:
    """`count` steps from number `first` on, of `node` alone if that is given.

    `count_so_far` counts the steps read so far, within the stretch and before it. `nodes` are the servers after them.
    """

    first: int
    count: int
    node: NodeId | None = None
    count_so_far: int = 0
    nodes: dict[NodeId, subject.CoreNode] = field(default_factory=dict)
    initial: GlobalState | None = None
    steps: list[Step] = field(default_factory=list)
    rules: list[tuple[Rule, ...]] = field(default_factory=list)
    flight: tuple[Message, ...] = ()

    def begin(self, founders: tuple[NodeId, ...], joiners: Iterable[NodeId]) -> None:
        """Start with new servers; the first line of each trace replaces its server."""
        configs = {**dict.fromkeys(founders, Config(founders)), **dict.fromkeys(joiners, Config(()))}
        self.nodes = {i: subject.CoreNode(restart(config, i, Durable())) for i, config in configs.items()}

    @property
    def full(self) -> str | None:
        """READ, the reason to stop, once the stretch is complete; else None."""
        return READ if len(self.steps) == self.count else None

    def add_line(self, line: LineEffects, sequence: Sequence | None) -> None:
        """Add a line, whose step `sequence` explains."""
        step = line.step
        if step is None:
            self._place(line.server)
            return
        own = self.node in {None, step.after.state.id}
        self.count_so_far += own
        if own and self.count_so_far >= self.first and self.full is None:
            self._add(line.event, step, sequence)
        else:
            self._place(step.after)

    def _place(self, server: TracedServer) -> None:
        self.nodes[server.state.id] = core_node(server)

    def _state(self) -> GlobalState:
        return GlobalState(tuple(self.nodes[i] for i in sorted(self.nodes)), self.flight, 0, ())

    def _add(self, event: Event | None, step: ServerStep, sequence: Sequence | None) -> None:
        if self.initial is None:
            self.initial = self._state()
        node = sorted(self.nodes).index(step.after.state.id)
        if isinstance(event, Receive):
            move = Move(MoveKind.DELIVER, node, event.message)
            self.flight = tuple(m for m in self.flight if m != event.message)
        else:
            move = Move(MoveKind.SPONTANEOUS, node, subject.Restart() if event is None else event)
        self.flight = as_set(tuple(m for m in step.sent if m.dest in self.nodes), self.flight)
        self._place(step.after)
        self.steps.append(Step(move, self._state()))
        self.rules.append((NO_RULE,) if sequence is None else tuple(dict.fromkeys(map(rule, sequence))))

    def path(self) -> Path:
        """Return the stretch as a path."""
        return Path(self.initial or self._state(), tuple(self.steps), "")

    def system(self) -> System:
        """Return a system with Raft's words for the path; it has no steps of its own."""
        members = sorted(self.nodes)
        words = RaftBounds(servers=min(len(members), MOST_SERVERS)).system()
        initial = tuple(self.nodes[i] for i in members) if self.initial is None else self.initial.nodes
        return replace(
            words,
            name=SUBJECT,
            initial=initial,
            step=lambda _server, _event: (),
            source=lambda message: members.index(message.source),
            destination=lambda message: members.index(message.dest),
            invariants=(),
            witnesses=(),
            symmetry=None,
        )


def core_node(server: TracedServer) -> subject.CoreNode:
    """Return a server of a trace as a node of the explored system, for its pictures."""
    return subject.CoreNode(server.state, server.durable, record=subject.Record(terms_led=server.terms_led))
