"""The end of a process that a command started."""

import asyncio
from contextlib import suppress


async def wait_or_kill(process: asyncio.subprocess.Process, patience_s: float) -> None:
    """Wait until a process that was told to end has ended; kill it if that takes longer than `patience_s`."""
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
