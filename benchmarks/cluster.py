"""The same writes to three durable servers on this machine and to PySyncObj, which doesn't fsync, in one run.

    python benchmarks/cluster.py [--seconds 5]

Then the cost of a crash: the time until another leader takes writes, and the time in which a node catches up on 100,000
entries while the others serve. All data is in a temporary folder in the current directory.
"""

import argparse
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from random import SystemRandom
from time import perf_counter, sleep
from urllib.request import urlopen

from floor import Floor, floor
from load import Load, run_load, set_command

HERE = Path(__file__).parent
ELECTION_TIMEOUT_MS = 300
CLIENTS = (1, 16, 256)
ENTRIES = 100_000


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, below the range of outgoing connections."""
    ports: list[int] = []
    while len(ports) < count:
        port = SystemRandom().randrange(15_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return ports


class Node:
    """One `quorate serve` process."""

    def __init__(self, number: int, peers: list[int], port: int, metrics: int, folder: Path) -> None:
        """Prepare the command line that starts it."""
        self.address = ("127.0.0.1", port)
        self.metrics = f"127.0.0.1:{metrics}"
        self.log = folder / f"node{number}.log"
        members = [part for i, p in enumerate(peers, 1) for part in ("--peer", f"{i}=127.0.0.1:{p}")]
        self.command = [
            *(str(Path(sys.executable).parent / "quorate"), "serve", "--id", str(number), *members),
            *("--listen", f"127.0.0.1:{port}", "--data", str(folder / f"node{number}")),
            *("--election-timeout-ms", str(ELECTION_TIMEOUT_MS), "--metrics", self.metrics),
        ]

    def start(self) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)  # noqa: S603

    def kill(self) -> None:
        """Kill the process without warning, as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, command: bytes) -> bytes:
        """Send one command and return the first bytes of the reply; empty without a reply."""
        with suppress(OSError), socket.create_connection(self.address, timeout=10) as connection:
            words = command.split()
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
            connection.sendall(b"*%d\r\n%s" % (len(words), parts))
            return connection.recv(65536)
        return b""

    def info(self) -> dict[str, str]:
        """Return the fields of INFO; empty without a reply."""
        lines = self.ask(b"INFO").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def timed(self, name: str) -> tuple[float, int]:
        """Return the sum in seconds, and the count, of the node's histogram `name`."""
        with urlopen(f"http://{self.metrics}/metrics", timeout=10) as reply:
            page = reply.read().decode()
        total, count = (
            re.search(rf"^quorate_{name}_seconds_{part} (\S+)$", page, re.MULTILINE) for part in ("sum", "count")
        )
        assert total is not None
        assert count is not None
        return float(total[1]), int(float(count[1]))

    @property
    def applied(self) -> int:
        """The index of the last entry that the state machine has applied."""
        return int(self.info().get("raft_applied_index", "0"))


@contextmanager
def running(nodes: list[Node]) -> Iterator[None]:
    """Start `nodes`, wait until each serves writes, and kill them at the end of the context."""
    for node in nodes:
        node.start()
    try:
        for node in nodes:
            wait_for_write(node)
        yield
    finally:
        for node in nodes:
            node.kill()


@contextmanager
def cluster(folder: Path) -> Iterator[list[Node]]:
    """Run a Raft cluster of three nodes that serve writes."""
    ports = free_ports(9)
    nodes = [Node(number, ports[:3], ports[2 + number], ports[5 + number], folder) for number in (1, 2, 3)]
    with running(nodes):
        yield nodes


def wait_for_write(node: Node) -> None:
    """Return when `node` acknowledges a write."""
    deadline = perf_counter() + 30
    while not node.ask(b"SET ready yes").startswith(b"+OK"):
        if perf_counter() > deadline:
            sys.exit(f"no write succeeded within 30 s:\n{node.log.read_text()}")
        sleep(0.01)


def leader_of(nodes: list[Node]) -> Node:
    """Return the node that reports itself as the leader."""
    deadline = perf_counter() + 30
    while perf_counter() < deadline:
        for node in nodes:
            if node.info().get("raft_role") == "leader":
                return node
        sleep(0.02)
    sys.exit("no node leads")


def measure_quorate(folder: Path, seconds: float) -> list[Load]:
    """Return the measured load for each number of clients, all connected to the leader."""
    with cluster(folder) as nodes:
        leader = leader_of(nodes)
        run_load(leader.address, 16, 1)
        return [run_load(leader.address, clients, seconds) for clients in CLIENTS]


@dataclass(frozen=True, slots=True)
class OneWrite:
    """The latency of one client's write, and the lower bound that this machine sets for it; in seconds."""

    write: float  # as the client sees it, median
    commit: float  # from its arrival at the leader until it was applied, mean
    own_sync: float  # as the nodes see it meanwhile, mean
    floor: Floor

    def rows(self) -> str:
        """Return the latencies and their ratios in a few lines."""
        bare, trip = self.floor.replicated, self.floor.trip
        lines = [f"  one client's write: {_us(self.write)} us; its commit, at the leader: {_us(self.commit)} us"]
        for name, sync in (("a bare fdatasync", self.floor.sync), ("the nodes' own fsync", self.own_sync)):
            ratios = f"{self.write / (sync + trip):.1f} and {self.commit / (sync + trip):.1f} times"
            lines.append(f"    {ratios} {name} and one round trip ({_us(sync)} + {_us(trip)} us)")
        lines.append(
            f"    {self.commit / bare:.1f} times as long as in three processes that do nothing else ({_us(bare)} us)"
        )
        return "\n".join(lines)


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def measure_one(folder: Path, seconds: float) -> OneWrite:
    """Measure one client's latency, and the lower bound right before and after it."""
    with cluster(folder) as nodes:
        leader = leader_of(nodes)
        run_load(leader.address, 1, 1)
        floors = [floor(folder)]
        before = [leader.timed("commit"), *(node.timed("fsync") for node in nodes)]
        load = run_load(leader.address, 1, seconds)
        after = [leader.timed("commit"), *(node.timed("fsync") for node in nodes)]
        floors.append(floor(folder))
    commit, *syncs = ((a[0] - b[0], a[1] - b[1]) for a, b in zip(after, before, strict=True))
    mean = Floor(*(statistics.mean(each) for each in zip(*map(astuple, floors), strict=True)))
    own_sync = sum(total for total, _ in syncs) / sum(count for _, count in syncs)
    return OneWrite(load.median, commit[0] / commit[1], own_sync, mean)


