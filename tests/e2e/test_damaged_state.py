"""Real nodes, of which one has applied something else than the others."""

import asyncio
import socket
from pathlib import Path

from patience import PATIENCE_S
from quorate.raft import Persist, Snapshot
from quorate.raft_server.settings import Settings
from quorate.raft_server.storage import SqliteStorage
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from real_cluster import RealCluster, RealNode, real_cluster

ENTRIES = Settings().digest_entries
WRITERS = 8


async def damage(folder: Path, node: int) -> None:
    """Give a node that is stopped a snapshot of another state, sealed and with a digest that fits."""
    storage = SqliteStorage.open(folder / f"node{node}" / "quorate.sqlite3", node, (1, 2, 3))
    try:
        durable = storage.load()
        log, index = durable.log, ENTRIES // 2
        machine = KeyValueMachine(Clock())
        for at, entry in enumerate(log.slice(log.first_index, index), start=log.first_index):
            if entry.command is not None:
                machine.apply(at, entry.command)
        keys = machine._keys
        record = keys.record(b"paid")
        assert record is not None
        keys.version = record.version
        keys.put(b"paid", b"999", record.deadline)
        term = log.term_at(index)
        assert term is not None
        snapshot = Snapshot(index, term, machine.capture()())
        await storage.write([Persist(durable.current_term, durable.voted_for, log.last_index + 1, snapshot=snapshot)])
    finally:
        storage.close()


async def fill(cluster: RealCluster) -> None:
    """Have at least so many entries committed that states are compared, but not twice as many."""
    _, port = cluster.addresses[await cluster.leader() - 1]
    await asyncio.gather(*(asyncio.to_thread(_write_one_by_one, port) for _ in range(WRITERS)))


def _write_one_by_one(port: int) -> None:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with connection, connection.makefile("rwb") as file:
        for number in range(9 * ENTRIES // (8 * WRITERS)):
            file.write(b"SET k%d v\r\n" % (number % 100))
            file.flush()
            assert file.readline() == b"+OK\r\n"


async def ends(node: RealNode) -> tuple[int, str]:
    """The exit status of a node that ends by itself, and the last line that it says."""
    assert node._process is not None
    status = await asyncio.to_thread(node._process.wait, PATIENCE_S)
    node._process = None
    return status, node.log.read_text().splitlines()[-1]


def test_a_node_whose_folder_holds_another_state_stops_says_so_and_is_replaced(tmp_path: Path) -> None:
    """At the first comparison, again when it is started again, and no more with an empty folder; the others serve."""

    async def test() -> None:
        async with real_cluster(tmp_path) as cluster:
            assert (await cluster.ask(1, "SET", "paid", "100")).startswith(b"+OK")
            await fill(cluster)
            assert all([(await cluster.ask(number, "GET", "paid")) == b"$3\r\n100\r\n" for number in cluster.nodes])
            for node in cluster.nodes.values():
                node.stop()
            await damage(tmp_path, 3)
            # Who differs stops as soon as it has heard a majority, which may be before another has heard it.
            for number in (1, 3):
                cluster.nodes[number].start()
            await cluster.info_has(1, b"raft_notice_state:the applied state at entry")
            cluster.nodes[2].start()
            status, line = await ends(cluster.nodes[3])
            assert (status, f"the applied state at entry {ENTRIES} is another here than at a majority" in line) == (
                1,
                True,
            )
            assert "`quorate replace`" in line
            for number in (1, 2):
                assert await cluster.ask(number, "GET", "paid") == b"$3\r\n100\r\n"
            cluster.nodes[3].start()
            assert (await ends(cluster.nodes[3])) == (status, line)

            (tmp_path / "node3").rename(tmp_path / "wrong")
            assert (await cluster.nodes[3].replaced())[0] == 0
            cluster.nodes[3].start()
            await cluster.all_serve()
            assert await cluster.ask(3, "GET", "paid") == b"$3\r\n100\r\n"

    asyncio.run(test())
