"""The longest pauses of the event loop, and of clients, while a server of a large store compacts its log.

    python benchmarks/large_store.py [--megabytes 200]

One server with a real disk compacts under a trickle of writes. Then another receives the same snapshot in chunks.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from time import perf_counter

from quorate.raft import Config, NodeId, Snapshot
from quorate.raft_server.chunks import digest_of
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.raft_server.messages import SnapshotChunk
from quorate.raft_server.settings import Settings
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.interfaces import Loss
from quorate.runtime.outcomes import Outcome
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import Batch, encode, encode_batch
from quorate.store.writes import Set

VALUE_BYTES = 1_000
CHUNK_BYTES = 1 << 20


class Nobody:
    """A network without peers (quorate.raft_server.interfaces.Transport)."""

    connected: frozenset[NodeId] = frozenset()

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Store the callbacks."""
        self.receive, self.lost = receive, lost

    def send(self, peer: NodeId, message: PeerMessage) -> bool:
        """Discard the message."""
        del peer, message
        return True

    def flush(self) -> None:
        """Do nothing: no message waits."""

    async def close(self) -> None:
        """Do nothing: no connection is open."""


class Stalls:
    """Measures the longest pause of the event loop."""

    def __init__(self) -> None:
        """Start measuring."""
        self.longest_s, self._last = 0.0, perf_counter()
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(0.001)
            now = perf_counter()
            self.longest_s, self._last = max(self.longest_s, now - self._last), now

    def close(self) -> None:
        """Stop measuring."""
        self._task.cancel()


async def write(server: RaftServer, payload: bytes) -> float:
    """Make one write and return its latency in seconds."""
    begin, done = perf_counter(), asyncio.get_running_loop().create_future()

    def answered(outcome: Outcome) -> None:
        done.set_result(outcome)

    server.submit(True, payload, answered)  # noqa: FBT003
    await done
    return perf_counter() - begin


async def until(condition: Callable[[], bool], server: RaftServer) -> float:
    """Write now and then until `condition()`; return the highest latency in seconds."""
    slowest = 0.0
    while not condition():
        slowest = max(slowest, await write(server, encode(Set(b"trickle", b"x"))))
        await asyncio.sleep(0.005)
    return slowest


async def compacting(folder: Path, megabytes: int) -> tuple[bytes, int]:
    """Fill a server and have it compact its log; return the snapshot and its index."""
    settings = Settings(snapshot_bytes=megabytes * 1_000_000, request_timeout_s=60.0)
    machine, storage = KeyValueMachine(), SqliteStorage.open(folder / "one.db", 1, (1,))
    server = RaftServer(
        settings,
        1,
        Config((1,), no_op=True),
        storage=storage,
        transport=Nobody(),
        machine=machine,
        rng=SystemRandom(),
    )
    await server.start()
    draws = SystemRandom()
    for first in range(0, megabytes * 1_000, 1_000):
        each = [encode(Set(b"key%d" % n, draws.randbytes(VALUE_BYTES))) for n in range(first, first + 1_000)]
        await write(server, encode_batch(Batch, each))
    stalls, begin = Stalls(), perf_counter()
    slowest = await until(lambda: server.status().snapshot_index > 0, server)
    took = perf_counter() - begin
    slowest = max(slowest, await until(lambda: perf_counter() > begin + took + 1.0, server))
    stalls.close()
    snapshot = server.state.snapshot
    assert snapshot is not None
    stall_ms, slowest_ms = stalls.longest_s * 1000, slowest * 1000
    print(f"compacting {len(snapshot.data) >> 20} MiB took {took:.2f} s; longest stall {stall_ms:.0f} ms")
    print(f"slowest of the writes meanwhile: {slowest_ms:.0f} ms")
    await server.stop()
    return snapshot.data, snapshot.last_included_index


async def receiving(folder: Path, data: bytes, index: int) -> None:
    """Install a snapshot on a server whose log is behind."""
    network, machine = Nobody(), KeyValueMachine()
    storage = SqliteStorage.open(folder / "two.db", 2, (1, 2, 3))
    config = Config((1, 2, 3), pre_vote=True, no_op=True)
    server = RaftServer(Settings(), 2, config, storage=storage, transport=network, machine=machine, rng=SystemRandom())
    await server.start()
    digest = digest_of(Snapshot(index, 1, data))
    stalls, begin = Stalls(), perf_counter()
    for offset in range(0, len(data), CHUNK_BYTES):
        part = data[offset : offset + CHUNK_BYTES]
        network.receive(1, SnapshotChunk(1, index, 1, len(data), digest, offset, part))
        await asyncio.sleep(0)
    while server.status().machine_index < index:  # noqa: ASYNC110  # an observer polls
        await asyncio.sleep(0.01)
    took = perf_counter() - begin
    stalls.close()
    print(f"receiving it took {took:.2f} s; longest stall {stalls.longest_s * 1000:.0f} ms")
    await server.stop()


async def main(megabytes: int) -> None:
    """Measure compaction, then the installation of the snapshot."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        data, index = await compacting(Path(folder), megabytes)
        await receiving(Path(folder), data, index)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main(parser.parse_args().megabytes)))
