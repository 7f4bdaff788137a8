"""A network of messages that take their time, overtake each other, get lost and, if they are Raft's own, come twice.

What is sent is encoded and what arrives decoded as on a real wire, so that no two nodes share an object. `Conditions`
say how bad it is now, for each direction of each pair.
"""

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from random import Random

from quorate.raft import Message, NodeId
from quorate.raft_server import wire
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.runtime.interfaces import Loss
from simulation.loop import Process, SimulatedLoop

SHARE_OF_STRAGGLERS = 0.01
STRAGGLER_FACTOR = 100
REFUSED_SHARE = 0.5  # of what is sent into a cut cable: the sender may have found out, or not


@dataclass(frozen=True, slots=True)
class Conditions:
    """One direction of one pair: probabilities, and the usual longest delay in seconds."""

    delay_s: float = 0.002
    lost: float = 0.0
    repeated: float = 0.0
    cut: bool = False

    def delay(self, rng: Random) -> float:
        """Draw how long something takes to arrive: now and then far longer than usual."""
        straggles = rng.random() < SHARE_OF_STRAGGLERS
        return self.delay_s * rng.uniform(0.1, 1.0) * (STRAGGLER_FACTOR if straggles else 1)


Pair = tuple[NodeId, NodeId]
Ages = tuple[int, int, int]
Listener = Callable[[PeerMessage], None]


@dataclass
class SimulatedNetwork:
    """Carries messages between the nodes that listen; `watch` sees each that leaves, before it can get lost."""

    loop: SimulatedLoop
    rng: Random
    members: Sequence[NodeId]
    watch: Callable[[PeerMessage, NodeId, NodeId, bytes], None] = lambda *_: None
    usual: Conditions = Conditions()
    # What has left is nobody's: it arrives although its sender has died.
    context: Context = field(default_factory=copy_context, init=False)
    _changed: dict[Pair, list[Callable[[Conditions], Conditions]]] = field(default_factory=dict, init=False)
    _now: dict[Pair, Conditions] = field(default_factory=dict, init=False)
    _listening: dict[NodeId, "SimulatedTransport"] = field(default_factory=dict, init=False)
    _forgotten: dict[NodeId, int] = field(default_factory=dict, init=False)
    _severed: dict[Pair, int] = field(default_factory=dict, init=False)

    def pairs(self) -> list[Pair]:
        """Return every direction of every pair."""
        return [(source, dest) for source in self.members for dest in self.members if source != dest]

    def conditions(self, source: NodeId, dest: NodeId) -> Conditions:
        """How this direction is now."""
        return self._now.get((source, dest), self.usual)

    def change(self, pairs: Iterable[Pair], to: Callable[[Conditions], Conditions]) -> Callable[[], None]:
        """Make these directions worse; return what makes them better again. Changes add up."""
        pairs = list(pairs)
        for pair in pairs:
            self._changed.setdefault(pair, []).append(to)
            self._refresh(pair)

        def undo() -> None:
            for pair in pairs:
                if to in self._changed.get(pair, []):
                    self._changed[pair].remove(to)
                    self._refresh(pair)

        return undo

    def heal(self) -> None:
        """Make all directions what they usually are, without loss or repetition."""
        self.usual = replace(self.usual, lost=0.0, repeated=0.0)
        self._changed.clear()
        self._now.clear()

    def _refresh(self, pair: Pair) -> None:
        before, now = self.conditions(*pair), self.usual
        for to in self._changed[pair]:
            now = to(now)
        self._now[pair] = now
        if now.cut and not before.cut:
            self._tell_of_loss(*pair)
            self._tell_of_loss(*reversed(pair))

    def _tell_of_loss(self, node: NodeId, peer: NodeId) -> None:
        if node in self._listening:
            self._listening[node].lost_connection(peer)

    def forget(self, node: NodeId) -> None:
        """Have nothing arrive of what is on its way from or to this node."""
        self._forgotten[node] = self.age(node) + 1

    def age(self, node: NodeId) -> int:
        """How often that was done."""
        return self._forgotten.get(node, 0)

    def sever(self, source: NodeId, dest: NodeId) -> None:
        """Have nothing arrive of what is on its way in this direction."""
        self._severed[source, dest] = self._severed.get((source, dest), 0) + 1

    def ages(self, source: NodeId, dest: NodeId) -> Ages:
        """Of both, and of the connection: what left at other ages doesn't arrive."""
        return self.age(source), self.age(dest), self._severed.get((source, dest), 0)

    def listening(self, node: NodeId) -> "SimulatedTransport | None":
        """The transport that hears what is for `node`, None if there was never one."""
        return self._listening.get(node)

    def listen(self, node: NodeId, transport: "SimulatedTransport") -> None:
        """Bring what is for `node` to this transport from now on; the connections to the one before it are lost."""
        self._listening[node] = transport
        for peer in self.members:
            if peer != node:
                self._tell_of_loss(peer, node)

    def carry(self, source: NodeId, dest: NodeId, message: PeerMessage) -> bool:
        """Take a message; False if it has surely not left."""
        conditions = self.conditions(source, dest)
        if conditions.cut and self.rng.random() < REFUSED_SHARE:
            return False
        data = wire.encode(message)
        self.watch(message, source, dest, data)
        if conditions.cut or self.rng.random() < conditions.lost:
            return True
        copies = 1 + (isinstance(message, Message) and self.rng.random() < conditions.repeated)
        for _ in range(copies):
            delay_s, ages = conditions.delay(self.rng), self.ages(source, dest)
            self.loop.call_later(delay_s, self._arrive, source, dest, data, ages, context=self.context)
        return True

    def _arrive(self, source: NodeId, dest: NodeId, data: bytes, ages: Ages) -> None:
        listener = self._listening.get(dest)
        if listener is not None and not self.conditions(source, dest).cut:
            listener.arrived(source, data, ages)


class SimulatedTransport:
    """One run of one node on the network (quorate.raft_server.interfaces.Transport); dead when its process is."""

    def __init__(self, network: SimulatedNetwork, node: NodeId, process: Process) -> None:
        """Hear nothing before `start`."""
        self._network = network
        self._node = node
        self._process = process
        self._receive: Receiver | None = None
        self._lost: Loss | None = None

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Begin to hear."""
        if self._process.acts():
            self._receive, self._lost = receive, lost
            self._network.listen(self._node, self)

    def send(self, peer: NodeId, message: PeerMessage) -> bool:
        """Give a message to the network."""
        return self._process.acts() and self._network.carry(self._node, peer, message)

    def flush(self) -> None:
        """Nothing waits: what is sent is on its way."""

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers that no cut cable leads to."""
        return frozenset(
            peer
            for peer in self._network.members
            if peer != self._node and not self._network.conditions(self._node, peer).cut
        )

    async def close(self) -> None:
        """Hear no more."""
        self._receive = self._lost = None

    def arrived(self, source: NodeId, data: bytes, ages: Ages) -> None:
        """Have the process receive what has arrived, when it runs."""
        self._network.loop.call_soon(self._hand_over, source, data, ages, context=self._process.context)

    def _hand_over(self, source: NodeId, data: bytes, ages: Ages) -> None:
        if self._receive is not None and self._network.ages(source, self._node) == ages:
            self._receive(source, wire.decode(data))

    def lost_connection(self, peer: NodeId) -> None:
        """Have the process learn, when it runs, that what was on its way to or from a peer may be lost."""
        self._network.loop.call_soon(self._tell_of_loss, peer, context=self._process.context)

    def _tell_of_loss(self, peer: NodeId) -> None:
        if self._lost is not None:
            self._lost(peer)
