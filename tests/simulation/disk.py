"""A disk that takes its time, and that a crash finds in the middle of things.

What it acknowledged is kept. The write under way when its node is killed is kept whole or lost whole, as a transaction
is. `FAULTS`: no room for a while, slowness, failure for good (with what was under way kept or lost), and, to see that
the checks notice, a disk that lies: it acknowledges first and writes later.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from random import Random

from quorate.raft import Durable, Persist, Snapshot
from quorate.runtime.interfaces import DiskFullError
from simulation.loop import Process, SimulatedLoop

SHARE_OF_SLOW_WRITES = 0.02
SLOW_WRITE_FACTOR = 20
SHARE_WITHIN_THE_CALL = 0.5
LIE_S = 0.2


@dataclass
class SimulatedDisk:
    """What one node keeps through all its crashes; `open` gives each run its own access.

    A write takes up to `write_s`. `watch` sees what each write makes of the disk. `former` is what was on disks
    that were lost.
    """

    loop: SimulatedLoop
    rng: Random
    write_s: float = 0.003
    lies: bool = False
    watch: Callable[[Durable], None] = lambda _: None
    durable: Durable = field(default_factory=Durable, init=False)
    former: list[Durable] = field(default_factory=list, init=False)
    slowness: float = field(default=1.0, init=False)
    full: bool = field(default=False, init=False)
    fails_next: bool = field(default=False, init=False)
    _under_way: list[tuple[Persist, ...]] = field(default_factory=list, init=False)

    def open(self, process: Process) -> "SimulatedStorage":
        """Return access for a run of the node, which must be the only one alive."""
        return SimulatedStorage(self, process)

    def begin(self, batch: tuple[Persist, ...]) -> float:
        """Take a batch; return how long it will take to write it."""
        assert self.lies or not self._under_way, "a write was begun before the one before it was done"
        assert batch, "a write of nothing was begun"
        self._under_way.append(batch)
        slow = self.rng.random() < SHARE_OF_SLOW_WRITES
        return self.write_s * self.rng.uniform(0.1, 1.0) * (SLOW_WRITE_FACTOR if slow else 1) * self.slowness

    def end(self) -> None:
        """Keep the oldest batch for good."""
        self.durable = reduce(Durable.after, self._under_way.pop(0), self.durable)
        self.watch(self.durable)

    def end_in_doubt(self) -> None:
        """Keep some of what is under way, from the oldest on, and lose the rest: a crash, or a disk that broke."""
        for _ in range(self.rng.randint(0, len(self._under_way))):
            self.end()
        self._under_way.clear()

    def wipe(self) -> None:
        """Lose everything."""
        self.former.append(self.durable)
        self.durable = Durable()
        self._under_way.clear()

    def lose(self) -> None:
        """Forget the batch under way: there was no room for it."""
        self._under_way.clear()


class SimulatedStorage:
    """One run's access to its disk (quorate.raft_server.interfaces.RaftStorage); dead when its process is."""

    def __init__(self, disk: SimulatedDisk, process: Process) -> None:
        """Made by `SimulatedDisk.open`."""
        self._disk = disk
        self._process = process

    def load(self) -> Durable:
        """Return what is on the disk."""
        return self._disk.durable

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin to write; where that is allowed, often be done before this returns."""
        loop = self._disk.loop
        future: asyncio.Future[None] = loop.create_future()
        if self._process.acts():
            took_s = self._disk.begin(tuple(batch))
            if may_block and not self._disk.lies and self._disk.rng.random() < SHARE_WITHIN_THE_CALL:
                self._end(future)
            elif self._disk.lies:
                loop.call_later(took_s + LIE_S, self._end_lie)
                loop.call_later(took_s, future.set_result, None)
            else:
                loop.call_later(took_s, self._end, future)
        return future

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Take a while; nothing that counts is written."""
        del snapshot
        disk, future = self._disk, self._disk.loop.create_future()
        if self._process.acts():
            full = DiskFullError("the simulated disk is full")
            end = partial(future.set_exception, full) if disk.full else partial(future.set_result, None)
            disk.loop.call_later(disk.write_s * disk.rng.uniform(0.1, 5.0) * disk.slowness, end)
        return future

    def _end(self, future: "asyncio.Future[None]") -> None:
        if self._disk.fails_next:
            self._disk.fails_next = False
            self._disk.end_in_doubt()
            future.set_exception(OSError("the simulated disk has failed"))
        elif self._disk.full:
            self._disk.lose()
            future.set_exception(DiskFullError("the simulated disk is full"))
        else:
            self._disk.end()
            # Here a crash finds it written and not acknowledged.
            if self._process.acts():
                future.set_result(None)

    def _end_lie(self) -> None:
        self._disk.end()

    def close(self) -> None:
        """Nothing is held open."""
