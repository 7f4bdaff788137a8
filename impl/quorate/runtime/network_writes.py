"""Where bytes are given to a connection: the only place that writes to a transport of the event loop.

A connection that is closing takes no more. asyncio leaves it open what a write then does: the `writelines` of Python
3.12 and 3.13 fails (cpython#136234), other writes are logged as errors after the fifth. Here it is dropped in silence,
on every Python; the protocol hears of the end from `connection_lost`. Nor does that `writelines` tell the
protocol that much waits (`pause_writing`), so parts are joined first, as 3.11 does.
"""

import asyncio
from collections.abc import Sequence


def write(transport: asyncio.WriteTransport, data: bytes) -> None:
    """Let these bytes leave, unless the connection is closing."""
    if not transport.is_closing():
        transport.write(data)


def write_all(transport: asyncio.WriteTransport, parts: Sequence[bytes | memoryview]) -> None:
    """Let these bytes leave, one part after another and together, unless the connection is closing."""
    write(transport, b"".join(parts))
