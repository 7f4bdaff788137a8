"""`quorate generals`: armies of processes, and the story."""

import re
import socket

import pytest

from quorate.cli.app import main
from real_cluster import free_ports_in_a_row

MOST_GENERALS = 5


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status and all output."""
    status = main(["generals", f"--port={free_ports_in_a_row(MOST_GENERALS)}", *arguments])
    said = capsys.readouterr()
    return status, said.out + said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--protocol=om"],
        ["--protocol=om", "--traitor-commander"],
        ["--protocol=sm", "--n=3"],
        ["--protocol=sm", "--n=3", "--traitor-commander"],
        ["--protocol=sm", "--n=5", "--traitors=3"],
        ["--protocol=bracha", "--retreat"],
        ["--protocol=bracha", "--traitor-commander"],
        ["--protocol=phase-king", "--n=5"],
    ],
    ids=" ".join,
)
def test_processes_agree_where_the_claims_say_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One traitor among them, and good messengers."""
    status, said = run(capsys, *arguments)
    assert "All loyal generals do the same" in said
    assert status == 0


def test_two_lieutenants_of_whom_one_lies_cannot_obey(capsys: pytest.CaptureFixture[str]) -> None:
    """OM(1) with three generals: with this seed the traitor says that the order was to retreat."""
    status, said = run(capsys, "--n=3", "--seed=2")
    assert "2 tells him “0 says RETREAT”" in said
    assert "IC2 is broken" in said
    assert status == 1


def test_lost_messages_split_an_army_without_traitors(capsys: pytest.CaptureFixture[str]) -> None:
    """With this seed."""
    status, said = run(capsys, "--protocol=vote", "--n=5", "--traitors=0", "--loss=0.4", "--seed=2")
    assert "IC1 is broken" in said
    assert status == 1


def test_forging_messengers_split_a_vote(capsys: pytest.CaptureFixture[str]) -> None:
    """With this seed."""
    status, said = run(capsys, "--protocol=vote", "--n=5", "--traitors=0", "--forge=0.4", "--seed=1")
    assert "IC1 is broken" in said
    assert status == 1


def test_a_forged_order_under_a_signature_is_only_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Messengers replace every order; nobody believes one of them, and all retreat."""
    status, said = run(capsys, "--protocol=sm", "--traitors=0", "--rounds=1", "--forge=1")
    assert said.count("he does: RETREAT") == 3
    assert "IC2 is broken" in said  # nobody obeys, because nobody heard
    assert status == 1


def test_a_port_that_is_taken_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status = main(["generals", "--n=2", "--traitors=0", f"--port={taken.getsockname()[1]}"])
    assert status == 2
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"quorate: general 0 didn't report: cannot listen on .* \(--port chooses other ports\)\n", error
    )


def test_the_story_splits_the_army(capsys: pytest.CaptureFixture[str]) -> None:
    """Each side hears its own wish from the ninth, and does it."""
    assert main(["generals", "--story"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("ATTACK from the ninth: 5 for ATTACK, 4 for RETREAT. He does ATTACK.") == 4
    assert said.count("RETREAT from the ninth: 4 for ATTACK, 5 for RETREAT. He does RETREAT.") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--n=1"], "1 generals"),
        (["--traitors=4"], "at least one general must be loyal"),
        (["--traitors=0", "--traitor-commander"], "there are no traitors"),
        (["--n=99", "--port=65500"], "99 ports"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, before any process starts."""
    assert main(["generals", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
