"""A member's disk is lost, and a new one takes its place as `quorate replace` does it, by the real rules.

What members remember of each other's storages is the real register, and each hears from the new one what it would hear
in a hello (quorate.membership.register). Only the connections are simulated: they come about in an instant, if neither
end is down, paused or cut off. As the page for operators says, a disk is replaced while all others are there, and one
at a time: the next is lost only when the new one before it votes again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from quorate.membership.claim import INCARNATION_BYTES
from quorate.membership.register import Register, form, hear
from quorate.raft import NodeId
from simulation.loop import SimulatedLoop
from simulation.network import SimulatedNetwork
from simulation.node import SimulatedNode

ASKS_EVERY_S = 0.01


@dataclass
class Wiping:
    """The disks that are lost, and what members remember; `replaced` hears of each member that has a new one."""

    loop: SimulatedLoop
    rng: Random
    network: SimulatedNetwork
    nodes: Mapping[NodeId, SimulatedNode]
    replaced: Callable[[NodeId], None]
    lost: set[NodeId] = field(default_factory=set, init=False)
    _registers: dict[NodeId, Register] = field(init=False)

    def __post_init__(self) -> None:
        members = tuple(self.nodes)
        storages = {member: self._incarnation() for member in members}
        new = {member: Register("simulated", member, members, storages[member]) for member in members}
        self._registers = {member: _joined(form(register, storages)) for member, register in new.items()}

    def _incarnation(self) -> bytes:
        return self.rng.randbytes(INCARNATION_BYTES)

    def wipe(self, node: SimulatedNode) -> bool:
        """Take a node's disk away, and end it; False if that would be one disk too many."""
        if self.lost or len(self.nodes) == 1 or not all(self._votes(other) for other in self.nodes.values()):
            return False
        node.close()
        node.disk.wipe()
        self.lost.add(node.id)
        return True

    def _votes(self, node: SimulatedNode) -> bool:
        return not node.after_term or node.disk.durable.log.last_term > node.after_term

    def replace(self, node: SimulatedNode) -> None:
        """Give it a new disk as soon as all others are there to take note of it, and start it."""
        if node.id not in self.lost:
            return
        others = [other for other in self.nodes.values() if other is not node]
        if not all(self._hears(node, other) for other in others):
            self.loop.call_later(ASKS_EVERY_S, self.replace, node)
            return
        members = tuple(self.nodes)
        register = Register("simulated", node.id, members, self._incarnation(), replaces=True)
        for other in others:
            noted = hear(self._registers[other.id], node.id, register.claim(other.id, b"", (0, 0, 0)), {})
            assert noted.replaced, noted.verdict
            self._registers[other.id] = noted.register
            # On its connections nothing arrives any more.
            other.process.context.run(other.server.step_down)
        self.network.forget(node.id)
        for other in others:
            state = other.state
            assert state is not None
            claim = self._registers[other.id].claim(node.id, b"", (state.current_term, 0, 0))
            register = hear(register, other.id, claim, {}).register
        assert register.joined
        self._registers[node.id] = register
        self.lost.remove(node.id)
        self.replaced(node.id)
        node.take_the_place_of_a_lost_one(register.after_term)

    def _hears(self, node: SimulatedNode, other: SimulatedNode) -> bool:
        pair = (node.id, other.id)
        cut = any(self.network.conditions(*way).cut for way in (pair, pair[::-1]))
        return other.state is not None and not (cut or other.paused or other.stopping)


def _joined(register: Register) -> Register:
    peers = {member: replace(known, remembers=True) for member, known in register.peers.items()}
    return replace(register, joined=True, peers=peers)
