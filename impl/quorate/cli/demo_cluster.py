"""The nodes of `quorate demo`: its founders, and those that come and go while it runs."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from quorate.cli.access import DEMO_HOST as HOST
from quorate.cli.access import DEMO_NODES, DEMO_NODES_OF_BFT, Access
from quorate.cli.demo_process import Process
from quorate.cli.demo_wires import Wires
from quorate.cli.errors import NO_ANSWER, CommandFailedError
from quorate.cli.members import request
from quorate.node.config_values import Protocol
from quorate.runtime.addresses import HIGHEST_PORT, Address, parse_address, show_address
from quorate.runtime.keys import PUBLIC_NAME, secret_path

Members: TypeAlias = dict[int, dict[str, Any]]

CLUSTER: Final = "demo"
KEYS: Final = "keys"
HELP: Final = "Type + and Enter for one node more, - and Enter for one less.\n"
CHANGE_PATIENCE_S: Final = 20.0
PAUSE_S: Final = 0.1
TRACE_BYTES: Final = 8 << 20
TRACE_PARTS: Final = 4
SNAPSHOT_BYTES: Final = 1 << 20
_GONE: Final = ".removed"  # behind the name of the configuration of a node that was removed


class Cluster:
    """The processes of a demo in a folder, which is used again by a later demo; the first ports are the founders'."""

    def __init__(
        self, folder: Path, port: int, protocol: Protocol, traces: Path | None = None, wires: Wires | None = None
    ) -> None:
        """Write the configurations of the founders.

        Nodes write traces to the folder `traces`, if given. With `wires`, which a page can cut, nodes connect through
        these, and disks can be slowed down.
        """
        self.folder = folder
        self.wires = wires
        self.traces = traces
        self.can_change = protocol is Protocol.RAFT
        self._port = port
        self._protocol = protocol
        self._founders = DEMO_NODES if self.can_change else DEMO_NODES_OF_BFT
        numbers = [number for number in self._founders if not self._was_removed(number)]
        self.processes = [self._process(number) for number in numbers]
        if self.wires is not None:
            for number in numbers:
                self.wires.add(number, self._address_for_nodes(number))
        for process in self.processes:
            self._configure(process)
        self.processes += [self._process(number) for number in self._joined()]
        if self.wires is not None:
            for number in self._joined():
                self.wires.add_former(number)
        self._running: list[Process] = []
        self._leader: int | None = None  # as far as a change of members has heard

    async def start(self) -> None:
        """Start all processes."""
        if self.wires is not None:
            await self.wires.start()
        for process in self.processes:
            await process.start()
            self._running.append(process)

    async def stop(self) -> None:
        """End all processes."""
        for process in self._running:
            process.ask_to_end()
        await asyncio.gather(*(process.wait() for process in self._running))
        if self.wires is not None:
            self.wires.close()

    def process(self, number: int) -> Process:
        """Return a node; raises CommandFailedError if there is none with this number."""
        for process in self.processes:
            if process.number == number:
                return process
        raise CommandFailedError(f"there is no node {number}")

    def trace(self, number: int) -> Path | None:
        """Return the file to which a node writes its trace, None if it writes none."""
        return None if self.traces is None else self.traces / f"node{number}.ndjson"

    async def grow(self) -> str:
        """Start a node, and make it a voter; return what has happened."""
        number = 1 + max([*self._founders, *self._numbers("node*.toml*")])
        if (port := self._address(number)[1]) > HIGHEST_PORT:
            raise CommandFailedError(f"there is no port {port} for another node: choose a lower --port")
        leader = self.process((await self._listed())["leader"])
        process = self._process(number)
        process.configure({"cluster": CLUSTER, "join": show_address(leader.address)})
        await process.start()
        self._running.append(process)
        self.processes = [*self.processes, process]
        async with asyncio.timeout(CHANGE_PATIENCE_S):
            while (info := await Access([process.address]).info(process.address)) and isinstance(info, str):
                if process.end is not None:
                    raise CommandFailedError(f"node {number} didn't start: {process.last_log_line()}")
                await asyncio.sleep(PAUSE_S)
            await self._change(lambda members: members.get(number, {}).get("role") == "voter", "PROMOTE", str(number))
            await self._connect_through_wires()
        return f"node {number} is a voter; it serves clients at {show_address(process.address)}"

    async def shrink(self) -> str:
        """Remove the latest node, and end it; return what has happened."""
        return await self.remove(self.processes[-1].number)

    async def remove(self, number: int) -> str:
        """Remove a node, and end it; return what has happened."""
        if len(self.processes) == 1:
            raise CommandFailedError("the last node can't be removed")
        process = self.process(number)
        async with asyncio.timeout(CHANGE_PATIENCE_S):
            await self._change(lambda members: number not in members, "REMOVE", str(number))
        self.processes = [each for each in self.processes if each is not process]
        process.configuration.rename(process.configuration.with_name(f"{process.configuration.name}{_GONE}"))
        process.ask_to_end()
        async with asyncio.timeout(CHANGE_PATIENCE_S):
            await self._connect_through_wires()
        if self.wires is not None:
            self.wires.remove(number)
        return f"node {number} is removed"

    async def _connect_through_wires(self) -> None:
        """Have the log say of each member that it is at its gate: there nodes find each other after a change."""
        if self.wires is None:
            return
        for number, member in (await self._members()).items():
            gate = self.wires.gate(number) or self.wires.add(number, parse_address(member["address"]))
            await self.wires.start()
            await self._change(_is_at(number, show_address(gate)), "ADDRESS", str(number), show_address(gate))

    async def _change(self, is_done: Callable[[Members], bool], *words: str) -> None:
        """Ask for a change until the members are as it leaves them: a request that was lost may have had its effect."""
        while not is_done(await self._members()):
            try:
                await request(self._everybody(), None, CHANGE_PATIENCE_S, *words)
            except CommandFailedError as error:
                if error.status != NO_ANSWER and "lags behind" not in str(error):
                    raise
                await asyncio.sleep(PAUSE_S)

    async def _members(self) -> Members:
        """Return the members by number, as the leader knows them."""
        return {member["id"]: member for member in (await self._listed())["members"]}

    async def _listed(self) -> dict[str, Any]:
        """Return what the leader says of itself and of the members."""
        reply = await request(self._everybody(), None, CHANGE_PATIENCE_S, "LIST")
        assert isinstance(reply, bytes), reply
        answer = json.loads(reply)
        self._leader = answer["leader"]
        return dict(answer)

    def _configure(self, process: Process) -> None:
        values = {"cluster": CLUSTER, "protocol": self._protocol.value}
        if self._protocol is Protocol.BFT:
            secret = secret_path(Path(KEYS), process.number)
            values |= {"secret-key": str(secret), "public-keys": str(Path(KEYS, PUBLIC_NAME))}
        peers = {number: self._address_for_nodes(number) for number in self._founders}
        if self.wires is not None:
            gates = {number: self.wires.gate(number) for number in self._founders if number != process.number}
            peers |= {number: gate for number, gate in gates.items() if gate is not None}
        process.configure(values, peers)

    def _address_for_nodes(self, founder: int) -> Address:
        return HOST, self._port + len(DEMO_NODES_OF_BFT) - 1 + founder

    def _process(self, number: int) -> Process:
        options: list[str] = []
        if (trace := self.trace(number)) is not None:
            # The trace of a start has the whole log, so the log is kept short.
            limits = {"trace-bytes": TRACE_BYTES, "trace-parts": TRACE_PARTS}
            limits |= {"snapshot-bytes": SNAPSHOT_BYTES} if self._protocol is Protocol.RAFT else {}
            options = ["--trace", str(trace), *(f"--{key}={value}" for key, value in limits.items())]
        return Process(number, self._address(number), self.folder, options, can_be_slow=self.wires is not None)

    def _address(self, number: int) -> Address:
        """Where a node serves clients; the founders' ports for each other come between."""
        between = 0 if number <= len(DEMO_NODES_OF_BFT) and number in self._founders else len(DEMO_NODES_OF_BFT)
        return HOST, self._port + number - 1 + between

    def _everybody(self) -> Access:
        """Return access to all nodes that can answer, the latest leader first.

        A request of a node that is paused or cut off takes the time of the others.
        """
        running = [each for each in self.processes if each.end is None and not each.is_paused]
        if not running:
            raise CommandFailedError("no node runs")
        return Access([each.address for each in sorted(running, key=lambda each: each.number != self._leader)])

    def _was_removed(self, number: int) -> bool:
        return number in self._numbers(f"node*.toml{_GONE}")

    def _joined(self) -> list[int]:
        return sorted(set(self._numbers("node*.toml")) - set(self._founders))

    def _numbers(self, pattern: str) -> list[int]:
        """The numbers in the names of files."""
        found = (re.match(r"node(\d+)\.", path.name) for path in self.folder.glob(pattern))
        return [int(name[1]) for name in found if name is not None]


