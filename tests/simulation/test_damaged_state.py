"""A member whose memory is damaged while clients write stops, comes back from its disk, and everything comes right."""

from contextvars import copy_context

import pytest

from quorate.runtime.interfaces import DamagedStateError
from simulation.clients import NUMBER
from simulation.node import SimulatedNode
from simulation.scenario import Scenario
from simulation.world import Run, World

SEEDS = range(6)
DAMAGED_AT_S = 1.0


class DamagedWorld(World):
    """At one time one member's memory is damaged; whoever runs it starts it again when it has ended."""

    ends: list[BaseException | None]

    def run(self) -> Run:
        """Run it all, and note how that member ended."""
        self.ends = []
        self._outside = copy_context()  # of all processes
        self.loop.call_later(DAMAGED_AT_S, self._damage)
        return super().run()

    def _damage(self) -> None:
        node = self.nodes[self.scenario.seed % self.scenario.size + 1]
        keys = node.machine.inner._keys
        key = NUMBER.encode()
        if key not in keys:  # yet, or somebody has deleted it
            self.loop.call_later(0.01, self._damage)
            return
        (bucket,) = (bucket for bucket in keys._buckets.values() if key in bucket)
        held = bucket[key]
        bucket[key] = type(held)(bytes([held.value[0] ^ 1]) + held.value[1:], held.version, held.deadline)
        node.process.on_death(lambda: self._ended(node))

    def _ended(self, node: SimulatedNode) -> None:
        if node.server.failed.done() and not self.ends:
            self.ends.append(node.server.failed.exception())
            self.loop.call_later(0.2, node.restart, context=self._outside)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_member_whose_memory_is_damaged_stops_and_comes_back_right(seed: int) -> None:
    """No reply of its own is judged, for it may be wrong until it stops; the others' states are, and what is kept."""
    names = frozenset({"one leader per term", "committed is durable", "durable before sent", "answered once, in time"})
    world = DamagedWorld(Scenario(seed=seed, exact=0), only=names)
    world.run()
    (end,) = world.ends
    assert isinstance(end, DamagedStateError), "leader or follower, by a comparison or at a snapshot"
    assert all(not node.server.failed.done() for node in world.nodes.values())
    assert sum(node.lives for node in world.nodes.values()) == world.scenario.size + 1
    assert {node.server.status().notice for node in world.nodes.values()} == {""}
