"""The wires between the founders of a demo: connections from one node to another lead through them, and can be cut.

Each node finds the others at the addresses in its file, which are those of its own wires. After the first change of the
members, nodes find each other by the addresses in the log, and the wires carry nothing any more.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from quorate.runtime.addresses import Address
from quorate.runtime.network_writes import write

_READ_BYTES: Final = 1 << 16

# Takes the bytes of a connection as they come.
Listener: TypeAlias = Callable[[bytes], None]


class Wire:
    """The connections that one node opens to another, whose address is `target`."""

    def __init__(self, target: Address, host: str, listen: Callable[[], Listener]) -> None:
        """Take a port of `host`; connections are accepted from `start` on.

        `listen` returns for each connection what takes the bytes that the connecting node sends.
        """
        self.is_cut = False
        self._target = target
        self._listen = listen
        self._socket = socket.create_server((host, 0))
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []

    @property
    def address(self) -> Address:
        """Where the connecting node finds the other one."""
        host, port = self._socket.getsockname()
        return host, port

    async def start(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._connect, sock=self._socket)

    def cut(self) -> None:
        """End all connections, and those that come until `mend`."""
        self.is_cut = True
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def close(self) -> None:
        """End all connections, and accept no more."""
        self.cut()
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if not self.is_cut:
                await self._join(reader, writer, *await asyncio.open_connection(*self._target))
        writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        self._ends += [writer, far_writer]
        try:
            if not self.is_cut:
                await asyncio.gather(_carry(reader, far_writer, self._listen()), _carry(far_reader, writer, _ignore))
        finally:
            self._ends = [end for end in self._ends if end not in {writer, far_writer}]
            far_writer.transport.abort()


def _ignore(_: bytes) -> None:
    """Take no note of what passes."""


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Listener) -> None:
    """Carry bytes from one connection to another until one of them ends; then end the other."""
    with suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            listener(data)
            write(writer.transport, data)
            await writer.drain()
    writer.transport.abort()


class Wires:
    """The wires of a demo, by the number of the node that connects and that of the other one."""

    def __init__(self, host: str, listen: Callable[[int, int], Listener] = lambda _source, _dest: _ignore) -> None:
        """Have no wires; `host` is that of all nodes.

        `listen` returns, for each connection from one node to another, what takes the bytes that the first one sends.
        """
        self._host = host
        self._listen = listen
        self._wires: dict[tuple[int, int], Wire] = {}

    def add(self, source: int, dest: int, target: Address) -> Address:
        """Return the address at which `source` finds `dest`, which listens at `target`."""
        wire = self._wires[source, dest] = Wire(target, self._host, lambda: self._listen(source, dest))
        return wire.address

    async def start(self) -> None:
        """Accept connections on all wires."""
        for wire in self._wires.values():
            await wire.start()

    def cut(self, one: int, other: int) -> None:
        """Cut the wires between two nodes, in both directions."""
        for wire in self._between(one, other):
            wire.cut()

    def mend(self, one: int, other: int) -> None:
        """Mend the wires between two nodes."""
        for wire in self._between(one, other):
            wire.mend()

    def pairs(self) -> list[tuple[int, int, bool]]:
        """Return each pair of nodes with wires between them, the lower number first, and whether these are cut."""
        return [(one, other, wire.is_cut) for (one, other), wire in sorted(self._wires.items()) if one < other]

    def close(self) -> None:
        """Close all wires."""
        for wire in self._wires.values():
            wire.close()

    def _between(self, one: int, other: int) -> list[Wire]:
        return [wire for pair, wire in self._wires.items() if set(pair) == {one, other}]
