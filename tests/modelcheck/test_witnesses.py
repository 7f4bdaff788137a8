"""A reached witness can be shown, saved, drawn, made a test of and walked again, as a violation can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patience import PROGRAM_S
from quorate_check import Network, NetworkKind, Outcome, Spontaneous, System, Witness, engine
from quorate_check.api.witnesses import search_for_witness, witness_result
from quorate_check.cli import main
from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness
from quorate_check.core.verdict import Verdict
from quorate_check.outside.compare import Checker

JOINT = "a joint change is complete"
ELECTED = "a leader is elected"
SMALL = ["--servers", "2", "--max-term", "1"]
COUNTER = """
from quorate_check import *

def step(n, event):
    return (Outcome(n + 1),) if n < 3 else ()

system = System(
    name="counter", initial=(0,), step=step, network=Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("tick"),), done=lambda n: n == 3,
    invariants=(Invariant("Low", "below two", lambda n: n, lambda v: v[0] < 2, Over.EACH),),
    witnesses=(
        Witness("it counts to three", lambda n: n, lambda v: v[0] == 3),
        Witness("it counts to nine", lambda n: n, lambda v: v[0] == 9),
    ),
)
"""


@pytest.mark.parametrize("options", [[], ["--engine", "reference"], ["--network", "any", "--no-symmetry"]], ids=str)
def test_a_reached_witness_is_shown_saved_drawn_tested_and_walked_again(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By each search; nothing is broken, so the status is 0."""
    files = {flag: str(tmp_path / f"test{flag}.py") for flag in ("--save", "--html", "--pytest", "--json")}
    command = ["raft", *SMALL, *options, "--witness", ELECTED, *(part for pair in files.items() for part in pair)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert f"reached: {ELECTED} after 3 steps" in printed
    assert f"Reached: {ELECTED}." in printed
    assert "broken" not in printed
    report = json.loads(Path(files["--json"]).read_text())
    assert (report["verdict"], report["path"]["broken"], report["path"]["reached"]) == ("holds", None, ELECTED)
    page = Path(files["--html"]).read_text()
    assert f"Reached: {ELECTED}." in page
    assert main(["replay", files["--save"]]) == 0
    assert f"reached: {ELECTED}, after 3 of 3 saved steps" in capsys.readouterr().out
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", files["--pytest"]], capture_output=True, timeout=PROGRAM_S, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_a_witness_is_reached_whatever_breaks_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked for is a path, not whether promises hold on it."""
    (tmp_path / "counting_to_three.py").write_text(COUNTER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["system", "counting_to_three:system"]) == 1
    command = ["system", "counting_to_three:system", "--witness", "it counts to three", "--save", "path.json"]
    assert main(command) == 0
    assert main(["replay", "path.json"]) == 0
    assert main(["system", "counting_to_three:system", "--witness", "it counts to nine", "--save", "no.json"]) == 3
    printed = capsys.readouterr().out
    assert "unknown: exhaustive, but never seen: it counts to nine" in printed
    assert "--save no.json: not written, because there is no path to show." in printed
    assert not Path("no.json").exists()


def test_a_path_that_misses_its_witness_now_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 3: it was seen once, and isn't on this path any more."""
    file = tmp_path / "path.json"
    assert main(["raft", *SMALL, "--witness", ELECTED, "--save", str(file)]) == 0
    saved = json.loads(file.read_text())
    saved["steps"].pop()
    file.write_text(json.dumps(saved))
    assert main(["replay", str(file)]) == 3
    printed = " ".join(capsys.readouterr().out.split())
    assert f"unknown: all 2 steps are possible, and {ELECTED} isn't reached any more" in printed


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["raft", "--witness", "no such"], "raft has no such witness; there are: 'a leader is elected', "),
        (["bft", "--witness", "no such"], "bft has no such witness; there are: "),
        (
            ["raft", "--witness", "a leader steps down"],
            "impossible within these bounds: nobody does: ",
        ),
        (["raft", "--changes", "12", "--max-log", "3", "--witness", JOINT], ": every change is of one voter"),
        (["raft", "--changes", "1", "--max-log", "2", "--witness", JOINT], "needs --max-log 3 or more"),
        (["bft", "--conform", "--witness", "any"], "--conform: its bounds are built in"),
    ],
)
def test_a_witness_that_cannot_be_sought_is_refused_in_one_line(
    command: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any search."""
    assert main(command) == 2
    assert reason in capsys.readouterr().err


def test_a_witness_of_steps_is_reached_by_its_step() -> None:
    """The path ends with it, by the reference search and by the compiled one."""
    late = StepWitness("late", lambda before, _event, _after, _sent: before == 2)
    system = System(
        "counter",
        (0,),
        lambda n, _event: (Outcome(n + 1),) if n < 5 else (),
        Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("tick"),),
        witnesses=(late, Witness("even", lambda n: n, lambda v: v[0] % 2 == 0)),
    )
    for explore in (reference.explore, engine.explore):
        found = witness_result(explore(search_for_witness(system, "late")))
        assert found.path is not None
        assert (len(found.path.steps), found.path.reached, found.verdict) == (3, True, Verdict.HOLDS)
        assert found.conclusion == "reached: late after 3 steps"
    assert isinstance(search_for_witness(system, "late").invariants[0], StepInvariant)
    assert isinstance(search_for_witness(system, "even").invariants[0], Invariant)


HOLDING = [
    ["raft", *SMALL],
    ["raft", "--servers", "2", "--max-term", "1", "--traitor", "silent"],
    ["simulate", *SMALL, "--walks", "3"],
    ["conform", *SMALL, "--in-flight", "1"],
    ["bft", "--max-view", "1"],
    ["ladder", "--rung", "1"],
    ["outside", "--checker", "tlc", *SMALL, "--in-flight", "1"],
]


@pytest.mark.parametrize("command", HOLDING, ids=" ".join)
def test_a_command_that_finds_no_path_says_that_it_wrote_none(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file that was asked for is named, and none is there."""
    if "tlc" in command and (missing := Checker.TLC.missing()) is not None:
        pytest.skip(missing)
    names = {flag: tmp_path / flag.strip("-") for flag in ("--save", "--html", "--pytest")}
    assert main([*command, *(str(part) for pair in names.items() for part in pair)]) in {0, 2, 3}
    printed = capsys.readouterr()
    for flag, file in names.items():
        assert f"{flag} {file}: not written, because there is no path to show." in printed.out
        assert not file.exists()
