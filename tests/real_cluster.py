"""Servers that are real processes on loopback, and what can happen to them: kill -9, SIGSTOP, and cut cables.

Every server reaches every other through a small proxy of its own, so that each direction of each pair can be cut.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import Self, TypeVar

from patience import PATIENCE_S

QUORATE = str(Path(sys.executable).parent / "quorate")
MODEL_CHECK = str(Path(sys.executable).parent / "model-check")
# On a busy machine, too, a leader that lives leads on: by default another server stands after 0.3 s.
STEADY = ("--heartbeat-ms", "200", "--election-timeout-ms", "1500")
# Who can't be answered hears it soon: by default after 5 s.
IMPATIENT = (*STEADY, "--request-timeout-ms", "2500")


def own_ports() -> range:
    """The ports of this worker of pytest-xdist, so that no other takes one that a node isn't at yet, or comes back to.

    No outgoing connection is given one of them; those are above.
    """
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    each = 17_000 // int(count)
    first = 15_000 + int(worker.removeprefix("gw")) * each
    return range(first, first + each)


def free_ports(count: int) -> list[int]:
    """Distinct ports of this worker that nobody listened on a moment ago."""
    ports: set[int] = set()
    while len(ports) < count:
        port = SystemRandom().choice(own_ports())
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.add(port)
    return list(ports)


def free_ports_in_a_row(count: int) -> int:
    """The first of so many ports in a row, each as those of `free_ports`."""
    for _ in range(100):
        (port,) = free_ports(1)
        with ExitStack() as sockets, suppress(OSError):
            for offset in range(count):
                sockets.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return port
    raise AssertionError(f"no {count} free ports in a row")


class Cable:
    """One direction of one pair: connections that `source` opens to `dest` go through it."""

    def __init__(self, target: int) -> None:
        """Lead to the port `target`; it is open from `start` on."""
        self._target = target
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None] | None] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break off all connections, and those that come."""
        self._whole = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    async def close(self) -> None:
        """Stop listening."""
        self.cut()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*(handler for handler in self._handlers if handler is not None))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, there_writer}
        self._handlers.add(asyncio.current_task())
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, there_writer))
                pumps.create_task(_pump(there_reader, writer))
        finally:
            self._ends -= {writer, there_writer}
            self._handlers.discard(asyncio.current_task())
            writer.transport.abort()
            there_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class RealNode:
    """One `quorate serve` process, now or between two starts."""

    def __init__(self, number: int, port: int, command: list[str], log: Path) -> None:
        """Say how to start it; `port` is for clients."""
        self.number = number
        self.port = port
        self.log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is None:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it at once, as a crash does; if it has ended by itself, nobody had said that it would (see `ended`)."""
        if self._process is not None:
            status = self._process.poll()
            self._process.kill()
            self._process.wait()
            self._process = None
            assert status is None, self._how_it_ended(status)

    def pause(self) -> None:
        """Stop its clock."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(PATIENCE_S)
        self._process = None
        return status

    def ended(self) -> int:
        """Wait until it ends by itself, and return its exit status."""
        assert self._process is not None
        status = self._process.wait(PATIENCE_S)
        self._process = None
        return status

    def end(self) -> None:
        """Have it end in order, if it runs."""
        if self._process is not None:
            status = self.stop()
            assert status == 0, self._how_it_ended(status)

    def _how_it_ended(self, status: int) -> str:
        return f"node {self.number} ended with {status}; its log ends:\n{self.log.read_text()[-10_000:]}"

    async def replaced(self) -> tuple[int, str]:
        """`quorate replace` with the options of this node: its exit status, and what it says."""
        command = [QUORATE, "replace", *self._command[2:]]
        ended = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr.splitlines()[-1] if ended.stderr else ended.stdout


