"""A node serves whatever its supervisor does with its streams, and after whatever its supervisor sends."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from patience import PATIENCE_S, PROGRAM_S
from quorate.cli.access import Access
from quorate.client.client import Client
from real_cluster import QUORATE, free_ports

# What a shell does before it becomes the node.
STREAMS = {
    "no standard output": ">&-",
    "no stream at all": "<&- >&- 2>&-",
    "standard output on a full disk": ">/dev/full",
    "both on a full disk": ">/dev/full 2>/dev/full",
    "nobody reads": ">&3 2>&3",  # a pipe whose other end is closed
    "a trace on a full disk": ">/dev/null",
}


@contextmanager
def node(folder: Path, redirections: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A node that is a whole cluster, and its port for clients."""
    port, peer = free_ports(2)
    serve = [QUORATE, "serve", "--id", "1", "--peer", f"1=127.0.0.1:{peer}", "--listen", f"127.0.0.1:{port}"]
    read, write = os.pipe()
    os.close(read)
    shell = ["bash", "-c", f'exec "$@" {redirections.replace("&3", f"&{write}")}', "bash"]
    process = subprocess.Popen([*shell, *serve, "--data", str(folder / "data"), *options], pass_fds=[write])
    os.close(write)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def store(port: int, key: str) -> None:
    """Have it acknowledge a write, as soon as it serves."""

    async def write() -> None:
        async with Client([("127.0.0.1", port)], timeout_s=PATIENCE_S) as client:
            await client.set(key, b"kept")

    asyncio.run(write())


def held(port: int, key: str) -> bytes | None:
    """What it holds, as soon as it serves."""

    async def read() -> bytes | None:
        async with Client([("127.0.0.1", port)], timeout_s=PATIENCE_S) as client:
            return await client.get(key)

    return asyncio.run(read())


def info(port: int) -> dict[str, str]:
    """What it says of itself."""
    found = asyncio.run(Access([("127.0.0.1", port)]).info(("127.0.0.1", port)))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("streams", STREAMS)
def test_a_node_serves_whatever_becomes_of_its_streams(tmp_path: Path, streams: str) -> None:
    """It ends with status 0 when it is asked to, and the next start has what it acknowledged."""
    options = ["--trace", "/dev/full"] if "trace" in streams else []
    with node(tmp_path, STREAMS[streams], *options) as (process, port):
        store(port, "key")
        assert info(port)["raft_trace_lost"] == str(int("trace" in streams))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    with node(tmp_path, ">/dev/null") as (_, port):
        assert held(port, "key") == b"kept"


def test_sighup_opens_the_trace_anew(tmp_path: Path) -> None:
    """As what keeps files small expects, and closing terminals don't end it; its folder was made."""
    trace, moved = tmp_path / "traces" / "n1.ndjson", tmp_path / "traces" / "n1.ndjson.1"
    with node(tmp_path, ">/dev/null", "--trace", str(trace)) as (process, port):
        store(port, "key")
        trace.rename(moved)
        process.send_signal(signal.SIGHUP)
        store(port, "other")
        assert held(port, "other") == b"kept"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert moved.read_bytes().startswith(b'{"line":"boot"')
    assert trace.read_bytes().startswith(b'{"line":"part"')
    check = subprocess.run(
        [str(Path(QUORATE).parent / "model-check"), "trace", str(trace.parent)], timeout=PROGRAM_S, check=False
    )
    assert check.returncode == 0
