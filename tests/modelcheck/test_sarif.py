"""Violations for code hosts: in the lines that take the steps, and as Microsoft's validator of SARIF reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pages import MODEL_CHECK, PYTEST, environment
from patience import PROGRAM_S

GAME = """
from quorate_check import Deliver, Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System, check

def step(state, event):
    return begin(state) if event == "begin" else receive(state, event)

def begin(state):
    if state == 0:
        yield Outcome(1)
        yield Outcome(1, ("to the other",))

def receive(state, event):
    if state == 9:
        raise ValueError("nine")
    return (
        Outcome(2),
    )

def system(limit, start=0):
    return System(
        name="game",
        initial=(0, start),
        step=step,
        network=Network(NetworkKind.UNORDERED, 1, drops=1),
        source=lambda message: 0,
        destination=lambda message: 1,
        spontaneous=(Spontaneous("begin"),),
        invariants=(Invariant("Low", f"no state reaches {limit}", lambda n: n, lambda v: v[0] < limit, Over.EACH),),
        done=lambda n: True,
    )

two = system(2)
three = system(3)
nine = system(10, 9)

def test_two(): check(two)
def test_three(): check(three)
def test_nine(): check(nine)
"""
SECOND_YIELD, RAISE, RETURN = (
    next(n for n, line in enumerate(GAME.splitlines(), 1) if text in line)
    for text in ("to the other", "raise ValueError", "    return (")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody else, with three systems and a test of each."""
    (tmp_path / "test_game.py").write_text(GAME, encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> tuple[int, dict[str, list[int]]]:
    """Run a command that writes out.sarif; return its status and for each broken promise the lines of its steps."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=PROGRAM_S, check=False
    )
    log = json.loads((folder / "out.sarif").read_text(encoding="utf-8"))
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, dict(map(lines_of, log["runs"][0]["results"]))


def lines_of(result: dict[str, Any]) -> tuple[str, list[int]]:
    """The name of a broken promise, and the lines of the steps to it, all in the user's own file."""
    places = [each["location"]["physicalLocation"] for each in result["codeFlows"][0]["threadFlows"][0]["locations"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"test_game.py"}
    assert result["locations"][0]["physicalLocation"] == places[-1]
    return result["ruleId"], [place["region"]["startLine"] for place in places]


def test_a_test_run_locates_each_violation(folder: Path) -> None:
    """Where an outcome is yielded, where all are returned, and where a step raises; also from parallel workers."""
    for workers in ((), ("-n", "2")):
        status, results = run(
            folder, *PYTEST, "--quorate-engine", "reference", "--quorate-sarif", "out.sarif", *workers, "test_game.py"
        )
        assert status == 1
        assert results == {"Low": [SECOND_YIELD, RETURN], "the step function raises nothing": [SECOND_YIELD, RAISE]}


def test_a_command_locates_its_violation(folder: Path) -> None:
    """In the same lines; a command that finds none says so in a log without results."""
    for name, status, results in (("two", 1, {"Low": [SECOND_YIELD, RETURN]}), ("three", 0, {})):
        assert run(folder, *MODEL_CHECK, "system", f"test_game:{name}", "--sarif", "out.sarif") == (status, results)


def test_a_saved_path_that_still_breaks_is_located(folder: Path) -> None:
    """A path that breaks no longer gives no result."""
    run(folder, *MODEL_CHECK, "system", "test_game:two", "--sarif", "out.sarif", "--save", "path.json")
    replay = (*MODEL_CHECK, "replay", "path.json", "--sarif", "out.sarif")
    assert run(folder, *replay) == (1, {"Low": [SECOND_YIELD, RETURN]})
    (folder / "test_game.py").write_text(GAME.replace("system(2)", "system(3)"), encoding="utf-8")
    assert run(folder, *replay) == (0, {})


@pytest.mark.parametrize("option", ["--sarif=missing/out.sarif", "--sarif=-"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(folder: Path, option: str) -> None:
    """In one line, with the option's name."""
    done = subprocess.run(
        [*MODEL_CHECK, "system", "test_game:two", option],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PROGRAM_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("model-check: --sarif")


def test_a_validator_of_sarif_finds_no_error(folder: Path) -> None:
    """Microsoft's, which holds a log against the schema and the specification's words; sabotage is an error there."""
    if (validator := shutil.which("sarif-multitool")) is None:
        pytest.skip("there is no sarif-multitool: npm install --global @microsoft/sarif-multitool")

    def complaints() -> list[str]:
        command = [validator, "validate", "out.sarif"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", timeout=PROGRAM_S, check=False
        )
        assert "Done. 1 files scanned." in done.stdout
        return [line for line in done.stdout.splitlines() if ": error " in line]

    run(folder, *PYTEST, "--quorate-engine", "reference", "--quorate-sarif", "out.sarif", "test_game.py")
    assert complaints() == []
    text = (folder / "out.sarif").read_text(encoding="utf-8")
    (folder / "out.sarif").write_text(text.replace('"startLine"', '"lineStart"'), encoding="utf-8")
    assert complaints() != []