class RealCluster:
    """Nodes and the cables between them; `traces` holds a trace of each."""

    def __init__(self, folder: Path, options: Iterable[str] = (), count: int = 3) -> None:
        """Keep all files in `folder`; `options` go to every node, of which there are `count`."""
        self._count = count
        self.traces = folder / "traces"
        self._folder = folder
        self._options = tuple(options)
        self.nodes: dict[int, RealNode] = {}
        self.cables: dict[tuple[int, int], Cable] = {}

    async def start(self) -> Self:
        """Start all."""
        self.traces.mkdir()
        members = tuple(range(1, self._count + 1))
        ports = dict(zip(members, free_ports(self._count), strict=True))
        clients = dict(zip(members, free_ports(self._count), strict=True))
        for source in members:
            for dest in members:
                if source != dest:
                    self.cables[source, dest] = Cable(ports[dest])
                    await self.cables[source, dest].start()
        for me in members:
            addresses = {other: ports[me] if other == me else self.cables[me, other].port for other in members}
            self.nodes[me] = RealNode(
                me, clients[me], self._command(me, addresses, clients[me]), self._folder / f"node{me}.log"
            )
            self.nodes[me].start()
        return self

    def _command(self, me: int, addresses: dict[int, int], port: int) -> list[str]:
        peers = [part for number, at in addresses.items() for part in ("--peer", f"{number}=127.0.0.1:{at}")]
        return [
            *(QUORATE, "serve", "--id", str(me), *peers, "--listen", f"127.0.0.1:{port}"),
            *("--data", str(self._folder / f"node{me}"), "--trace", str(self.traces / f"node{me}.ndjson")),
            *self._options,
        ]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients connect."""
        return [("127.0.0.1", node.port) for node in self.nodes.values()]

    def isolate(self, number: int) -> None:
        """Cut all cables of one node."""
        for pair, cable in self.cables.items():
            if number in pair:
                cable.cut()

    def mend(self) -> None:
        """Mend all cables."""
        for cable in self.cables.values():
            cable.mend()

    async def ask(self, number: int, *words: str) -> bytes:
        """One command on a connection of its own, and what comes back first; empty if nobody answers."""
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.nodes[number].port)
                try:
                    writer.write(request)
                    return await reader.read(65536)
                finally:
                    writer.transport.abort()
        return b""

    async def leader(self) -> int:
        """Wait until somebody says that it leads, and return its number."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for number in self.nodes:
                    if b"raft_role:leader" in await self.ask(number, "INFO"):
                        return number
                await asyncio.sleep(0.02)

    async def info_has(self, number: int, text: bytes) -> None:
        """Wait until a node's INFO says so."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in await self.ask(number, "INFO"):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)

    async def all_serve(self, *numbers: int) -> None:
        """Wait until each of these nodes, or of all if none is given, acknowledges a write."""
        for number in numbers or self.nodes:
            await self.acknowledges(number, "SET", "ready", "yes")

    async def acknowledges(self, number: int, *words: str) -> None:
        """Ask a node for a write until it answers OK."""
        async with asyncio.timeout(PATIENCE_S):
            while not (await self.ask(number, *words)).startswith(b"+OK"):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        """End everything at once."""
        async with AsyncExitStack() as stack:
            for cable in self.cables.values():
                stack.push_async_callback(cable.close)
            for node in self.nodes.values():
                stack.callback(node.kill)


AnyCluster = TypeVar("AnyCluster", bound=RealCluster)


@asynccontextmanager
async def real_cluster(folder: Path, options: Iterable[str] = (), count: int = 3) -> AsyncIterator[RealCluster]:
    """Nodes that serve, three if no other `count` is given, ended afterwards whatever happens."""
    async with serving(RealCluster(folder, options, count)) as cluster:
        yield cluster


@asynccontextmanager
async def serving(cluster: AnyCluster) -> AsyncIterator[AnyCluster]:
    """A cluster from when it serves, ended afterwards whatever happens."""
    try:
        await cluster.start()
        await cluster.all_serve()
        yield cluster
    finally:
        await cluster.close()
