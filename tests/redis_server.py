"""A real redis-server on loopback, where one is installed, to compare with."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis

from front_support import command
from patience import PATIENCE_S

REDIS_SERVER = shutil.which("redis-server")


class Talker:
    """One connection, which says words and returns what is answered; errors as `error: …`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take both ends."""
        self.reader, self.writer = reader, writer
        self.parser = hiredis.Reader(replyError=lambda text: f"error: {text}")

    async def replies(self, *requests: list[bytes | str | int]) -> list[object]:
        """Send all at once and return the replies."""
        self.writer.write(b"".join(command(*words) for words in requests))
        found: list[object] = []
        while len(found) < len(requests):
            reply = self.parser.gets()
            if reply is False:
                data = await self.reader.read(1 << 20)
                assert data, "the server has closed the connection"
                self.parser.feed(data)
            else:
                found.append(reply)
        return found


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[Path]:
    """Have a server at a socket in `folder`; yields the socket's path."""
    assert REDIS_SERVER is not None
    path = folder / "redis"
    process = await asyncio.create_subprocess_exec(
        *(REDIS_SERVER, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_unix_connection(str(path))
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    break
        yield path
    finally:
        process.kill()
        await process.wait()
