"""The same fsynced writes over TCP to four members of a BFT cluster and to three Raft servers, in one run.

    python benchmarks/bft_cluster.py [--seconds 5]

All data is in a temporary folder in the current directory.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import Node, cluster, free_ports, leader_of, running
from load import Load, run_load

from quorate.runtime.keys import PUBLIC_NAME, secret_path, write_keys

MEMBERS = (1, 2, 3, 4)
CLIENTS = (1, 64)


@contextmanager
def bft_cluster(folder: Path) -> Iterator[list[Node]]:
    """Run a BFT cluster of four members that serve writes."""
    write_keys(folder / "keys", "quorate", MEMBERS)
    ports = free_ports(3 * len(MEMBERS))
    nodes = []
    for i, number in enumerate(MEMBERS):
        node = Node(number, ports[:4], ports[4 + i], ports[8 + i], folder)
        secret, public = secret_path(folder / "keys", number), folder / "keys" / PUBLIC_NAME
        command = iter(node.command)
        # This option exists only for Raft.
        node.command = [part for part in command if part != "--election-timeout-ms" or not next(command)]
        node.command += ["--protocol", "bft", "--secret-key", str(secret), "--public-keys", str(public)]
        nodes.append(node)
    with running(nodes):
        yield nodes


def measure(node: Node, seconds: float) -> list[Load]:
    """Return the measured load for each number of clients, all connected to one node."""
    run_load(node.address, 16, 1)
    return [run_load(node.address, clients, seconds) for clients in CLIENTS]


def main() -> None:
    """Measure both clusters and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each number of clients [5]")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        for part in ("raft", "bft"):
            (folder / part).mkdir()
        with cluster(folder / "raft") as nodes:
            raft = measure(leader_of(nodes), seconds)
        with bft_cluster(folder / "bft") as nodes:
            bft = measure(nodes[0], seconds)
        for crash, lie in zip(raft, bft, strict=True):
            print(crash.row("Raft, three servers"))
            print(lie.row("BFT, four members, Ed25519"))
            times = lie.median / crash.median
            print(f"  a write takes {times:.1f} times as long where one may lie; {lie.failures} errors")


if __name__ == "__main__":
    main()
