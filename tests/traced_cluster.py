"""Random runs of a cluster that write traces: real cores and tracers; disks, network, crashes and clients by one seed.

The order of what a node does is that of a driver: step, trace, flush, then what may leave at once; a write of all that
waits; `durable`, flush, then what waited, and the confirmation. A crash may come between any two of these.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from quorate.disk import Queue, add, crash, flush
from quorate.membership.restraint import restrained
from quorate.raft import (
    ChangeMembers,
    ChangeRefused,
    Config,
    Durable,
    ElectionTimeout,
    Event,
    HeartbeatTimeout,
    Message,
    NodeId,
    Persist,
    Propose,
    RaftError,
    ReadRequest,
    Receive,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    StepDown,
    restart,
    step,
)
from quorate.raft_server.confirmations import confirmations
from quorate.raft_server.trace import Tracer
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import TraceFinding

MOST_IN_FLIGHT = 40


@dataclass
class TracedNode:
    """A core, its disk and its tracer; what it may send goes to `send`."""

    config: Config
    id: NodeId
    path: Path
    send: Callable[[tuple[Message, ...]], None]
    part_bytes: int | None = None
    parts: int | None = None
    durable: Durable = field(default_factory=Durable)
    state: State = field(init=False)
    steps: int = field(default=0, init=False)
    queue: Queue[tuple[int, Persist], Message] = field(default=(), init=False)
    history: list[bytes] = field(default_factory=list, init=False)
    after_term: int = field(default=0, init=False)
    lost_steps: int = field(default=0, init=False)  # in all crashes

    def __post_init__(self) -> None:
        self.tracer = self._new_tracer()
        self._boot()

    def _new_tracer(self) -> Tracer:
        return Tracer(self.path, self.part_bytes, self.parts)

    def _boot(self) -> None:
        self.state, self.steps, self.queue = restart(self.config, self.id, self.durable), 0, ()
        self.tracer.boot(self.state)
        self.tracer.flush()

    def handle(self, event: Event) -> None:
        """One step, and what may leave at once."""
        before, output = self.state, step(self.state, event)
        self.state = output.state
        self.steps += 1
        self.tracer.step(event, output)
        output = restrained(before, output, self.after_term)
        self.tracer.flush()
        write = None if output.persist is None else (self.steps, output.persist)
        self.queue, leaving = add(self.queue, write, output.send_now, output.send_when_durable)
        self.send(leaving)

    def write(self, count: int) -> None:
        """The oldest `count` writes become durable in one transaction."""
        if count == 0:
            return
        batch, self.queue = flush(self.queue, count)
        persists = [write.persist[1] for write in batch]
        self.durable = reduce(Durable.after, persists, self.durable)
        self.tracer.durable(self.queue[0].persist[0] - 1 if self.queue else self.steps)
        self.tracer.flush()
        for write in batch:
            self.send(write.messages)
        for confirmation in confirmations(persists):
            self.handle(confirmation)

    def crash(self, *, written: int = 0, cut: bool = False) -> None:
        """Start again with what is durable and `written` writes more, of which no line tells; `cut` the last line."""
        if written < len(self.queue):
            self.lost_steps += self.steps - self.queue[written].persist[0] + 1
        self.durable = crash(self.durable, self.queue, lambda durable, write: durable.after(write[1]))[written]
        self.tracer.close()
        if cut:
            with self.path.open("ab") as file:
                file.write(b'{"line":"step","number":%d,"event":["Elec' % (self.steps + 1))
        self.tracer = self._new_tracer()
        self._boot()

    def replace(self, incarnation: bytes, after_term: int) -> None:
        """Lose the disk, and begin again on another that takes its place."""
        self.tracer.close()
        self.tracer, self.after_term = self._new_tracer(), after_term
        self.tracer.identify(incarnation, after_term)
        self.durable = Durable(after_term + 1)
        self._boot()

    def trace_anew(self) -> None:
        """Stop, and start again with what is durable and with a new trace."""
        self.tracer.close()
        self.path.unlink()
        self.tracer = self._new_tracer()
        self._boot()

    def snapshot(self) -> None:
        """Compact the log to what is applied; the state is told by index and term."""
        index = self.state.last_applied
        term = self.state.log.term_at(index)
        if index > self.state.log.snapshot_index and term is not None:
            self.handle(SnapshotTaken(Snapshot(index, term, b"%d@%d" % (term, index))))


class TracedCluster:
    """Nodes of one cluster in `folder`, and a network that loses, delays, repeats and reorders.

    `joiners` know no member until a leader sends them the log, which `change` brings about.
    The traces of the nodes in `cut` are in parts, of which the latest are kept, as `part_bytes` and `parts` say.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        seed: int,
        *,
        cut: frozenset[NodeId] = frozenset(),
        part_bytes: int = 4000,
        parts: int | None = None,
        joiners: tuple[NodeId, ...] = (),
    ) -> None:
        self.rng = random.Random(seed)
        self.network: list[Message] = []
        self.proposed = 0
        self.changed = 0
        self.nodes = {
            member: TracedNode(
                config if member in config.members else replace(config, members=()),
                member,
                folder / f"n{member}.ndjson",
                self.network.extend,
                part_bytes if member in cut else None,
                parts if member in cut else None,
            )
            for member in (*config.members, *joiners)
        }

    def close(self) -> None:
        """Write what is left of the traces."""
        for node in self.nodes.values():
            node.tracer.close()

    def run(
        self, moves: int, *, crashes: bool = True, snapshots: bool = True, batch: int = 5, changes: float = 0
    ) -> None:
        """Make random moves; proposals come in batches of up to `batch`, changes of members with weight `changes`."""
        weights = {
            self.deliver: 50,
            self.write: 25,
            self.heartbeat: 4,
            lambda: self.propose(self.rng.randint(1, batch)): 8,
            self.read: 4,
            self.time_out: 2,
            self.snapshot: 1 if snapshots else 0,
            self.crash: 0.7 if crashes else 0,
            self.step_down: 0.3,
            self.change: changes,
        }
        for move in self.rng.choices(list(weights), list(weights.values()), k=moves):
            move()

    def anybody(self) -> TracedNode:
        """A random node."""
        return self.rng.choice(list(self.nodes.values()))

    def leaders(self) -> list[TracedNode]:
        """Whoever leads some term."""
        return [node for node in self.nodes.values() if node.state.role is Role.LEADER]

    def deliver(self) -> None:
        """Some message arrives, and may arrive again; those that are too many are lost."""
        while len(self.network) > MOST_IN_FLIGHT:
            self.network.pop(self.rng.randrange(len(self.network)))
        if self.network:
            # Mostly in order: otherwise nothing long is ever agreed on.
            position = 0 if self.rng.random() < 0.8 else self.rng.randrange(len(self.network))
            message = self.network[position] if self.rng.random() < 0.05 else self.network.pop(position)
            self.receive(message)

    def receive(self, message: Message) -> None:
        """This message arrives."""
        try:
            self.nodes[message.dest].handle(Receive(message))
        except RaftError as error:  # pragma: no cover - no correct peer sends such
            raise AssertionError(message) from error

    def write(self) -> None:
        """Some node's disk writes some or all of what waits."""
        node = self.anybody()
        node.write(self.rng.randint(0, len(node.queue)))

    def heartbeat(self) -> None:
        """Leaders are heard."""
        for node in self.leaders():
            node.handle(HeartbeatTimeout())

    def propose(self, count: int) -> None:
        """Clients want something."""
        for node in self.leaders()[-1:]:
            commands = tuple(b"command %d" % (self.proposed + i) for i in range(count))
            self.proposed += count
            node.handle(Propose(commands))

    def change(self) -> None:
        """An operator wants some of the nodes as voters, others as learners; leaders refuse what isn't possible."""
        for node in self.leaders()[-1:]:
            parts = {member: self.rng.choice(("voter", "voter", "learner", "none")) for member in self.nodes}
            voters, learners = (tuple(m for m, part in parts.items() if part == name) for name in ("voter", "learner"))
            if self.rng.random() < 0.3:
                voters, learners = node.state.configuration.voters, node.state.configuration.learners
            with suppress(ChangeRefused):
                node.handle(ChangeMembers(voters, learners, b"contacts %d" % self.rng.randrange(3)))
                self.changed += 1

    def read(self) -> None:
        """Clients want to know something."""
        for node in self.leaders():
            node.handle(ReadRequest())

    def time_out(self) -> None:
        """Some node has waited long enough, most often when there is no leader."""
        if not self.leaders() or self.rng.random() < 0.1:
            self.anybody().handle(ElectionTimeout())

    def step_down(self) -> None:
        """A leader hears from no majority."""
        for node in self.leaders()[:1]:
            node.handle(StepDown())

    def snapshot(self) -> None:
        """Some node compacts its log."""
        self.anybody().snapshot()

    def crash(self) -> None:
        """Some node starts again with a prefix of what it asked its disk to write."""
        node = self.anybody()
        node.crash(written=self.rng.randint(0, len(node.queue)), cut=self.rng.random() < 0.3)

    @property
    def lost_steps(self) -> int:
        """How many steps the crashes so far have lost: all from the first on whose write wasn't on the disk."""
        return sum(node.lost_steps for node in self.nodes.values())

    def settle(self, rounds: int = 100) -> None:
        """All writes succeed and all messages arrive, until nothing is under way; it fails if something always is."""
        for _ in range(rounds):
            for node in self.nodes.values():
                node.write(len(node.queue))
            messages, self.network[:] = list(self.network), []
            for message in messages:
                self.receive(message)
            if not self.network and not any(node.queue for node in self.nodes.values()):
                return
        raise AssertionError(f"messages or writes are still under way after {rounds} rounds")

    def elect(self, member: NodeId) -> None:
        """`member` becomes leader, if a majority will have it."""
        self.nodes[member].handle(ElectionTimeout())
        self.settle()


def judged(folder: Path) -> TraceCheck:
    """A check of the traces in `folder`, run to its end."""
    check = TraceCheck(folder)
    check.run(lambda: None, lambda _: None)
    return check


def finding(folder: Path) -> TraceFinding:
    """What is wrong with the traces in `folder`."""
    found = judged(folder).finding
    assert found is not None
    return found
