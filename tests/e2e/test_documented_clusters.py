"""The clusters of the documentation, made from its own configurations and commands, with other ports."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from documented import ROOT, commands, configuration
from patience import PATIENCE_S, PROGRAM_S
from real_cluster import QUORATE, free_ports

CLUSTER, BYZANTINE = ROOT / "docs" / "cluster.md", ROOT / "docs" / "byzantine-store.md"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(QUORATE).parent}:{os.environ['PATH']}"}


class Ports:
    """A free port in place of each that the documentation names, always the same one."""

    def __init__(self) -> None:
        self._free: dict[str, str] = {}

    def instead(self, text: str) -> str:
        """The text with other ports."""
        return re.sub(r"\b[679][45]0\d\b", lambda found: self._instead_of(found[0]), text)

    def _instead_of(self, port: str) -> str:
        while port not in self._free:
            (free,) = free_ports(1)
            if str(free) not in self._free.values():
                self._free[port] = str(free)
        return self._free[port]


@contextmanager
def running(folder: Path, nodes: list[list[str]]) -> Iterator[None]:
    """These nodes serve; all end with status 0."""
    processes = []
    try:
        for words in nodes:
            log = (folder / f"log{len(processes)}").open("wb")
            with log:
                processes.append(subprocess.Popen(words, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log))
        yield
        for process in processes:
            process.terminate()
        assert [process.wait(PATIENCE_S) for process in processes] == [0] * len(nodes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(folder: Path, words: list[str]) -> str:
    """What a command says that is done."""
    done = subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def wait_until(is_so: Callable[[], bool]) -> None:
    """What other processes do can only be asked for again and again."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_documented_cluster_serves_and_can_be_judged(tmp_path: Path) -> None:
    """Three files as the page says, its commands one after another, and at last the verdict on its traces."""
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli, which the page uses, is not installed")
    ports, text = Ports(), configuration(CLUSTER)
    for me in "123":
        own = re.sub(r"(id = |n|[69]40)1", rf"\g<1>{me}", text)
        (tmp_path / f"n{me}.toml").write_text(ports.instead(own))
    shown = [[ports.instead(word) for word in words] for words in commands(CLUSTER)]
    status = next(words for words in shown if words[:2] == ["quorate", "status"])
    assert len(status) == 5
    with running(tmp_path, [["quorate", "serve", "--config", f"n{me}.toml"] for me in "123"]):
        servers = [f"--server={address}" for address in status[2:]]
        assert run(tmp_path, ["quorate", "set", "ready", "yes", f"--timeout={PATIENCE_S}", *servers]) == "OK\n"
        wait_until(lambda: run_status(tmp_path, status).count("2/2") == 3)
        said = [run(tmp_path, words) for words in shown if words[0] == "redis-cli"]
        assert said == ["OK\n", "hello\n"]
        assert run(tmp_path, status).count("follower") == 2
        online, restored, stopped = (words for words in shown if words[1] in {"backup", "restore"})
        assert "has all that was acknowledged" in run(tmp_path, online)
        assert run(tmp_path, restored).count("move it there, and keep no copy") == 3
    assert "has all that was acknowledged" in run(tmp_path, stopped)
    verdicts = [run(tmp_path, words) for words in shown if words[:2] == ["model-check", "trace"]]
    assert len(verdicts) == 1
    assert "holds: 3 servers took" in " ".join(verdicts[0].split())


def run_status(folder: Path, words: list[str]) -> str:
    """The table, whether all answer yet or not."""
    return subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    ).stdout


def test_the_documented_byzantine_cluster_serves(tmp_path: Path) -> None:
    """Its keys, its nodes, of which the page shows one, its status, and what a client of all of them is told."""
    ports = Ports()
    shown = [[ports.instead(word) for word in words] for words in commands(BYZANTINE)]
    keys, serve, status, store, *_ = [words for words in shown if words[1] in {"keys", "serve", "status", "set"}]
    run(tmp_path, keys)
    listen = serve.index("--listen") + 1
    nodes = []
    for me, address in zip("1234", status[2:], strict=True):
        own = [word.replace("n1", f"n{me}").replace("node1", f"node{me}") for word in serve]
        own[own.index("--id") + 1], own[listen] = me, address
        nodes.append(own)
    with running(tmp_path, nodes):
        wait_until(lambda: run_status(tmp_path, status).count("3/3") == 4)
        assert run(tmp_path, [*store, f"--timeout={PATIENCE_S}"]) == "OK\n"
        assert run(tmp_path, status).count("3/3") == 4
