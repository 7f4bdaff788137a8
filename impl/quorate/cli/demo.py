"""`quorate demo`: a cluster of processes on this machine, and a view of its nodes."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quorate.cli.access import DEMO_NODES_OF_BFT, Access
from quorate.cli.demo_cluster import CLUSTER, HELP, KEYS, Cluster, changes_by_keys
from quorate.cli.demo_process import Process
from quorate.cli.demo_view import view_on
from quorate.cli.errors import DONE, CommandFailedError
from quorate.cli.keys import put_keys
from quorate.cli.output import console
from quorate.cli.table import Row
from quorate.node.config_values import Protocol
from quorate.runtime.addresses import show_address
from quorate.runtime.keys import PUBLIC_NAME
from quorate.runtime.paths import is_there

POLL_INTERVAL_S = 0.25
START_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Demo:
    """The options: the data's folder (a temporary one if None), the first port, how long to run, and the protocol."""

    data: Path | None
    port: int
    seconds: float | None
    protocol: Protocol


def demo(options: Demo) -> int:
    """Run the nodes until Ctrl-C, SIGTERM, or the end of the time given."""
    with _folder(options) as folder:
        if options.protocol is Protocol.BFT and not _has_keys(folder / KEYS):
            put_keys(folder / KEYS, CLUSTER, DEMO_NODES_OF_BFT)
        return asyncio.run(_demo(options, folder))


def _has_keys(folder: Path) -> bool:
    try:
        return is_there(folder / PUBLIC_NAME)
    except OSError as error:
        raise CommandFailedError(f"--data: {folder} can't be read: {error.strerror}") from error


@contextmanager
def _folder(options: Demo) -> Iterator[Path]:
    if options.data is None:
        with tempfile.TemporaryDirectory(prefix="quorate-demo-") as folder:
            yield Path(folder)
        return
    try:
        options.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailedError(f"--data {options.data}: {error.strerror}") from error
    yield options.data


async def _demo(options: Demo, folder: Path) -> int:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    cluster = Cluster(folder, options.port, options.protocol)
    try:
        await cluster.start()
        await _show(cluster, options.seconds, end)
    finally:
        await cluster.stop()
    return DONE


async def _show(cluster: Cluster, seconds: float | None, end: asyncio.Event) -> None:
    screen = console()
    rows = await _wait_for_all(cluster, end)
    if end.is_set():
        return
    screen.print(_welcome(cluster), soft_wrap=True)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, end.set)
    with view_on(screen) as view, changes_by_keys(cluster, lambda text: screen.print(text, soft_wrap=True)):
        view.show(rows)
        while not end.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await end.wait()
            view.show(await _poll(cluster))


def _welcome(cluster: Cluster) -> str:
    processes, folder = cluster.processes, cluster.folder
    first, *_, last = processes
    pids = ", ".join(f"{process.pid} is node {process.number}" for process in processes)
    addresses = " ".join(show_address(process.address) for process in processes)
    return (
        f"{len(processes)} nodes serve; their data and logs are in {folder}. In another terminal:\n"
        f"  redis-cli -p {first.address[1]} SET greeting hello\n"
        f"  redis-cli -p {last.address[1]} GET greeting\n"
        f"  quorate status {addresses}\n"
        f"  kill -9 {first.pid}     ({pids})\n"
        f"  quorate serve --config {first.configuration}     (starts node {first.number} again)\n"
        f"{HELP if cluster.can_change else ''}Ctrl-C ends all.\n"
    )


async def _wait_for_all(cluster: Cluster, end: asyncio.Event) -> list[Row]:
    """Wait until all nodes answer; raises CommandFailedError if one ends instead, or takes too long."""
    try:
        async with asyncio.timeout(START_PATIENCE_S):
            while True:
                rows = await _poll(cluster)
                if end.is_set() or all(not isinstance(row.info, str) for row in rows):
                    return rows
                for process in cluster.processes:
                    if process.end is not None:
                        reason = process.last_log_line().removeprefix("quorate: ")
                        raise CommandFailedError(
                            f"node {process.number} didn't start: {reason} (--port and --data choose others)"
                        )
                await asyncio.sleep(POLL_INTERVAL_S / 4)
    except TimeoutError:
        raise CommandFailedError(f"the nodes didn't start within {START_PATIENCE_S:g} s") from None


async def _poll(cluster: Cluster) -> list[Row]:
    return list(await asyncio.gather(*(_poll_node(process) for process in cluster.processes)))


async def _poll_node(process: Process) -> Row:
    info = await Access([process.address]).info(process.address)
    if isinstance(info, str):
        info = process.end or info
    elif process.end is None and info.get("process_id") != str(process.pid):
        info = "another process answers"
    return Row(str(process.number), process.address, info)