def _is_at(number: int, address: str) -> Callable[[Members], bool]:
    return lambda members: number not in members or members[number]["address"] == address


@contextmanager
def changes_by_keys(cluster: Cluster, show: Callable[[str], None]) -> Iterator[None]:
    """Grow and shrink the cluster by the lines of standard input, if it is a terminal or a pipe."""
    loop, wanted = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        if not (data := os.read(descriptor, 1024)):
            loop.remove_reader(descriptor)
        for word in data.decode(errors="replace").split():
            wanted.put_nowait(word)

    async def change() -> None:
        while True:
            match await wanted.get():
                case "+":
                    show(await _outcome(cluster.grow()))
                case "-":
                    show(await _outcome(cluster.shrink()))
                case other:
                    show(f"{other!r}: type + or -")

    try:
        descriptor = sys.stdin.fileno()
        if cluster.can_change:
            loop.add_reader(descriptor, read)
    except (OSError, ValueError, AttributeError):  # a file, or none
        yield
        return
    changing = asyncio.ensure_future(change())
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        changing.cancel()


async def _outcome(change: Coroutine[Any, Any, str]) -> str:
    try:
        return await change
    except CommandFailedError as error:
        return f"not done: {error}"
    except TimeoutError:
        return f"not done within {CHANGE_PATIENCE_S:g} s"
