"""A cluster in memory: real cores, a list for a network, and disks that forget what was not written.

Every node has the queue of writes of `quorate.disk` in front of what is durable, as servers have: nothing more.
"""

from dataclasses import dataclass, field

from quorate.disk import Queue, add, flush
from quorate.quorum import majority
from quorate.raft import (
    Config,
    ConfirmedReads,
    Durable,
    ElectionTimeout,
    Entry,
    Event,
    Log,
    Message,
    NodeId,
    Output,
    Persist,
    Receive,
    RequestVoteReply,
    Snapshot,
    State,
    restart,
    step,
)

THREE = Config(members=(1, 2, 3))
FIVE = Config(members=(1, 2, 3, 4, 5))


def log_of(*terms: int, after: Snapshot | None = None) -> Log:
    """A log with one entry of each of these terms; the command tells term and index."""
    first = Log(after).first_index
    return Log(after).append(
        tuple(Entry(term, f"{term}@{first + position}".encode()) for position, term in enumerate(terms))
    )


def entries_of(*terms: int, first: int = 1) -> tuple[Entry, ...]:
    """The entries that `log_of` would hold from index `first` on."""
    return tuple(Entry(term, f"{term}@{first + position}".encode()) for position, term in enumerate(terms))


def server(
    node_id: NodeId = 1,
    term: int = 0,
    log: Log | None = None,
    config: Config = THREE,
    voted_for: NodeId | None = None,
) -> State:
    """A server that has just started with this on its disk."""
    return restart(config, node_id, Durable(term, voted_for, Log() if log is None else log))


def candidate(term: int = 1, log: Log | None = None, config: Config = THREE) -> State:
    """Server 1 as a candidate in `term`, without pre-vote."""
    return step(server(1, term - 1, log, config), ElectionTimeout()).state


def leader(term: int = 1, log: Log | None = None, config: Config = THREE) -> State:
    """Server 1 as it has just been elected in `term`, with `log` all on its disk."""
    state = candidate(term, log, config)
    for peer in state.peers[: majority(len(config.members)) - 1] or (1,):
        state = step(state, Receive(RequestVoteReply(peer, 1, term, vote_granted=True))).state
    return state


def after(state: State, *events: Event | Message) -> State:
    """The state after these events, or these messages received."""
    for event in events:
        state = step(state, Receive(event) if isinstance(event, Message) else event).state
    return state


def receive(state: State, message: Message) -> Output:
    """The output for one message."""
    return step(state, Receive(message))


@dataclass
class Node:
    """One core with its disk, and what its state machine has been told."""

    config: Config
    id: NodeId
    durable: Durable = field(default_factory=Durable)
    state: State = field(init=False)
    queue: Queue[Persist, Message] = ()
    applied: list[tuple[int, Entry]] = field(default_factory=list)
    confirmed: list[tuple[int, ConfirmedReads]] = field(default_factory=list)  # each with its term

    def __post_init__(self) -> None:
        self.state = restart(self.config, self.id, self.durable)

    def handle(self, event: Event) -> tuple[Message, ...]:
        """What leaves at once; the rest waits for `flush`."""
        output: Output = step(self.state, event)
        self.state = output.state
        if output.install is not None:
            self.applied = []
        self.applied += list(enumerate(output.apply, start=output.first_apply_index))
        if output.reads is not None:
            self.confirmed.append((self.state.current_term, output.reads))
        self.queue, leaving = add(self.queue, output.persist, output.send_now, output.send_when_durable)
        return leaving

    def flush(self) -> tuple[Message, ...]:
        """The oldest write becomes durable, and releases what waited for it."""
        (write,), self.queue = flush(self.queue)
        self.durable = self.durable.after(write.persist)
        confirmation = write.persist.confirmation
        leaving = [] if confirmation is None else [*self.handle(confirmation)]
        for message in write.messages:
            leaving += self.handle(Receive(message)) if message.dest == self.id else (message,)
        return tuple(leaving)

    def crash(self) -> None:
        """Everything that is not durable is lost."""
        self.queue = ()
        self.applied = []
        self.state = restart(self.config, self.id, self.durable)


class Cluster:
    """Nodes that can all reach each other, unless the test says who cannot."""

    def __init__(self, config: Config = THREE, **logs: Log) -> None:
        """Each node starts with the log given as `n<id>`, or none, in the latest term that any of them has."""
        term = max((log.last_term for log in logs.values()), default=0)
        self.nodes = {
            member: Node(config, member, Durable(term, None, logs.get(f"n{member}", Log())))
            for member in config.members
        }
        self.network: list[Message] = []
        self.cut: frozenset[NodeId] = frozenset()

    def state(self, node_id: NodeId) -> State:
        """The state of one node."""
        return self.nodes[node_id].state

    def happen(self, node_id: NodeId, event: Event) -> None:
        """One event at one node, then whatever follows from it until nothing more does."""
        self.network += self.nodes[node_id].handle(event)
        self.settle()

    def settle(self) -> None:
        """Flushes and delivers, first in first out, until all is quiet."""
        while self.network or any(node.queue for node in self.nodes.values()):
            for node in self.nodes.values():
                while node.queue:
                    self.network += node.flush()
            messages, self.network = self.network, []
            for message in messages:
                if not self.cut & {message.source, message.dest}:
                    self.arrive(message)

    def arrive(self, message: Message) -> None:
        """One message."""
        self.network += self.nodes[message.dest].handle(Receive(message))
