"""The simulated network and disk are as bad as the simulation says, and no worse."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest

from quorate.raft import AppendEntries, Entry, Log, Persist
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.messages import Forward
from quorate.runtime.interfaces import DiskFullError
from simulation.disk import SimulatedDisk
from simulation.loop import Process, SimulatedLoop
from simulation.network import Conditions, SimulatedNetwork, SimulatedTransport
from simulation.streams import StreamLoop

HEARTBEAT = AppendEntries(1, 2, 1, 0, 0, (Entry(1, b"x"),), 0)
FORWARD = Forward(1, write=True, payload=b"x")


@pytest.fixture
def loop() -> Iterator[StreamLoop]:
    """A loop at time 0."""
    loop = StreamLoop(Random(1))
    yield loop
    loop.close()


def write_of(*commands: bytes, first: int = 1) -> Persist:
    """A write of entries of term 1."""
    return Persist(1, None, first, tuple(Entry(1, command) for command in commands))


# The network.


class Listener:
    """A process on the network and what it has heard."""

    def __init__(self, network: SimulatedNetwork, node: int) -> None:
        self.process = Process(network.loop, f"node {node}")
        self.transport = SimulatedTransport(network, node, self.process)
        self.heard: list[tuple[int, PeerMessage]] = []
        self.lost: list[int] = []

    async def start(self) -> None:
        """Begin to hear."""
        await self.transport.start(lambda peer, message: self.heard.append((peer, message)), self.lost.append)


def exchange(
    loop: SimulatedLoop,
    conditions: Conditions,
    message: PeerMessage,
    between: Callable[[Listener, Listener, SimulatedNetwork], None] = lambda *_: None,
) -> list[tuple[int, PeerMessage]]:
    """What node 2 hears when node 1 sends the message a thousand times, and then `between` happens."""
    network = SimulatedNetwork(loop, Random(2), (1, 2), usual=conditions)
    one, two = Listener(network, 1), Listener(network, 2)

    async def main() -> None:
        await one.start()
        await two.start()
        for _ in range(1_000):
            one.transport.send(2, message)
        between(one, two, network)
        await asyncio.sleep(60)

    loop.run(main())
    return two.heard


def test_a_good_network_delivers_equal_messages_and_shares_nothing(loop: SimulatedLoop) -> None:
    """What arrives was decoded anew."""
    heard = exchange(loop, Conditions(), HEARTBEAT)
    assert heard == [(1, HEARTBEAT)] * 1_000
    assert all(message is not HEARTBEAT for _, message in heard)


@pytest.mark.parametrize("message", [HEARTBEAT, FORWARD], ids=lambda m: type(m).__name__)
def test_a_bad_network_loses_messages_and_repeats_only_rafts(loop: SimulatedLoop, message: PeerMessage) -> None:
    """A Forward comes at most once, by the contract of transports."""
    lost = len(exchange(loop, Conditions(lost=0.5), message))
    assert 0 < lost < 1_000
    repeated = len(exchange(loop, Conditions(repeated=0.5), message))
    assert (repeated > 1_000) == (message is HEARTBEAT)
    assert repeated >= 1_000


def test_messages_overtake_each_other(loop: SimulatedLoop) -> None:
    """Delays are drawn for each."""
    network = SimulatedNetwork(loop, Random(2), (1, 2))
    one, two = Listener(network, 1), Listener(network, 2)

    async def main() -> list[int]:
        await one.start()
        await two.start()
        for number in range(100):
            one.transport.send(2, replace(FORWARD, id=number))
        await asyncio.sleep(60)
        return [message.id for _, message in two.heard if isinstance(message, Forward)]

    arrived = loop.run(main())
    assert sorted(arrived) == list(range(100)) != arrived


def test_what_has_left_arrives_although_its_sender_has_died(loop: SimulatedLoop) -> None:
    """A message on its way is nobody's."""
    assert len(exchange(loop, Conditions(), HEARTBEAT, lambda one, _two, _net: one.process.kill())) == 1_000


