"""A search whose shards or runners are actors of a Ray cluster counts what one process counts, or knows nothing."""

import contextlib
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine_agreement import MEMORY
from nightly import EXAMPLES
from quorate_check import engine
from quorate_check.cli import main
from quorate_check.core.system import NetworkKind
from quorate_check.core.verdict import Exploration
from quorate_check.raft.bounds import RaftBounds

BIN = Path(sys.executable).parent
DEADLINE = 600
PATIENCE = 30  # with a node that ends
# Who connects to a cluster has to know its token; the clusters here have one of their own.
ENVIRONMENT = {
    **os.environ,
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_raylet_start_wait_time_s": "300",  # on a machine that has other tests to run
}
SMALL = ("--max-log", "1", "--proposals", "1", "--memory", "0.25")
WORDS = ("raft", "--network", "unordered", "--in-flight", "4", *SMALL)
SYSTEM = RaftBounds(max_log=1, proposals=1, in_flight=4).system()
ANY = RaftBounds(max_log=1, proposals=1, network=NetworkKind.ANY).system()
COMMAND = """
import sys
from quorate_check.cli import main
from quorate_check.engine.cluster import connection
from quorate_check.engine.any_network import shared
{}
sys.exit(main(sys.argv[1:]))
"""
EVERY_STEP = COMMAND.format("shared.LEAST = 1")  # is shared
OTHER_CODE = COMMAND.format("connection.digest = lambda: 'that of another version'")
has_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is an extra: pip install 'quorate[cluster]'"
)
by_night = pytest.mark.skipif(
    not EXAMPLES or os.geteuid() != 0, reason="makes network namespaces, as root; set QUORATE_EXAMPLES"
)


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster of this test run: its address, and the command line prefix to be where it is."""

    address: str
    inside: tuple[str, ...] = ()

    def search(self, *options: str) -> subprocess.Popen[str]:
        """Begin a search on it."""
        return self.run(str(BIN / "model-check"), *WORDS, *options)

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Begin what is a command but for the option that names the cluster."""
        command = [*self.inside, *words, "--ray", self.address]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)


def start(inside: tuple[str, ...], *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a node of a cluster and wait until it is there; return it and its machine's address."""
    command = [*inside, str(BIN / "ray"), "start", "--block", "--disable-usage-stats", "--num-cpus", "4"]
    options = ("--object-store-memory", str(100 << 20), *options)
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    node = subprocess.Popen([*command, *options], env=ENVIRONMENT, stdout=pipe, stderr=both, text=True)
    assert node.stdout is not None
    said = list[str]()
    deadline = threading.Timer(DEADLINE / 2, node.kill)  # its output ends with it
    deadline.start()
    try:
        for line in node.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                at = re.search(r"Local node IP: ([\d.]+)", "".join(said))
                assert at is not None, said
                return node, at[1]
    finally:
        deadline.cancel()
    end(node)
    raise AssertionError("".join(said))


def end(node: subprocess.Popen[str]) -> None:
    """End a node and what it has started, by force if it waits for ever, as Ray's command sometimes does."""
    processes = [node.pid]
    for pid in processes if node.poll() is None else ():
        processes += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split())
    node.terminate()
    try:
        node.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.communicate(timeout=DEADLINE)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node, on this machine alone."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    node, address = start((), "--head", "--include-dashboard", "false", "--port", str(port))
    yield Cluster(f"{address}:{port}")
    end(node)


def in_one_process(*, reduced: bool) -> Exploration:
    """The same search, without Ray."""
    return engine.explore(SYSTEM, engine.Limits(None, 1, MEMORY, reduced))


def report_of(cluster: Cluster, file: Path, *options: str) -> dict[str, object]:
    """The report of a search on a cluster."""
    return written(cluster.search("--json", str(file), *options), file)


def written(process: subprocess.Popen[str], file: Path) -> dict[str, object]:
    """What a search that passes has written."""
    output = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    found: dict[str, object] = json.loads(file.read_bytes())
    return found


