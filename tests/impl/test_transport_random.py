"""Whatever order peers come, go, move, restart and are dropped in, no task of a transport fails, and all reconnect."""

import asyncio
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest

from nightly import NIGHTLY
from transport_nodes import LOCAL, Node, each_connected, logged, number

IDS = (1, 2, 3)
ACTIONS = 150


class World:
    """Three nodes, each of which knows some of the others at addresses that may be those of nobody."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._addresses = dict.fromkeys(IDS, (LOCAL, 0))
        self._stacks: dict[int, AsyncExitStack] = {}
        self.nodes: dict[int, Node] = {}

    async def start(self, node_id: int) -> None:
        """Start a node, which knows all addresses."""
        self._stacks[node_id] = AsyncExitStack()
        # Each has a table of its own, for `set_peers` gives it another.
        node = Node(node_id, {**self._addresses, node_id: (LOCAL, 0)})
        self.nodes[node_id] = await self._stacks[node_id].enter_async_context(node)
        self._addresses[node_id] = node.transport.address

    async def stop(self, node_id: int) -> None:
        """Close a node."""
        del self.nodes[node_id]
        await self._stacks[node_id].aclose()

    def introduce(self, node: Node, peers: set[int], *, wrong: bool = False) -> None:
        """Have a node connect to these peers alone; one that is `wrong` to addresses where nobody is."""
        known = {peer: (LOCAL, 9) if wrong else self._addresses[peer] for peer in peers}
        node.transport.set_peers({**known, node.id: node.transport.address})

    async def act(self) -> None:
        """Do something to one of the nodes, in this turn of the event loop or after some."""
        node, rng = self.nodes[self._rng.choice(IDS)], self._rng
        match rng.randrange(7):
            case 0 | 1:
                self.introduce(node, set(rng.sample(IDS, rng.randrange(4))), wrong=rng.random() < 0.2)
            case 2:
                node.transport._dial_all()
            case 3:
                node.transport._drop(rng.choice(IDS), "a test said so")
            case 4:
                node.send(rng.choice(IDS), number(rng.randrange(100)))
            case 5 if rng.random() < 0.2:
                await self.stop(node.id)
                await self.start(node.id)
            case _:
                for _ in range(rng.randrange(8)):
                    await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(200 if NIGHTLY else 4))
def test_no_order_of_what_happens_to_peers_disturbs_a_transport(seed: int) -> None:
    """What is set in one turn holds from that turn on, though connections and tasks end in later ones."""

    async def test() -> None:
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        world = World(Random(seed))
        with logged() as log:
            for node_id in IDS:
                await world.start(node_id)
            for _ in range(ACTIONS):
                await world.act()
            for node in world.nodes.values():
                world.introduce(node, set(IDS))
            await each_connected(list(world.nodes.values()), log)
            for node_id in IDS:
                await world.stop(node_id)
        assert errors == []

    asyncio.run(asyncio.wait_for(test(), 60))
