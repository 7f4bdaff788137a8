"""`quorate demo` and `quorate status`: three nodes in one command, shown as they are, and none left behind."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from patience import PATIENCE_S
from quorate.cli import access, main
from real_cluster import QUORATE, free_ports, free_ports_in_a_row

PORTS = 8  # in a row, of which a demo takes some


class Shown:
    """A demo that runs; what it shows is read line by line."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        """Read what it says first: where the data is, and whom one may kill."""
        self.process = process
        self.port = port
        self.lines: list[str] = []
        self.until("Ctrl-C ends all")
        told = re.findall(r"(\d+) is node (\d)", "".join(self.lines))
        self.pids = {int(number): int(pid) for pid, number in told}

    def until(self, part: str) -> str:
        """Read on until a line has `part`, and return it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if part in line:
                return line
        raise AssertionError(f"no line with {part!r} in {self.lines}")

    def end(self, number: int) -> None:
        """Send a signal; all must end, in an orderly way."""
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE_S) == 0
        assert not any(is_alive(pid) for pid in self.pids.values())


def is_alive(pid: int) -> bool:
    """There is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def demo(*options: str, keys: bool = False, port: int | None = None) -> Iterator[Shown]:
    """A demo that shows lines, ended afterwards if it still runs; with `keys` something may be typed."""
    port = free_ports_in_a_row(PORTS) if port is None else port
    process = subprocess.Popen(
        [QUORATE, "demo", "--port", str(port), *options],
        stdin=subprocess.PIPE if keys else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield Shown(process, port)
        finally:
            process.terminate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_demo_ends_all_that_it_started(number: int) -> None:
    """Ctrl-C, and what closing its terminal sends."""
    with demo() as shown:
        assert len(shown.pids) == 3
        shown.until("leader in term")
        shown.end(number)
        folder = re.search(r"are in (\S+)\.", shown.lines[0])
        assert folder is not None
        assert not Path(folder[1]).exists()


def test_a_node_that_dies_is_shown_and_another_leads() -> None:
    """`kill -9` of the leader."""
    with demo() as shown:
        leader = int(shown.until("leader in term")[len("node ")])
        os.kill(shown.pids[leader], signal.SIGKILL)
        shown.until(f"node {leader}: dead: SIGKILL")
        shown.until("leader in term")
        shown.end(signal.SIGINT)


def test_a_node_that_was_killed_can_be_started_as_the_demo_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It joins the others, and is shown; commands without addresses find the nodes of a demo."""
    with demo() as shown:
        (nobody,) = free_ports(1)
        monkeypatch.setattr(access, "DEFAULT_ADDRESS", f"127.0.0.1:{nobody}")
        monkeypatch.setattr(access, "DEMO_PORT", shown.port)
        shown.until("leader in term")
        os.kill(shown.pids[1], signal.SIGKILL)
        shown.until("node 1: dead: SIGKILL")
        assert main(["status"]) == 1
        assert main(["set", "greeting", "hello"]) == 0
        told = re.search(r"^  (quorate serve --config \S+) .*starts node 1 again", "".join(shown.lines), re.MULTILINE)
        assert told is not None
        again = subprocess.Popen([QUORATE, *told[1].split()[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            shown.until("node 1: follower in term")
            assert main(["status"]) == 0
            assert main(["members"]) == 0
            table = capsys.readouterr().out
            assert all(f"127.0.0.1:{shown.port + offset}" in table for offset in range(3))
        finally:
            again.terminate()
            assert again.wait(PATIENCE_S) == 0
        shown.end(signal.SIGINT)


def test_the_demo_ends_by_itself_and_keeps_data_that_has_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its nodes can be asked as any others; the next demo finds what this one was told."""
    with demo("--data", str(tmp_path)) as shown:
        shown.until("leader in term")
        addresses = [f"127.0.0.1:{shown.port + offset}" for offset in range(3)]
        servers = [part for address in addresses for part in ("--server", address)]
        assert main(["set", "greeting", "hello", *servers]) == 0
        assert main(["get", "greeting", *servers]) == 0
        assert capsys.readouterr().out == "OK\nhello\n"
        assert main(["get", "nothing", *servers]) == 1
        assert main(["status", *addresses]) == 0
        table = capsys.readouterr().out
        assert table.count("leader ") == 2  # a heading and a role
        assert all(address in table for address in addresses)
        shown.end(signal.SIGTERM)
    with demo("--data", str(tmp_path), "--seconds", "1") as shown:
        assert main(["get", "greeting", "--server", f"127.0.0.1:{shown.port}"]) == 0
        assert capsys.readouterr().out == "hello\n"
        assert shown.process.wait(PATIENCE_S) == 0
        assert not any(is_alive(pid) for pid in shown.pids.values())


def test_a_port_in_use_is_told_in_one_line() -> None:
    """With what to do, and nothing is left running."""
    port = free_ports_in_a_row(PORTS)
    with socket.create_server(("127.0.0.1", port + 1)):
        ended = subprocess.run(
            [QUORATE, "demo", "--port", str(port)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert ended.returncode == 2
    at = f"127.0.0.1:{port + 1}"
    assert ended.stderr == (
        f"quorate: node 2 didn't start: listen: cannot listen on {at}: Address already in use "
        "(--port and --data choose others)\n"
    )


def test_a_demo_whose_members_changed_comes_back(tmp_path: Path) -> None:
    """With its page and without: nodes are where the log says, whatever there was between them."""
    port = free_ports_in_a_row(PORTS)
    page = ("--web", "--no-open")
    with demo(*page, "--data", str(tmp_path), keys=True, port=port) as shown:
        assert shown.process.stdin is not None
        shown.process.stdin.write("+\n")
        shown.process.stdin.flush()
        shown.until("node 4 is a voter")
        shown.end(signal.SIGINT)
    for options in ((), page):
        with demo(*options, "--data", str(tmp_path), port=port) as shown:
            assert set(shown.pids) == {1, 2, 3, 4}
            shown.until("leader in term")
            shown.end(signal.SIGINT)


def test_the_demo_grows_and_shrinks(tmp_path: Path) -> None:
    """By what is typed; a later demo of the same folder has the nodes that there were."""
    servers: list[str] = []

    def write(shown: Shown, *texts: str) -> None:
        assert shown.process.stdin is not None
        for text in texts:
            shown.process.stdin.write(f"{text}\n")
        shown.process.stdin.flush()

    with demo("--data", str(tmp_path), keys=True) as shown:
        servers = ["--server", f"127.0.0.1:{shown.port}"]
        write(shown, "+")
        shown.until(f"node 4 is a voter; it serves clients at 127.0.0.1:{shown.port + 7}")
        assert main(["set", "greeting", "hello", "--server", f"127.0.0.1:{shown.port + 7}"]) == 0
        write(shown, "-", "-", "x")
        shown.until("node 4 is removed")
        shown.until("node 3 is removed")
        shown.until("'x': type + or -")
        assert main(["members", "list", *servers]) == 0
        shown.end(signal.SIGINT)
    with demo("--data", str(tmp_path), keys=True, port=shown.port) as again:
        assert set(again.pids) == {1, 2}
        write(again, "+")
        again.until("node 5 is a voter")
        assert main(["get", "greeting", *servers]) == 0
        again.end(signal.SIGINT)
