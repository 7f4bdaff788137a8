"""`quorate demo`: a cluster of processes on this machine, and a view of its nodes."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quorate.bft_server.codec import CODEC as BFT_CODEC
from quorate.cli.access import DEMO_HOST, DEMO_NODES_OF_BFT, Access
from quorate.cli.demo_cluster import CLUSTER, HELP, KEYS, Cluster, changes_by_keys
from quorate.cli.demo_process import Process
from quorate.cli.demo_view import view_on
from quorate.cli.demo_web.passing import Passing
from quorate.cli.demo_wires import PORTS, Wires
from quorate.cli.errors import DONE, CommandFailedError
from quorate.cli.keys import put_keys
from quorate.cli.output import console
from quorate.cli.page_options import PageOptions
from quorate.cli.table import Row
from quorate.node.config_values import Protocol
from quorate.raft_server.wire import CODEC as RAFT_CODEC
from quorate.runtime.addresses import show_address
from quorate.runtime.keys import PUBLIC_NAME
from quorate.runtime.paths import is_there

POLL_INTERVAL_S = 0.25
START_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Demo:
    """The options: the data's folder (a temporary one if None), the first port, how long to run, and the protocol.

    `page` is how to show a page, None for none.
    """

    data: Path | None
    port: int
    seconds: float | None
    protocol: Protocol
    page: PageOptions | None = None


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
    traces = wires = passing = None
    if options.page is not None:
        traces = _trace_folder(folder)
    if options.page is not None and options.protocol is Protocol.RAFT:
        wires = Wires(DEMO_HOST, folder, RAFT_CODEC.protocol)
    elif options.page is not None:
        passing = Passing()
        wires = Wires(DEMO_HOST, folder, BFT_CODEC.protocol, passing.listen)
    elif is_there(folder / PORTS) and options.protocol is Protocol.RAFT:  # its log says that nodes are there
        wires = Wires(DEMO_HOST, folder, RAFT_CODEC.protocol)
    cluster = Cluster(folder, options.port, options.protocol, traces, wires)
    try:
        await cluster.start()
        async with _page(options.page, cluster, passing, end) as show_on_page:
            await _show(cluster, options.seconds, end, show_on_page)
    finally:
        await cluster.stop()
    return DONE


def _trace_folder(folder: Path) -> Path:
    """Return an empty folder for traces: those of an earlier demo would be judged again, and are removed."""
    traces = folder / "traces"
    try:
        traces.mkdir(exist_ok=True)
        for file in traces.glob("*.ndjson"):
            file.unlink()
    except OSError as error:
        raise CommandFailedError(f"--data: {traces} can't be emptied: {error.strerror}") from error
    return traces


@asynccontextmanager
async def _page(
    options: PageOptions | None, cluster: Cluster, passing: Passing | None, end: asyncio.Event
) -> AsyncIterator[Callable[[list[Row]], None]]:
    """Serve a page, if one is wanted; what this yields shows the nodes' INFO on it."""
    if options is None:
        yield lambda _: None
        return
    # The page needs an extra, which the view on the terminal doesn't.
    from quorate.cli.demo_web.page import served  # noqa: PLC0415
    from quorate.cli.demo_web.watch import Watch  # noqa: PLC0415

    watch = Watch(cluster, passing)
    async with served(watch, options, end):
        yield watch.take_rows


async def _show(
    cluster: Cluster, seconds: float | None, end: asyncio.Event, show_on_page: Callable[[list[Row]], None]
) -> None:
    screen = console()
    rows = await _wait_for_all(cluster, end)
    if end.is_set():
        return
    screen.print(_welcome(cluster), soft_wrap=True)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, end.set)
    with view_on(screen) as view, changes_by_keys(cluster, lambda text: screen.print(text, soft_wrap=True)):
        while not end.is_set():
            view.show(rows)
            show_on_page(rows)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await end.wait()
            rows = await _poll(cluster)


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
