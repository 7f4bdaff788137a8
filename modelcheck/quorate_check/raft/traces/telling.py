"""A stretch of a cluster's run as a path to draw: the steps of its servers in a possible order.

The traces hold no times. Their order is one in which every message is received after it was sent; the servers take
turns in it. A message is taken to be sent by its step, though it may have left later, when a disk had what it vouches
for. What was sent within the stretch and isn't received in it stands there as in flight; it may as well be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from quorate.raft import Config, Durable, Event, Message, NodeId, Receive, restart
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.networks import as_set
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import System
from quorate_check.raft import subject
from quorate_check.raft.bounds import MOST_SERVERS, RaftBounds
from quorate_check.raft.rules import NO_RULE, rule
from quorate_check.raft.traces.member import Happened
from quorate_check.raft.traces.server import TracedServer
from quorate_check.tell.described import Rule

SUBJECT = "trace"
READ = "the stretch is read"


@dataclass
class Stretch:
    """`count` steps from number `first` on, of server `only` if it is given; `count_so_far` were seen so far."""

    first: int
    count: int
    only: NodeId | None = None
    count_so_far: int = 0
    nodes: dict[NodeId, subject.CoreNode] = field(default_factory=dict)
    initial: GlobalState | None = None
    steps: list[Step] = field(default_factory=list)
    rules: list[tuple[Rule, ...]] = field(default_factory=list)
    flight: tuple[Message, ...] = ()

    def begin(self, members: tuple[NodeId, ...]) -> None:
        """Take the servers as those of a new cluster until their traces say with what they began."""
        config = Config(members)
        self.nodes = {i: subject.CoreNode(restart(config, i, Durable())) for i in members}

    @property
    def full(self) -> str | None:
        """The reason to stop reading once the stretch is complete, else None."""
        return READ if len(self.steps) == self.count else None

    def see(self, happened: Happened, sequence: Sequence | None, server: TracedServer) -> None:
        """Take note of a line, after which its server is this."""
        taken = happened.taken
        if taken is None:
            self._place(server)
            return
        own = self.only in {None, taken.after.state.id}
        self.count_so_far += own
        if own and self.count_so_far >= self.first and self.full is None:
            self._add(happened.event, taken.before, taken.after, taken.sent, sequence)
        else:
            self._place(taken.after)

    def _place(self, server: TracedServer) -> None:
        self.nodes[server.state.id] = shown(server)

    def _state(self) -> GlobalState:
        return GlobalState(tuple(self.nodes[i] for i in sorted(self.nodes)), self.flight, 0, ())

    def _add(
        self,
        event: Event | None,
        before: TracedServer,
        after: TracedServer,
        sent: tuple[Message, ...],
        sequence: Sequence | None,
    ) -> None:
        if event is None:  # a restart, of the server as its disk had it
            self._place(before)
        if self.initial is None:
            self.initial = self._state()
        node = sorted(self.nodes).index(after.state.id)
        if isinstance(event, Receive):
            move = Move(MoveKind.DELIVER, node, event.message)
            self.flight = tuple(m for m in self.flight if m != event.message)
        else:
            move = Move(MoveKind.SPONTANEOUS, node, subject.Restart() if event is None else event)
        self.flight = as_set(sent, self.flight)
        self._place(after)
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


def shown(server: TracedServer) -> subject.CoreNode:
    """Return a server of a search that looks like this server of a trace."""
    return subject.CoreNode(server.state, record=subject.Record(terms_led=server.led))