def counts(found: dict[str, object]) -> tuple[object, ...]:
    """What must not depend on where the shards are."""
    return tuple(
        found[name] for name in ("levels", "transitions", "orbit_sum", "cut_off", "conclusion", "step_executions")
    )


def expected(found: Exploration) -> tuple[object, ...]:
    """The same, of a search in one process."""
    cut_off = found.cut_off.as_dict()
    return list(found.levels), found.transitions, found.orbit_sum, cut_off, found.conclusion, found.step_executions


@has_ray
@pytest.mark.parametrize(("actors", "reduced"), [(1, False), (2, True), (2, False), (4, False)])
def test_counts_are_those_of_one_process(cluster: Cluster, tmp_path: Path, actors: int, *, reduced: bool) -> None:
    """Levels, steps, orbits and verdict are the same; more than one actor send each other states."""
    options = () if reduced else ("--full",)
    found = report_of(cluster, tmp_path / "report.json", "--workers", str(actors), *options)
    assert counts(found) == expected(in_one_process(reduced=reduced))
    stored = found["stored"]
    assert isinstance(stored, dict)
    assert (stored["actors"], stored["machines"]) == (actors, 1)
    assert stored["table_bytes"] > 0
    assert (stored["successor_bytes"] > 0) == (actors > 1)


@has_ray
def test_a_violation_is_shown_with_its_path(cluster: Cluster) -> None:
    """Its states are fetched from the actors, and it is replayed on the real code."""
    process = cluster.search("--workers", "2", "--witness", "two terms have leaders")
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    assert "two terms have leaders" in output


def actors_of(address: str) -> list[int]:
    """The processes of a cluster's actors."""
    found, port = [], address.rpartition(":")[2]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = re.search(r"^PPid:\s*(\d+)", (folder / "status").read_text(encoding="utf-8"), re.MULTILINE)
            raylet = b"" if parent is None else Path(f"/proc/{parent[1]}/cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if re.match(rb"ray::\w*Actor", command) and f":{port}".encode() in raylet:
            found.append(int(folder.name))
    return found


def counts_of_any(found: dict[str, object]) -> tuple[object, ...]:
    """What must not depend on who runs the steps of a search of any number of messages."""
    return tuple(found[name] for name in ("levels", "transitions", "tuples", "step_executions", "conclusion"))


@has_ray
@pytest.mark.parametrize("actors", [1, 2, 4])
def test_any_number_of_messages_is_counted_as_in_one_process(cluster: Cluster, tmp_path: Path, actors: int) -> None:
    """The search hands out the ids, and has the states, whoever runs its steps."""
    assert_any_is_counted_as_in_one_process(cluster, tmp_path / "report.json", actors, machines=1)


def assert_any_is_counted_as_in_one_process(cluster: Cluster, file: Path, actors: int, *, machines: int) -> None:
    """The actors, on so many machines, run every step that can be run elsewhere."""
    options = ("raft", *SMALL, "--workers", str(actors), "--json", str(file))
    found = written(cluster.run(sys.executable, "-c", EVERY_STEP, *options), file)
    one = engine.explore(ANY, engine.Limits(None, 1, MEMORY, reduced=True))
    expected = list(one.levels), one.transitions, one.tuples, one.step_executions, one.conclusion
    assert counts_of_any(found) == expected
    stored = found["stored"]
    assert isinstance(stored, dict)
    assert (stored["actors"], stored["machines"]) == (actors, machines)
    assert stored["reply_bytes"] > 0


@has_ray
def test_an_actor_with_other_code_is_refused(cluster: Cluster) -> None:
    """Before it is asked for a step, for it runs the code that is judged."""
    process = cluster.run(sys.executable, "-c", OTHER_CODE, "raft", *SMALL)
    _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert "its machines have another version of quorate" in errors
    assert "Traceback" not in errors


@has_ray
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--network", "unordered", "--full", "--no-symmetry", "--in-flight", "5"),
            "a part of the search is lost, with its states",
        ),
        (("--max-term", "3", "--max-log", "2", "--proposals", "2"), "an actor that ran steps is lost"),
    ],
    ids=["with-states", "with-steps"],
)
def test_an_actor_that_dies_ends_the_search_which_then_knows_nothing(
    cluster: Cluster, options: tuple[str, ...], reason: str
) -> None:
    """Its states or its answers are lost, so nothing that the others found is a pass."""
    process = cluster.run(str(BIN / "model-check"), "raft", *SMALL, "--workers", "2", *options)
    assert process.stderr is not None
    for line in process.stderr:
        if "depth" in line and (actors := actors_of(cluster.address)):
            os.kill(actors[0], signal.SIGKILL)
            break
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 3, (output, errors)
    assert f"unknown: {reason}" in " ".join(output.split())
    assert "Traceback" not in errors


