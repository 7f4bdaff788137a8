"""`quorate demo`: a cluster of processes on this machine, and a view of its nodes."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quorate.cli.access import DEMO_HOST as HOST
from quorate.cli.access import DEMO_NODES, DEMO_NODES_OF_BFT, Access
from quorate.cli.demo_view import view_on
from quorate.cli.errors import DONE, CommandFailedError
from quorate.cli.keys import put_keys
from quorate.cli.output import console
from quorate.cli.table import Row
from quorate.node.config_values import Protocol
from quorate.runtime.addresses import Address, show_address
from quorate.runtime.keys import PUBLIC_NAME, secret_path
from quorate.runtime.paths import is_there

KEYS = "keys"
CLUSTER = "demo"
POLL_INTERVAL_S = 0.25
START_PATIENCE_S = 20.0
STOP_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Demo:
    """The options: the data's folder (a temporary one if None), the first port, how long to run, and the protocol."""

    data: Path | None
    port: int
    seconds: float | None
    protocol: Protocol

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the nodes: as many as the protocol needs to tolerate one failure."""
        return DEMO_NODES if self.protocol is Protocol.RAFT else DEMO_NODES_OF_BFT


class Process:
    """One node as a process; its configuration and its log are files beside its data."""

    def __init__(self, number: int, demo: Demo, folder: Path) -> None:
        """Write the configuration; `start` runs the node."""
        self.number = number
        self.address: Address = (HOST, demo.port + number - 1)
        self.log = folder / f"node{number}.log"
        self.configuration = folder / f"node{number}.toml"
        ids = demo.ids
        values = {
            "data": f"node{number}",
            "listen": show_address(self.address),
            "cluster": CLUSTER,
            "protocol": demo.protocol.value,
        }
        if demo.protocol is Protocol.BFT:
            secret = secret_path(Path(KEYS), number)
            values |= {"secret-key": str(secret), "public-keys": str(Path(KEYS, PUBLIC_NAME))}
        lines = [
            f"id = {number}",
            *(f'{key} = "{value}"' for key, value in values.items()),
            "[peers]",
            *(f'{other} = "{HOST}:{demo.port + len(DEMO_NODES_OF_BFT) + other - 1}"' for other in ids),
        ]
        self.configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._command = [sys.executable, "-m", "quorate.cli", "serve", "--config", str(self.configuration)]

    async def start(self) -> None:
        """Start the node in a session of its own, so that Ctrl-C reaches only the demo, which then stops its nodes."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The id of the process, also after its end."""
        return self._process.pid

    @property
    def end(self) -> str | None:
        """How the process ended, None while it runs."""
        status = self._process.returncode
        if status is None:
            return None
        return f"dead: {signal.Signals(-status).name}" if status < 0 else f"dead: exit status {status}"

    def last_log_line(self) -> str:
        """Return the last line of the node's log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "its log is empty"

    def ask_to_end(self) -> None:
        """Send SIGTERM, unless the process has ended."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def wait(self) -> None:
        """Wait until the process has ended; kill it if that takes too long."""
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def demo(options: Demo) -> int:
    """Run the nodes until Ctrl-C, SIGTERM, or the end of the time given."""
    with _folder(options) as folder:
        if options.protocol is Protocol.BFT and not _has_keys(folder / KEYS):
            put_keys(folder / KEYS, CLUSTER, options.ids)
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
    processes = [Process(number, options, folder) for number in options.ids]
    running: list[Process] = []
    try:
        for process in processes:
            await process.start()
            running.append(process)
        await _show(processes, folder, options.seconds, end)
    finally:
        for process in running:
            process.ask_to_end()
        await asyncio.gather(*(process.wait() for process in running))
    return DONE


async def _show(processes: list[Process], folder: Path, seconds: float | None, end: asyncio.Event) -> None:
    access = Access([process.address for process in processes])
    screen = console()
    rows = await _wait_for_all(access, processes, end)
    if end.is_set():
        return
    screen.print(_welcome(processes, folder), soft_wrap=True)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, end.set)
    with view_on(screen) as view:
        view.show(rows)
        while not end.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await end.wait()
            view.show(await _poll(access, processes))


def _welcome(processes: list[Process], folder: Path) -> str:
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
        "Ctrl-C ends all.\n"
    )


async def _wait_for_all(access: Access, processes: list[Process], end: asyncio.Event) -> list[Row]:
    """Wait until all nodes answer; raises CommandFailedError if one ends instead, or takes too long."""
    try:
        async with asyncio.timeout(START_PATIENCE_S):
            while True:
                rows = await _poll(access, processes)
                if end.is_set() or all(not isinstance(row.info, str) for row in rows):
                    return rows
                for process in processes:
                    if process.end is not None:
                        reason = process.last_log_line().removeprefix("quorate: ")
                        raise CommandFailedError(
                            f"node {process.number} didn't start: {reason} (--port and --data choose others)"
                        )
                await asyncio.sleep(POLL_INTERVAL_S / 4)
    except TimeoutError:
        raise CommandFailedError(f"the nodes didn't start within {START_PATIENCE_S:g} s") from None


async def _poll(access: Access, processes: list[Process]) -> list[Row]:
    return list(await asyncio.gather(*(_poll_node(access, process) for process in processes)))


async def _poll_node(access: Access, process: Process) -> Row:
    info = await access.info(process.address)
    if isinstance(info, str):
        info = process.end or info
    elif process.end is None and info.get("process_id") != str(process.pid):
        info = "another process answers"
    return Row(str(process.number), process.address, info)
