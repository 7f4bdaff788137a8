"""`quorate serve` as its operators know it: it says when it serves, why it doesn't, and ends when it is told to."""

import asyncio
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from patience import PATIENCE_S
from quorate.cli.demo_web.slow_disk import DELAY_MS
from quorate.membership.folders import DATABASE
from quorate.raft import Entry, Persist
from quorate.raft_server.storage import SqliteStorage
from quorate.store.operations import FORMAT
from real_cluster import QUORATE, free_ports, real_cluster
from tls_files import Authority


@dataclass
class Running:
    """A node that serves; `ready` is what it said then, without its beginning."""

    process: subprocess.Popen[str]
    ready: str

    @property
    def port(self) -> int:
        """Where clients connect, whatever was free."""
        return int(self.ready.partition(" ")[0].rpartition(":")[2])

    def client(self, **options: object) -> redis.Redis:
        """A client that tries once."""
        retry = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, socket_timeout=PATIENCE_S, retry=retry, **options)  # type: ignore[arg-type]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and the log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, log


def command(folder: Path, *options: str) -> list[str]:
    """How a node that is a whole cluster is started, with its data in `folder`; later options replace earlier ones."""
    (port,) = free_ports(1)
    return [
        *(QUORATE, "serve", "--id", "1", "--peer", f"1=127.0.0.1:{port}", "--listen", "127.0.0.1:0"),
        *("--data", str(folder / "data"), *options),
    ]


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Start a process, wait until it says that it serves, and end it afterwards, if it still runs."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), line or process.communicate(timeout=PATIENCE_S)[1]
            yield Running(process, line.removeprefix("listening on ").rstrip())
        finally:
            process.kill()


def refused(*arguments: str) -> str:
    """What a node says that doesn't start: one line, with status 2."""
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    *_, line = ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr
    assert line.startswith("quorate: ")
    return line.removeprefix("quorate: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_asked_to_end_does_so_with_status_0(tmp_path: Path, number: int) -> None:
    """And what was acknowledged is there when it starts again."""
    with running(*command(tmp_path)) as node:
        with node.client() as client:
            assert client.set("greeting", "hello")
        status, log = node.stop(number)
        assert status == 0
        assert "Traceback" not in log
    with running(*command(tmp_path)) as node, node.client() as client:
        assert client.get("greeting") == b"hello"


def test_a_node_says_where_it_listens_and_info_what_it_is(tmp_path: Path) -> None:
    """For clients, for nodes, and for Prometheus; port 0 is any that is free."""
    with running(*command(tmp_path, "--metrics", "127.0.0.1:0")) as node, node.client() as client:
        clients, nodes, metrics = node.ready.split(", ")
        assert clients == f"127.0.0.1:{node.port} for clients"
        assert nodes.endswith(" for nodes")
        client.set("greeting", "hello")
        found = client.info()
        assert found["tcp_port"] == node.port
        assert found["raft_role"] == "leader"
        with urllib.request.urlopen(f"http://{metrics.partition(' ')[0]}/metrics", timeout=PATIENCE_S) as page:
            text = page.read().decode()
        assert 'quorate_role{role="leader"} 1.0' in text
        assert "quorate_fsync_seconds_count 0.0" not in text
        assert 'quorate_requests_total{outcome="done"} 1.0' in text


def test_a_disk_that_a_page_slows_down_is_slow_until_it_is_restored(tmp_path: Path) -> None:
    """Each write takes longer, and is acknowledged all the same."""
    assert DELAY_MS > 250
    slow = tmp_path / "slow"
    program = [sys.executable, "-m", "quorate.cli.demo_web.slow_disk", str(slow)]
    with (
        running(*program, *command(tmp_path, "--metrics", "127.0.0.1:0")[1:]) as node,
        node.client() as client,
    ):
        metrics = node.ready.rpartition(", ")[2].partition(" ")[0]

        def slow_writes() -> int:
            client.set("greeting", "hello")
            with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=PATIENCE_S) as page:
                text = page.read().decode()
            (below,) = re.findall(r'quorate_fsync_seconds_bucket{le="0.25"} (\d+)', text)
            (count,) = re.findall(r"quorate_fsync_seconds_count (\d+)", text)
            return int(count) - int(below)

        before = slow_writes()
        slow.touch()
        during = slow_writes()
        assert during > before
        slow.unlink()
        slow_writes()  # whatever was under way has ended
        assert slow_writes() - slow_writes() == 0