@has_ray
def test_a_cluster_that_is_too_small_is_refused(cluster: Cluster) -> None:
    """Nobody waits for machines that don't come."""
    process = cluster.search("--workers", "5")
    _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert "the cluster has 4 CPUs for 5 workers" in errors
    assert "Traceback" not in errors


def test_without_ray_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and nothing is searched."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    assert main([*WORDS, "--ray", "local"]) == 2
    assert capsys.readouterr().err.strip() == "model-check: Ray is missing: pip install 'quorate[cluster]'"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ["--network", "unordered", "--disk", "states"],
            "a search whose states go to the disk is one process; leave Ray out",
        ),
        (["--network", "unordered", "--checkpoint", "search"], "a search on Ray leaves no checkpoints"),
        (["--engine", "reference"], "the plain search"),
    ],
)
def test_what_a_search_on_ray_cannot_do_is_refused(
    options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, before Ray is asked for anything."""
    monkeypatch.chdir(tmp_path)
    assert main(["raft", *options, "--ray", "local"]) == 2
    assert reason in capsys.readouterr().err


@pytest.fixture
def two_machines() -> Iterator[Cluster]:
    """Two nodes, each in a network namespace of its own, with a cable between them."""
    names = tuple(f"quorate-{os.getpid()}-{i}" for i in range(2))
    cables = tuple(f"qr{os.getpid() % 100_000}{i}" for i in range(2))
    addresses = ("10.77.0.1", "10.77.0.2")
    nodes = list[subprocess.Popen[str]]()

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=DEADLINE)

    for name in names:
        ip("netns", "add", name)
    try:
        ip("link", "add", cables[0], "netns", names[0], "type", "veth", "peer", "name", cables[1], "netns", names[1])
        for name, cable, address in zip(names, cables, addresses, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
        inside = [("ip", "netns", "exec", name) for name in names]
        head = ("--head", "--include-dashboard", "false", "--node-ip-address", addresses[0], "--port", "6399")
        nodes.append(start(inside[0], *head)[0])
        nodes.append(start(inside[1], "--address", f"{addresses[0]}:6399", "--node-ip-address", addresses[1])[0])
        yield Cluster(f"{addresses[0]}:6399", inside[0])
    finally:
        for node in reversed(nodes):
            end(node)
        for name in names:
            ip("netns", "del", name)


@has_ray
@by_night
def test_two_machines_count_what_one_counts(two_machines: Cluster, tmp_path: Path) -> None:
    """Six actors don't fit on one node of four, so states cross the cable."""
    found = report_of(two_machines, tmp_path / "report.json", "--workers", "6", "--full")
    assert counts(found) == expected(in_one_process(reduced=False))
    stored = found["stored"]
    assert isinstance(stored, dict)
    assert stored["machines"] == 2


@has_ray
@by_night
def test_two_machines_run_the_steps_among_any_number_of_messages(two_machines: Cluster, tmp_path: Path) -> None:
    """Their replies cross the cable, and name what one process names."""
    assert_any_is_counted_as_in_one_process(two_machines, tmp_path / "report.json", 6, machines=2)
