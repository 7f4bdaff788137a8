"""Idle connections, many more than there are file descriptors: peers, administration and whoever is in go on."""

import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from patience import PATIENCE_S
from quorate.cli import main
from quorate.node.descriptors import _PER_PEER, _RESERVED
from real_cluster import QUORATE, free_ports

MEMBERS = (1, 2, 3)
CLIENTS = 10
IDLE = 400


def start(me: int, ports: list[int], clients: list[int], folder: Path) -> subprocess.Popen[bytes]:
    """A node that may have only so many file descriptors."""
    limit = _RESERVED + _PER_PEER * (len(MEMBERS) - 1) + CLIENTS
    peers = [f"--peer={number}=127.0.0.1:{port}" for number, port in zip(MEMBERS, ports, strict=True)]
    serve = [
        QUORATE,
        "serve",
        f"--id={me}",
        *peers,
        f"--listen=127.0.0.1:{clients[me - 1]}",
        f"--data={folder / str(me)}",
    ]
    with (folder / f"{me}.log").open("ab") as log:
        return subprocess.Popen(["bash", "-c", f'ulimit -n {limit}; exec "$@"', "bash", *serve], stdout=log, stderr=log)


def end(processes: dict[int, subprocess.Popen[bytes]]) -> None:
    """End all that run."""
    for process in processes.values():
        process.kill()
        process.wait()


def test_idle_connections_lock_out_neither_peers_nor_administration(tmp_path: Path) -> None:
    """A node that was killed finds its peers again, writes go on, and `quorate status` shows every node."""
    ports, clients = free_ports(3), free_ports(3)
    addresses = [f"127.0.0.1:{port}" for port in clients]
    servers = [f"--server={address}" for address in addresses]
    with ExitStack() as stack:
        processes = {me: start(me, ports, clients, tmp_path) for me in MEMBERS}
        stack.callback(end, processes)
        assert main(["set", "key", "value", f"--timeout={PATIENCE_S}", *servers]) == 0
        first = redis.Redis(port=clients[0], socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0))
        stack.enter_context(first)
        assert first.set("key", "before")
        for port in clients:
            for _ in range(IDLE):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        processes[3].kill()
        processes[3].wait()
        assert first.set("key", "meanwhile")
        processes[3] = start(3, ports, clients, tmp_path)
        assert main(["set", "key", "value", f"--timeout={PATIENCE_S}", servers[2]]) == 0
        assert first.set("key", "after")
        assert main(["status", *addresses]) == 0
        assert main(["set", "key", "value", "--timeout=0.5", servers[1]]) == 3
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "Traceback" not in logs
    assert "Too many open files" not in logs
    assert len(logs) < 100_000
