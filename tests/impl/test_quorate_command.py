"""The command `quorate` as far as no node runs: help, versions, and what it refuses in one line."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
from rich.console import Console
from typer.main import get_command

from patience import PROGRAM_S
from quorate.cli import main
from quorate.cli.access import Access
from quorate.cli.app import app
from quorate.cli.demo_view import Lines
from quorate.cli.table import Row
from quorate.node.members import Started

COMMANDS = tuple(get_command(app).commands)  # type: ignore[attr-defined]  # it is a group
ONE_NODE = ("--id", "1", "--peer", "1=127.0.0.1:1")


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And names the command."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("quorate 0.")


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In its help."""
    assert main([command, "--help"]) == 0
    assert re.search(rf"Examples?: quorate {command}\b", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serv"], "No such command 'serv'."),
        (["serve"], "--peer is needed: the nodes of the cluster"),
        (["serve", "--peer", "1=127.0.0.1:1"], "--id is needed: This node's id among the peers."),
        (["serve", "--peer", "127.0.0.1:1"], "--peer 127.0.0.1:1: ID=HOST:PORT is needed, as in 1=127.0.0.1:7101"),
        (["serve", "--peer", "1=a:1", "--peer", "1=b:1"], "--peer 1=b:1: this id is given twice"),
        (["serve", *ONE_NODE, "--data", "d", "--listen", "x"], "--listen: host:port is needed, as in"),
        (["serve", *ONE_NODE, "--data", "d", "--heartbeat-ms", "x"], "Invalid value for '--heartbeat-ms'"),
        (["serve", "--config", "there-is-none.toml"], "there-is-none.toml: No such file or directory"),
        (["status", "x"], "host:port is needed, as in 127.0.0.1:7101, not 'x'"),
        (["get", "k", "--server", "127.0.0.1"], "host:port is needed"),
        (["get"], "Missing argument 'KEY'."),
        (["set", "k"], "Missing argument 'VALUE'."),
        (["get", "k", "--password-file", "none"], "--password-file none: No such file or directory"),
        (["get", "k", "--authority", "none"], "--authority none: No such file or directory"),
        (["get", "k", "--key", "none"], "--certificate and --key need --authority, too"),
        (["demo", "--port", "70000"], "Invalid value for '--port'"),
        (["demo", "--data", "/dev/null"], "--data /dev/null: File exists"),
        (["demo", "--web-port", "7000"], "--web-port: there is a page only with --web"),
        (["generals", "--web-port", "7000"], "--web-port: there is a page only with --web"),
    ],
)
def test_what_cant_be_meant_is_refused_in_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With status 2, and nothing on standard output."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"quorate: {line}")
    assert captured.err.count("\n") == 1
    assert not captured.out


@pytest.mark.parametrize("arguments", [["get", "k"], ["set", "k", "v"]])
def test_who_reaches_nobody_is_told_whom_it_tried(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With status 3: trying again later may help."""
    assert main([*arguments, "--timeout", "0.05", "--server", "127.0.0.1:1"]) == 3
    assert capsys.readouterr().err.startswith("quorate: time is up: 127.0.0.1:1: ")


def test_status_shows_who_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """With status 1."""
    assert main(["status", "127.0.0.1:1"]) == 1
    shown = capsys.readouterr().out
    assert "Connection" in shown
    assert "refused" in shown


@pytest.mark.parametrize("protocol", ["raft", "bft"])
def test_status_shows_who_poses_as_a_member(
    protocol: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the node says that two processes dial as one peer; a line of its own, whatever is in the table."""
    transport = Mock(notices=["another process poses as node 2: stop one of the two"])
    notices = Started(Mock(), transport, Mock(notices={"standing": "serves", "notice1": "x"})).notices
    said = {f"{protocol}_{key}": text for key, text in notices.items()} | {f"{protocol}_node_id": "1"}
    monkeypatch.setattr(Access, "info", AsyncMock(return_value=said))
    main(["status", "127.0.0.1:1"])
    shown = capsys.readouterr().out
    assert "\nnode 1: x\nnode 1: another process poses as node 2: stop one of the two\n" in shown


@pytest.mark.parametrize(("asked", "is_whole"), [(None, True), ("200", True), ("60", False)])
def test_status_on_a_pipe_is_as_wide_as_columns_says(
    asked: str | None,
    is_whole: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else as wide as it needs, and nothing is cut."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if asked is not None:
        monkeypatch.setenv("COLUMNS", asked)
    info = {f"raft_{key}": "9" * 18 for key in ("term", "commit_index", "applied_index", "pending_requests")}
    monkeypatch.setattr(Access, "info", AsyncMock(return_value=info | {"raft_node_id": "1", "raft_role": "follower"}))
    main(["status", "127.0.0.1:1"])
    shown = capsys.readouterr().out
    assert (shown.count("9" * 18) == 4) is is_whole
    assert max(map(len, shown.splitlines())) <= int(asked or 1_000)


def test_the_nodes_of_a_cluster_can_be_told_in_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What differs is told by flags; here the file is wrong, and the flag isn't blamed."""
    file = tmp_path / "cluster.toml"
    file.write_text('listen = "nowhere"\n[peers]\n1 = "127.0.0.1:1"\n')
    assert main(["serve", "--config", str(file), "--id", "1", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"quorate: {file}: listen: host:port is needed")


def test_a_reader_who_leaves_early_is_no_error() -> None:
    """`quorate | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "quorate.cli", "serve", "--help"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=PROGRAM_S, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_demo_under_bft_prints_a_line_when_the_view_changes_not_when_the_leader_does() -> None:
    """Leaders take turns with every decision; under load these lines would hide all others."""
    printed = StringIO()
    lines = Lines(Console(file=printed, width=80))
    for view, leader in (("1", "1"), ("1", "2"), ("1", "3"), ("2", "4")):
        info = {"bft_node_id": "2", "bft_view": view, "bft_leader_id": leader, "bft_decided_index": "7"}
        lines.show([Row("2", ("127.0.0.1", 7002), info)])
    assert printed.getvalue().splitlines() == [
        "node 2: in view 1, voter, committed 7",
        "node 2: in view 2, voter, committed 7",
    ]