def measure_pysyncobj(folder: Path, seconds: float, period: float) -> list[Load]:
    """Return the measured load of the same writes to three PySyncObj servers, by callbacks in the leader's process."""
    port = min(free_ports(3))
    command = [sys.executable, str(HERE / "pysyncobj_load.py")]
    processes = [
        subprocess.Popen(  # noqa: S603
            [*command, str(me), str(port), str(folder), str(period), str(seconds), *map(str, CLIENTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for me in range(3)
    ]
    lines: list[str] = []
    done = threading.Event()

    def read(process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "done":
                done.set()
            else:
                lines.append(line)

    for process in processes:
        threading.Thread(target=read, args=(process,), daemon=True).start()
    done.wait(60 + 10 * seconds)
    for process in processes:
        process.kill()
        process.wait()
    loads = []
    for line in lines:
        clients, per_second, median, p99, failures = line.split()
        loads.append(Load(int(clients), float(per_second), float(median), float(p99), int(failures)))
    return loads


def measure_failover(folder: Path, times: int) -> list[float]:
    """Return the seconds from the end of the leader's process to the next acknowledged write, at another node."""
    pauses = []
    with cluster(folder) as nodes:
        for _ in range(times):
            leader = leader_of(nodes)
            other = next(node for node in nodes if node is not leader)
            begin = perf_counter()
            leader.kill()
            wait_for_write(other)
            pauses.append(perf_counter() - begin)
            leader.start()
            wait_for_write(leader)
            while leader.applied < other.applied:
                sleep(0.05)
    return pauses


def measure_catch_up(folder: Path) -> tuple[float, Load, Load]:
    """Return the seconds in which a node catches up on 100,000 entries, and the load before and meanwhile."""
    with cluster(folder) as nodes:
        leader = leader_of(nodes)
        victim = next(node for node in nodes if node is not leader)
        before = run_load(leader.address, 16, 2)
        victim.kill()
        write_many(leader)
        goal = leader.applied
        loads: list[Load] = []
        begin = perf_counter()
        victim.start()
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                loads.append(run_load(leader.address, 16, 0.5))

        thread = threading.Thread(target=serve)
        thread.start()
        while victim.applied < goal:
            sleep(0.05)
        seconds = perf_counter() - begin
        stop.set()
        thread.join()
    during = Load(
        16,
        statistics.mean(load.per_second for load in loads),
        statistics.median(load.median for load in loads),
        max(load.p99 for load in loads),
        sum(load.failures for load in loads),
    )
    return seconds, before, during


def write_many(leader: Node) -> None:
    """Send 100,000 writes over one pipelined connection."""
    with socket.create_connection(leader.address) as connection:
        replies = 0
        for first in range(0, ENTRIES, 500):
            connection.sendall(b"".join(map(set_command, range(first, first + 500))))
            while replies < (first + 500) * len(b"+OK\r\n"):
                data = connection.recv(65536)
                if not data:
                    sys.exit("the leader closed the connection")
                replies += len(data)


def main() -> None:
    """Measure everything and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each number of clients [5]")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()

        def fresh(part: str) -> Path:
            (folder / part).mkdir()
            return folder / part

        print(f"writes of 16 bytes, three servers on one machine, {seconds:g} s each:")
        ours = measure_quorate(fresh("quorate"), seconds)
        for load in ours:
            print(load.row("quorate, fsynced, over TCP"), flush=True)
        theirs = measure_pysyncobj(fresh("default"), seconds, 0.1)
        for load in theirs:
            print(load.row("PySyncObj, not fsynced, in process"), flush=True)
        tuned = measure_pysyncobj(fresh("tuned"), seconds, 0.001)
        for load in tuned:
            print(load.row("the same, period 1 ms not 100 ms"), flush=True)
        for load, other, best in zip(ours, theirs, tuned, strict=True):
            ratios = f"{load.per_second / other.per_second:.1f} and {load.per_second / best.per_second:.1f} times"
            print(f"  at {load.clients} clients: {ratios} PySyncObj's writes, with its default period and with 1 ms")
        print(measure_one(fresh("one"), seconds).rows())
        pauses = measure_failover(fresh("failover"), 7)
        each = ", ".join(f"{pause:.2f}" for pause in pauses)
        print(f"leader killed, until a write succeeds: {each} s (election timeout {ELECTION_TIMEOUT_MS / 1e3:g} s)")
        caught_up, before, during = measure_catch_up(fresh("catch-up"))
        print(f"a node that missed {ENTRIES:,} entries has them {caught_up:.1f} s after its start")
        print(before.row("before it was killed"))
        print(during.row("while it caught up"))


if __name__ == "__main__":
    main()