def test_the_dead_neither_hear_nor_send(loop: SimulatedLoop) -> None:
    """Nothing arrives at a killed process, and what it sends doesn't leave."""
    said: list[bool] = []
    others: list[Listener] = []

    def kill(one: Listener, two: Listener, _: SimulatedNetwork) -> None:
        two.process.kill()
        said.append(two.transport.send(1, HEARTBEAT))
        others.append(one)

    assert exchange(loop, Conditions(), HEARTBEAT, kill) == []
    assert (said, others[0].heard) == ([False], [])


def test_a_cut_cable_carries_nothing_one_way_until_it_is_mended(loop: SimulatedLoop) -> None:
    """Changes to conditions add up, and each can be taken back by itself."""
    network = SimulatedNetwork(loop, Random(2), (1, 2))
    mend = network.change([(1, 2)], lambda usual: replace(usual, cut=True))
    calm = network.change([(1, 2), (2, 1)], lambda usual: replace(usual, lost=0.5))
    one, two = Listener(network, 1), Listener(network, 2)

    async def main() -> None:
        await one.start()
        await two.start()
        sent = Counter(one.transport.send(2, HEARTBEAT) for _ in range(100))
        assert set(sent) == {True, False}
        await asyncio.sleep(10)
        assert (len(two.heard), one.transport.connected) == (0, frozenset())
        assert network.conditions(2, 1) == Conditions(lost=0.5)
        mend()
        assert network.conditions(1, 2) == Conditions(lost=0.5)
        calm()
        assert one.transport.send(2, HEARTBEAT)
        await asyncio.sleep(10)

    loop.run(main())
    assert two.heard == [(1, HEARTBEAT)]


# Disks.


def test_a_disk_keeps_what_it_acknowledged(loop: SimulatedLoop) -> None:
    """Writes take time, and do what Durable.after says."""
    disk = SimulatedDisk(loop, Random(3))
    storage = disk.open(Process(loop, "p"))

    async def main() -> None:
        await storage.write([write_of(b"a", b"b"), write_of(b"c", first=2)])

    loop.run(main())
    assert disk.durable.log == Log().append((Entry(1, b"a"), Entry(1, b"c")))
    assert loop.time() > 0


def ends_after_a_crash(loop: SimulatedLoop, writes: int, *, lies: bool) -> set[int]:
    """Where logs end, over many seeds, that were killed when the last of so many writes had begun."""

    async def live(disk: SimulatedDisk, process: Process) -> None:
        storage = disk.open(process)
        for index in range(1, writes):
            await storage.write([write_of(b"x", first=index)])
        storage.write([write_of(b"y", b"y", first=writes)])
        process.kill()
        storage.write([write_of(b"z", first=writes + 2)])

    async def main(disk: SimulatedDisk) -> int:
        process = Process(loop, "p")
        process.on_death(disk.end_in_doubt)
        await loop.create_task(live(disk, process), context=process.context)
        await asyncio.sleep(1)
        return disk.durable.log.last_index

    return {loop.run(main(SimulatedDisk(loop, Random(seed), lies=lies))) for seed in range(40)}


def test_a_crash_finds_the_write_under_way_whole_or_not_at_all(loop: SimulatedLoop) -> None:
    """Both happen; what was acknowledged is kept, and what the dead process writes is not."""
    assert ends_after_a_crash(loop, 3, lies=False) == {2, 4}


def test_a_full_disk_takes_nothing_until_there_is_room(loop: SimulatedLoop) -> None:
    """The same batch may be tried again."""
    disk = SimulatedDisk(loop, Random(3))
    storage = disk.open(Process(loop, "p"))

    async def main() -> None:
        disk.full = True
        with pytest.raises(DiskFullError):
            await storage.write([write_of(b"a")])
        assert disk.durable.log.last_index == 0
        disk.full = False
        await storage.write([write_of(b"a")])

    loop.run(main())
    assert disk.durable.log.last_index == 1


def test_a_disk_that_lies_loses_what_it_acknowledged(loop: SimulatedLoop) -> None:
    """It keeps some of its latest writes, from the oldest on."""
    assert ends_after_a_crash(loop, 3, lies=True) == {0, 1, 2, 4}
