"""Real drivers in one event loop whose time passes at once, with disks and wires that do as a test says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from patience import PATIENCE_S
from quorate.raft import Durable, NodeId, Persist, Role, Snapshot
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.raft_server.settings import Settings, served_config
from quorate.runtime.interfaces import DiskFullError, Loss
from quorate.runtime.outcomes import Outcome
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import encode
from quorate.store.writes import Set

WRITE_S, WIRE_S = 0.001, 0.001
MEMBERS = (1, 2, 3)


@dataclass
class Disk:
    """A write takes `write_s`, one with a snapshot `snapshot_s` more; a disk that is `stalled` ends none.

    It has room for one snapshot that is staged, or for none; `whole` are those that were written without being there.
    """

    write_s: float = WRITE_S
    snapshot_s: float = 0.0
    stalled: bool = False
    has_room: bool = True
    snapshots: int = 0
    staged: Snapshot | None = None
    attempts: list[Snapshot] = field(default_factory=list)
    whole: list[Snapshot] = field(default_factory=list)

    def load(self) -> Durable:
        """Nothing is on it."""
        return Durable()

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin."""
        del may_block
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        snapshots = [persist.snapshot for persist in batch if persist.snapshot is not None]
        whole = [snapshot for snapshot in snapshots if snapshot is not self.staged]
        self.whole += whole
        if whole and not self.has_room:
            future.set_exception(DiskFullError("no room"))
            return future
        has_snapshot = bool(snapshots)
        self.snapshots += has_snapshot
        if not self.stalled:
            loop.call_later(self.write_s + has_snapshot * self.snapshot_s, _end, future)
        return future

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Take as long as a write of it, beside others."""
        self.staged = None
        self.attempts.append(snapshot)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not self.has_room:
                future.set_exception(DiskFullError("no room"))
                return
            self.staged = snapshot
            future.set_result(None)

        if not self.stalled:
            loop.call_later(self.write_s + self.snapshot_s, end)
        return future

    def close(self) -> None:
        """Nothing is open."""


def _end(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


@dataclass
class Wire:
    """One server's network; what `passes` refuses is lost on its way, and all else takes `takes_s(peer)`."""

    me: NodeId
    wires: "dict[NodeId, Wire]"
    passes: Callable[[NodeId, PeerMessage], bool] = lambda _, __: True
    takes_s: Callable[[NodeId], float] = lambda _: WIRE_S
    connected: frozenset[NodeId] = frozenset(MEMBERS)
    sent: list[tuple[NodeId, PeerMessage]] = field(default_factory=list)

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Listen."""
        self.receive, self.lost = receive, lost

    def send(self, peer: NodeId, message: PeerMessage) -> bool:
        """Arrive a moment later, in the order of sending."""
        self.sent.append((peer, message))
        if self.passes(peer, message):
            asyncio.get_running_loop().call_later(self.takes_s(peer), self._arrive, self.wires[peer], message)
        return True

    def _arrive(self, there: "Wire", message: PeerMessage) -> None:
        there.receive(self.me, message)

    def flush(self) -> None:
        """All has left."""

    async def close(self) -> None:
        """End the connections: each peer notes it after all that was sent to it."""
        for peer in self.connected:
            asyncio.get_running_loop().call_later(self.takes_s(peer), self._end_at, self.wires[peer])

    def _end_at(self, there: "Wire") -> None:
        there.connected -= {self.me}
        there.lost(self.me)


def _at_once(_: object, job: Callable[[], object]) -> "asyncio.Future[object]":
    future = asyncio.get_running_loop().create_future()
    future.set_result(job())
    return future


class Servers:
    """Servers, three by default, and what their clients were told."""

    def __init__(self, settings: Settings, members: tuple[NodeId, ...] = MEMBERS) -> None:
        """Made in the event loop."""
        self.settings = settings
        self.disks = {n: Disk() for n in members}
        self.wires: dict[NodeId, Wire] = {}
        self.wires.update({n: Wire(n, self.wires, connected=frozenset(members) - {n}) for n in members})
        self.machines = {n: KeyValueMachine() for n in members}
        self.outcomes: list[Outcome] = []
        self.by_id = {
            n: RaftServer(
                settings,
                n,
                served_config(members),
                storage=self.disks[n],
                transport=self.wires[n],
                machine=self.machines[n],
                rng=Random(n),
            )
            for n in members
        }

    async def start(self) -> RaftServer:
        """Start all; return the leader."""
        # Threads take time of their own.
        asyncio.get_running_loop().run_in_executor = _at_once  # type: ignore[method-assign, assignment]
        for server in self.by_id.values():
            await server.start()
        return await self.leader()

    async def leader(self) -> RaftServer:
        """Wait until one leads, and all know it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                statuses = [server.status() for server in self.by_id.values()]
                leaders = {status.leader_id for status in statuses}
                if len(leaders) == 1 and (leader := leaders.pop()) is not None:
                    return self.by_id[leader]
                await asyncio.sleep(0.01)

    @property
    def term(self) -> int:
        """The highest."""
        return max(server.status().term for server in self.by_id.values())

    @property
    def leaders(self) -> list[NodeId]:
        """Who thinks that it leads."""
        return [n for n, server in self.by_id.items() if server.status().role is Role.LEADER]

    def set(self, server: RaftServer, key: bytes, value: bytes) -> None:
        """Ask for a write."""
        server.submit(True, encode(Set(key, value)), self.outcomes.append)  # noqa: FBT003  # the driver's own form

    async def stop(self) -> None:
        """Stop all, however their disks are."""
        for server in self.by_id.values():
            server._halt()