def test_one_file_says_all(tmp_path: Path) -> None:
    """With a password in a file of its own, which clients need."""
    (port,) = free_ports(1)
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "node.toml").write_text(
        f'id = 1\ndata = "data"\nlisten = "127.0.0.1:0"\npassword-file = "password"\nlog-format = "json"\n'
        f'trace = "trace.ndjson"\n[peers]\n1 = "127.0.0.1:{port}"\n'
    )
    with running(QUORATE, "serve", "--config", str(tmp_path / "node.toml")) as node:
        with node.client() as client, pytest.raises(redis.AuthenticationError):
            client.get("greeting")
        with node.client(password="open sesame") as client:  # noqa: S106
            assert client.set("greeting", "hello")
        _, log = node.stop()
    assert log
    assert all(line.startswith('{"time": ') for line in log.splitlines())
    assert (tmp_path / "trace.ndjson").read_text().startswith('{"line":"boot"')


def test_a_port_that_others_reach_is_warned_of_in_the_log(tmp_path: Path) -> None:
    """Nothing else happens: it may be meant."""
    with running(*command(tmp_path, "--listen", "0.0.0.0:0")) as node:
        _, log = node.stop()
    assert "clients reach 0.0.0.0:0 from other machines without password and TLS: set password-file" in log


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    """Which one, and for whom."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        for options, line in (
            (["--listen", at], f"listen: cannot listen on {at}: Address already in use"),
            (["--metrics", at], f"metrics: cannot listen on {at}: Address already in use"),
        ):
            assert refused(*command(tmp_path, *options)) == line
        line = refused(*command(tmp_path)[:5], f"1={at}", "--data", str(tmp_path / "data"))
        assert line == f"cannot listen on {at}: Address already in use"


def test_files_that_arent_what_they_should_be_are_told_in_one_line(tmp_path: Path) -> None:
    """Each by its name."""
    database = tmp_path / "data" / "quorate.sqlite3"
    with running(*command(tmp_path)) as node, node.client() as client:
        client.set("greeting", "hello")
        assert refused(*command(tmp_path)).startswith(f"{database} is in use by another process")
        node.stop()
    assert refused(*command(tmp_path, "--peer", "2=127.0.0.1:1")).startswith(f"{database} belongs to a cluster of")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE log SET term = term + 1")
    connection.close()
    assert refused(*command(tmp_path)).startswith(f"{database} is damaged")
    database.write_text("once upon a time")
    assert refused(*command(tmp_path)).startswith(f"{database} is ")
    assert refused(*command(tmp_path, "--data", "/dev/null")) == "data: /dev/null can't be made: File exists"
    assert refused(*command(tmp_path, "--trace", str(tmp_path))) == f"trace: {tmp_path}: Is a directory"
    tls = ["--client-certificate", "none.pem", "--client-key", "none.key"]
    assert refused(*command(tmp_path, *tls)).startswith("client-certificate none.pem, client-key none.key: ")
    tls = ["--peer-certificate", "none.pem", "--peer-key", "none.key", "--peer-authority", "none.pem"]
    assert refused(*command(tmp_path, *tls)) == "cannot read none.pem: No such file or directory"


def write_until_acknowledged(port: int, key: str) -> None:
    """As a program does that wants its write done, with redis-py."""
    with redis.Redis(port=port, socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0)) as client:
        for _ in range(1000):
            try:
                if client.set(key, key):
                    return
            except RedisError:
                continue
        raise AssertionError(f"{key} was never acknowledged")


def test_a_killed_leader_is_replaced_and_all_is_there_after_a_restart(tmp_path: Path) -> None:
    """Three processes and redis-py: kill -9, writes go on at the others, everybody stops and starts again."""

    async def main() -> None:
        async with real_cluster(tmp_path) as cluster:
            killed = await cluster.leader()
            port = cluster.nodes[killed].port
            await asyncio.to_thread(write_until_acknowledged, port, "before")
            cluster.nodes[killed].kill()
            others = [node for number, node in cluster.nodes.items() if number != killed]
            for node in others:
                await asyncio.to_thread(write_until_acknowledged, node.port, f"after {node.number}")
            cluster.nodes[killed].start()
            await cluster.all_serve()
            for node in cluster.nodes.values():
                assert node.stop() == 0
            for node in cluster.nodes.values():
                node.start()
            await cluster.all_serve()
            keys = ["before", *(f"after {node.number}" for node in others)]
            for number in cluster.nodes:
                for key in keys:
                    assert await cluster.ask(number, "GET", key) == b"$%d\r\n%s\r\n" % (len(key), key.encode())

    asyncio.run(main())


def test_everything_can_be_encrypted(tmp_path: Path) -> None:
    """Nodes among each other and with clients, who need certificates, too; who has none is told nothing."""
    authority = Authority(tmp_path)
    ports = free_ports(3)
    members = [part for number, port in enumerate(ports, 1) for part in ("--peer", f"{number}=127.0.0.1:{port}")]
    client = authority.issue("client")
    with ExitStack() as nodes:
        started: list[Running] = []
        for number in range(1, 4):
            own, for_clients = authority.issue(f"node-{number}"), authority.issue("localhost")
            started.append(
                nodes.enter_context(
                    running(
                        *(QUORATE, "serve", "--id", str(number), *members, "--data", str(tmp_path / f"node{number}")),
                        *("--peer-certificate", str(own.certificate), "--peer-key", str(own.key)),
                        *("--client-certificate", str(for_clients.certificate), "--client-key", str(for_clients.key)),
                        *("--peer-authority", str(own.ca), "--client-authority", str(own.ca)),
                        *("--listen", "127.0.0.1:0"),
                    )
                )
            )
        servers = [part for node in started for part in ("--server", f"localhost:{node.port}")]
        tls = ["--authority", str(authority.path), "--certificate", str(client.certificate), "--key", str(client.key)]
        subprocess.run([QUORATE, "set", "greeting", "hello", *servers, *tls], timeout=PATIENCE_S, check=True)
        got = subprocess.run(
            [QUORATE, "get", "greeting", *servers, *tls], timeout=PATIENCE_S, check=True, capture_output=True
        )
        assert got.stdout == b"hello\n"
        stranger = [QUORATE, "get", "greeting", *servers, *tls[:2], "--timeout", "1"]
        assert subprocess.run(stranger, timeout=PATIENCE_S, check=False, capture_output=True).returncode == 3
        with started[0].client() as plain, pytest.raises(RedisError):
            plain.get("greeting")


def test_a_committed_command_of_a_later_format_ends_a_node_each_time(tmp_path: Path) -> None:
    """With status 1 and one line; what stands behind it in the log is not applied, and waits for the upgrade."""
    arguments = command(tmp_path)
    with running(*arguments) as node:
        node.client().set("a", "1")
        assert node.stop()[0] == 0

    async def by_a_later_version() -> None:
        storage = SqliteStorage.open(tmp_path / "data" / DATABASE, 1, (1,))
        durable = storage.load()
        entries = (Entry(durable.current_term, bytes([FORMAT + 1]) + b"?"), *durable.log.entries[-1:])
        await storage.write([Persist(durable.current_term, durable.voted_for, durable.log.last_index + 1, entries)])
        storage.close()

    asyncio.run(by_a_later_version())
    for _ in range(2):
        with running(*arguments) as node:
            _, log = node.process.communicate(timeout=PATIENCE_S)
        *_, line = log.splitlines()
        assert node.process.returncode == 1
        assert "Traceback" not in log
        assert line.startswith("quorate: the node can't go on: the committed entry ")
        assert line.endswith(f" was written by format {FORMAT + 1}, this node knows up to {FORMAT}; upgrade it")
