"""The wires between the nodes of a demo: all connections from one node to another lead through them, and can be cut.

Each node has a gate, where the others find it: in their files, and after a change of the members in the log. The first
bytes of a connection name the node that opens it. The ports of gates are written down, for they are in the log: a later
demo in the same folder opens the same gates.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Final, TypeAlias

from quorate.cli.errors import CommandFailedError
from quorate.runtime.addresses import Address
from quorate.runtime.network_writes import write
from quorate.runtime.paths import is_there
from quorate.runtime.transport.frames import HEADER_BYTES, WireError
from quorate.runtime.transport.hello import decode_hello

PORTS: Final = "wires.json"
LONGEST_HELLO: Final = 1 << 20  # bytes
_READ_BYTES: Final = 1 << 16

# Takes the bytes of a connection as they come.
Listener: TypeAlias = Callable[[bytes], None]


def pair_of(one: int, other: int) -> tuple[int, int]:
    """Return two nodes as a pair, the lower number first."""
    return min(one, other), max(one, other)


def ignore(_: bytes) -> None:
    """Take no note of what passes."""


class Wires:
    """The gates of nodes, and the connections through them, which end where a wire is cut."""

    def __init__(
        self,
        host: str,
        folder: Path,
        protocol: str,
        listen: Callable[[int, int], Listener] = lambda _source, _dest: ignore,
    ) -> None:
        """Have no gates; `host` is that of all nodes, `folder` that of the demo, `protocol` the name that nodes speak.

        `listen` returns, for each connection from one node to another, what takes the bytes that the first one sends.
        """
        self._host, self._file, self._protocol, self._listen = host, folder / PORTS, protocol, listen
        self._ports: dict[int, int] = {}
        self._former_targets: dict[int, Address] = {}
        if is_there(self._file):
            for node, (port, *target) in json.loads(self._file.read_text(encoding="utf-8")).items():
                self._ports[int(node)], self._former_targets[int(node)] = port, (target[0], target[1])
        self._targets: dict[int, Address] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._servers: dict[int, asyncio.Server] = {}
        self._cuts: set[tuple[int, int]] = set()
        self._ends: dict[tuple[int, int], list[asyncio.StreamWriter]] = {}

    def add(self, node: int, target: Address) -> Address:
        """Return the address of the gate of `node`, which listens at `target`; `start` opens it.

        Raises CommandFailedError if another program has its port.
        """
        try:
            gate = self._sockets[node] = socket.create_server((self._host, self._ports.get(node, 0)))
        except OSError as error:
            port = self._ports.get(node, 0)
            raise CommandFailedError(f"{self._file}: port {port} of node {node}: {error.strerror}") from error
        self._targets[node] = self._former_targets[node] = target
        self._ports[node] = gate.getsockname()[1]
        lines = {each: (self._ports[each], *address) for each, address in self._former_targets.items()}
        self._file.write_text(json.dumps(lines), encoding="utf-8")
        return self._host, self._ports[node]

    def add_former(self, node: int) -> None:
        """Open the gate of a node that had one in an earlier demo."""
        if node in self._former_targets:
            self.add(node, self._former_targets[node])

    def gate(self, node: int) -> Address | None:
        """Return the address of the gate of a node, None if it has none."""
        return (self._host, self._ports[node]) if node in self._targets else None

    async def start(self) -> None:
        """Open the gates that are new."""
        for node, gate in self._sockets.items():
            if node not in self._servers:
                self._servers[node] = await asyncio.start_server(partial(self._connect, node), sock=gate)

    def cut(self, one: int, other: int) -> None:
        """End all connections between two nodes, and those that come until `mend`."""
        self._cuts.add(pair := pair_of(one, other))
        for end in self._ends.get(pair, []):
            end.transport.abort()

    def mend(self, one: int, other: int) -> None:
        """Let connections between two nodes through again."""
        self._cuts.discard(pair_of(one, other))

    def remove(self, node: int) -> None:
        """Close the gate of a node, if it has one, and end all connections with it."""
        if node not in self._targets:
            return
        for pair, ends in self._ends.items():
            if node in pair:
                for end in ends:
                    end.transport.abort()
        del self._targets[node]
        if (server := self._servers.pop(node, None)) is not None:
            server.close()
        self._sockets.pop(node).close()

    def pairs(self) -> list[tuple[int, int, bool]]:
        """Return each pair of nodes, the lower number first, and whether the wires between them are cut."""
        return [(*pair, pair in self._cuts) for pair in combinations(sorted(self._targets), 2)]

    def close(self) -> None:
        """End all connections, and close all gates."""
        for node in list(self._targets):
            self.remove(node)

    async def _connect(self, dest: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, WireError, asyncio.IncompleteReadError):
            hello = await _first_frame(reader)
            source = decode_hello(hello[HEADER_BYTES:], self._protocol).source
            if pair_of(source, dest) not in self._cuts:
                await self._join(source, dest, hello, reader, writer)
        writer.transport.abort()

    async def _join(
        self, source: int, dest: int, hello: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._targets[dest])
        ends = self._ends.setdefault(pair_of(source, dest), [])
        ends += [writer, far_writer]
        try:
            if pair_of(source, dest) not in self._cuts:
                listener = self._listen(source, dest)
                listener(hello)
                write(far_writer.transport, hello)
                await asyncio.gather(_carry(reader, far_writer, listener), _carry(far_reader, writer, ignore))
        finally:
            ends.remove(writer)
            ends.remove(far_writer)
            far_writer.transport.abort()


async def _first_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the first frame of a connection, header included; raises WireError if it can't be a hello."""
    header = await reader.readexactly(HEADER_BYTES)
    length = int.from_bytes(header, "big")
    if length > LONGEST_HELLO:
        raise WireError("no hello is that long")
    return header + await reader.readexactly(length)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Listener) -> None:
    """Carry bytes from one connection to another until one of them ends; then end the other."""
    with suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            listener(data)
            write(writer.transport, data)
            await writer.drain()
    writer.transport.abort()
