"""What several AppendEntries under way at a time would bring: the core as it is, and with pipelining.patch, in turns.

    python benchmarks/pipelining.py [--ms 0 5] [--seconds 3]

Every message between two of the three durable servers passes a relay, which holds it for `--ms` in each direction.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cluster import CLIENTS, Node, free_ports, leader_of, running
from load import Load, run_load

HERE = Path(__file__).resolve().parent
SERVERS = (1, 2, 3)
ROUNDS = 2
GIT = shutil.which("git") or "git"
CHUNK = 1 << 16


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what arrives, in its order, each part `delay` seconds after it came, until one side ends."""
    loop = asyncio.get_running_loop()
    parts: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        with suppress(OSError):
            while part := await reader.read(CHUNK):
                parts.put_nowait((loop.time() + delay, part))
        parts.put_nowait((loop.time(), b""))

    reading = asyncio.create_task(read())
    with suppress(OSError):
        while (entry := await parts.get())[1]:
            await asyncio.sleep(max(0.0, entry[0] - loop.time()))
            writer.write(entry[1])
            await writer.drain()
    writer.close()
    reading.cancel()


async def relay(port: int, goal: int, delay: float) -> None:
    """Listen on `port`, and connect everyone who comes to `goal`."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", goal)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer, delay), carry(far_reader, writer, delay))

    await asyncio.start_server(accept, "127.0.0.1", port)


async def end_tasks() -> None:
    """End every other task of this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def slow_cluster(folder: Path, delay: float) -> Iterator[list[Node]]:
    """Run three nodes that reach each other through relays only."""
    ports = iter(free_ports(3 * len(SERVERS) + len(SERVERS) ** 2))
    own = {number: next(ports) for number in SERVERS}
    entrance = {(i, j): own[i] if i == j else next(ports) for i in SERVERS for j in SERVERS}
    loop = asyncio.new_event_loop()
    for (i, j), port in entrance.items():
        if i != j:
            loop.run_until_complete(relay(port, own[j], delay))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    nodes = [Node(i, [entrance[i, j] for j in SERVERS], next(ports), next(ports), folder) for i in SERVERS]
    with running(nodes):
        yield nodes
    asyncio.run_coroutine_threadsafe(end_tasks(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def measure(folder: Path, delay: float, seconds: float) -> list[Load]:
    """Return the load for each number of clients, all connected to the leader."""
    with slow_cluster(folder, delay) as nodes:
        leader = leader_of(nodes)
        run_load(leader.address, max(CLIENTS), 1)
        return [run_load(leader.address, clients, seconds) for clients in CLIENTS]


def main() -> None:
    """Measure both cores in turns and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ms", type=float, nargs="+", default=[0, 5], help="how long a link takes each way [0 5]")
    parser.add_argument("--seconds", type=float, default=3, help="for each number of clients [3]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        trees = {"one under way": folder / "as-it-is", "pipelined": folder / "pipelined"}
        for tree in trees.values():
            shutil.copytree(HERE.parent / "impl" / "quorate", tree / "impl" / "quorate")
        patch = (HERE / "pipelining.patch").read_bytes()
        subprocess.run([GIT, "apply"], input=patch, cwd=trees["pipelined"], check=True)  # noqa: S603
        for ms in arguments.ms:
            print(f"links of {ms:g} ms each way:")
            for turn in range(ROUNDS):
                for title, tree in trees.items():
                    os.environ["PYTHONPATH"] = str(tree / "impl")  # what the nodes run
                    (data := folder / f"{title}-{ms}-{turn}").mkdir()
                    for load in measure(data, ms / 1e3, arguments.seconds):
                        print(load.row(title), flush=True)


if __name__ == "__main__":
    main()
