"""Writes to connections: the only module that writes to a transport of the event loop.

A closing connection takes no more bytes. asyncio doesn't define what a write then does: the `writelines` of Python 3.12
and 3.13 fails (cpython#136234), other writes are logged as errors after the fifth. Here they are dropped silently, on
every Python; `connection_lost` tells the protocol of the end. That `writelines` also doesn't call `pause_writing` when
much waits, so parts are joined first, as 3.11 does.
"""

import asyncio
from collections.abc import Sequence


def write(transport: asyncio.WriteTransport, data: bytes) -> None:
    """Write these bytes, unless the connection is closing."""
    if not transport.is_closing():
        transport.write(data)


def write_all(transport: asyncio.WriteTransport, parts: Sequence[bytes | memoryview]) -> None:
    """Write these parts as one, unless the connection is closing."""
    write(transport, b"".join(parts))
