"""A write of one entry costs little more than its one fsync, and entries in batches cost microseconds each.

    python benchmarks/storage_write.py

The bare fdatasync, measured in turns with the writes, overwrites as many bytes as SQLite's write-ahead log does for one
entry, in a file of the same directory. `commit` is the part of a write that waits for the disk; the rest prepares the
write and wakes a thread and the event loop.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from quorate.raft import Entry, Persist
from quorate.raft_server.storage import SqliteStorage

ENTRY = Entry(1, b"SET key value " + b"x" * 86)
FRAME = bytes(24 + 4096)
ROUNDS, TURN = 20, 100
BATCH, BATCHES = 256, 400


async def write_seconds(storage: SqliteStorage, count: int, size: int) -> list[float]:
    """Return the seconds of each of `count` writes of `size` entries at the end of the log."""
    seconds, first = [], storage.load().log.last_index + 1
    for number in range(count):
        begin = perf_counter()
        await storage.write([Persist(1, None, first + number * size, (ENTRY,) * size)])
        seconds.append(perf_counter() - begin)
    return seconds


def fdatasync_seconds(descriptor: int, count: int) -> list[float]:
    """Return the seconds of each of `count` durable overwrites."""
    seconds = []
    for number in range(count):
        begin = perf_counter()
        os.pwrite(descriptor, FRAME, number * len(FRAME))
        os.fdatasync(descriptor)
        seconds.append(perf_counter() - begin)
    return seconds


def show(name: str, seconds: list[float]) -> None:
    """Print the median and the 99th percentile."""
    cuts = quantiles(seconds, n=100)
    print(f"{name:<32}  {cuts[49] * 1e6:>9.0f}  {cuts[98] * 1e6:>9.0f}")


def measure(directory: Path) -> None:
    """Print the table."""
    commits: list[float] = []
    storage = SqliteStorage.open(directory / "node.db", 1, (1, 2, 3), commits.append)
    with (directory / "bare").open("w+b", buffering=0) as file:
        fdatasync_seconds(file.fileno(), TURN)  # the first time, the file grows
        bare, ones = [], []
        for _ in range(ROUNDS):
            bare += fdatasync_seconds(file.fileno(), TURN)
            ones += asyncio.run(write_seconds(storage, TURN, 1))
    print(f"{'':<32}  {'median µs':>9}  {'99 % µs':>9}")
    show("bare fdatasync", bare)
    show("write of one entry", ones)
    show("  of which commit", commits)
    batches = asyncio.run(write_seconds(storage, BATCHES, BATCH))
    show(f"write of {BATCH} entries", batches)
    print(f"{BATCHES * BATCH / sum(batches):,.0f} entries/s in batches of {BATCH}")
    begin = perf_counter()
    entries = storage.load().log.last_index
    print(f"{perf_counter() - begin:.2f} s to load {entries:,} entries")
    storage.close()


def main() -> None:
    """Measure the disk of the current directory; the directory for temporary files may be in memory."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        measure(Path(directory))


if __name__ == "__main__":
    main()
