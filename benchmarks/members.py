"""The time to replace a node of a cluster that serves, and how long no write succeeds meanwhile.

    python benchmarks/members.py [--times 10]

Eight clients write to two of three durable servers on this machine, whose log has 100,000 entries, each write on a
connection of its own. A new node joins and replaces the third. Then a learner is added and removed, and leadership is
transferred, so many times each. All data is in a temporary folder in the current directory.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from time import perf_counter, sleep

from cluster import ENTRIES, Node, cluster, free_ports, leader_of, wait_for_write, write_many

CLIENTS = 8
SETTLING_S = 0.5
PATIENCE_S = 60.0


class Writers:
    """Clients that write all the time; `successes` are the times of the replies, in order."""

    def __init__(self, nodes: list[Node]) -> None:
        """Write to each of `nodes` in turn, from `running` on."""
        self.successes: list[float] = []
        self.failures = 0
        self._nodes = nodes
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write while the body runs."""
        threads = [threading.Thread(target=self._write, args=(self._nodes[n % 2], n)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _write(self, node: Node, number: int) -> None:
        for value in count():
            if self._stopped.is_set():
                return
            if node.ask(b"SET writer%d %d" % (number, value)).startswith(b"+OK"):
                self.successes.append(perf_counter())
            else:
                self.failures += 1

    def longest_pause(self, begin: float, end: float) -> float:
        """The longest time between two successes from `begin` to `end`."""
        successes = sorted(self.successes)
        between = successes[bisect_left(successes, begin) : bisect_right(successes, end)]
        return max((later - earlier for earlier, later in pairwise([begin, *between, end])), default=0.0)


def members(node: Node, words: bytes) -> bytes:
    """Have a change of members done, as soon as a leader takes it; return the reply."""
    deadline = perf_counter() + PATIENCE_S
    while not (reply := node.ask(b"QUORATE.MEMBERS " + words)).startswith((b"+OK", b"$")):
        if perf_counter() > deadline:
            sys.exit(f"{words.decode()}: {reply.decode()}")
        sleep(0.01)
    return reply


def listing(node: Node) -> tuple[int, dict[int, int]]:
    """The last index of the leader's log, and how far each member has it, by id."""
    _, _, text = members(node, b"LIST").partition(b"\r\n")
    content = json.loads(text)
    return content["last_index"], {member["id"]: member["match_index"] for member in content["members"]}


def join(through: Node, folder: Path) -> Node:
    """Start a new node, and wait until it has all that the leader had when it began to serve."""
    port, metrics, address = free_ports(3)
    node = Node(4, [], port, metrics, folder)
    host, at = through.address
    node.command = [*node.command[:2], *node.command[4:]]  # no id
    node.command += ["--join", f"{host}:{at}", "--address", f"127.0.0.1:{address}"]
    node.start()
    wait_for_write(node)
    goal, _ = listing(through)
    while listing(through)[1][4] < goal:
        sleep(0.01)
    return node


def timed(writers: Writers, change: Callable[[], object]) -> tuple[float, float]:
    """The duration of a change, and the longest pause of writes from its beginning until a moment after its end."""
    sleep(SETTLING_S)
    begin = perf_counter()
    change()
    end = perf_counter()
    sleep(SETTLING_S)
    return end - begin, writers.longest_pause(begin, end + SETTLING_S)


def row(name: str, times: list[tuple[float, float]]) -> str:
    """A line of the table: medians, and the longest pause."""
    took, pause = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    longest = max(pause for _, pause in times) * 1e3
    return f"{name:<44} {took:8,.0f} ms {pause:12,.0f} ms {longest:12,.0f} ms"


def transfer(stable: list[Node], new: list[Node]) -> None:
    """Have a follower among nodes 1 and 2 lead."""
    leader = leader_of([*stable, *new])
    target = next(number for number, node in enumerate(stable, 1) if node is not leader)
    members(leader, b"TRANSFER %d" % target)


def main() -> None:
    """Measure everything and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="how often a member changes, and leadership [10]")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory(dir=".") as name, cluster(Path(name).resolve()) as nodes:
        folder = Path(name).resolve()
        write_many(leader_of(nodes))
        stable = nodes[:2]
        writers = Writers(stable)
        print(f"three servers on one machine, {ENTRIES:,} entries, {CLIENTS} clients")
        print(f"{'':<44} {'takes':>11} {'no writes for':>15} {'at most':>15}")
        with writers.running():
            quiet = [timed(writers, lambda: sleep(SETTLING_S)) for _ in range(times)]
            print(row("nothing", quiet), flush=True)
            new: list[Node] = []
            joining = timed(writers, lambda: new.append(join(nodes[0], folder)))
            print(row("a node joins, and has everything", [joining]), flush=True)
            try:
                replacing = timed(writers, lambda: members(nodes[0], b"REPLACE 3 4"))
                print(row("it replaces another, in a joint change", [replacing]), flush=True)
                direct = [timed(writers, lambda: add_and_remove(nodes[0])) for _ in range(times)]
                print(row("a learner is added and removed", direct), flush=True)
                transfers = [timed(writers, lambda: transfer(stable, new)) for _ in range(times)]
                print(row("leadership is transferred", transfers), flush=True)
            finally:
                for node in new:
                    node.kill()
        print(f"{len(writers.successes):,} writes succeeded, {writers.failures:,} failed")


def add_and_remove(node: Node) -> None:
    """Two direct changes of the members."""
    (port,) = free_ports(1)
    members(node, b"ADD 127.0.0.1:%d" % port)
    members(node, b"REMOVE %d" % max(listing(node)[1]))


if __name__ == "__main__":
    main()
