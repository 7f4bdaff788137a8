"""Every report for CI is one that CI systems read: by their schema, and by what it says of each case."""

import json
import subprocess
from pathlib import Path

import pytest
import xmlschema

from junit_reading import read_junit, schema
from pages import PYTEST, environment
from patience import PROGRAM_S
from quorate_check.bft.bounds import BftBounds
from quorate_check.cli import main
from quorate_check.cli.bft import ExpectedRun
from quorate_check.core.verdict import Verdict
from quorate_check.tell.junit import Case, Status, Suite, junit_text

HISTORIES = Path(__file__).resolve().parent.parent / "histories"
SMALL = ("--servers", "2", "--max-term", "1")
MINE = """
from quorate_check import Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System, Witness, check

def counter(limit):
    return System(
        name="counter",
        initial=(0,),
        step=lambda state, event: (Outcome(state + 1),) if state < limit else (),
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("tick"),),
        done=lambda n: n == limit,
        invariants=(Invariant("Low", "no count reaches two", lambda n: n, lambda v: v[0] < 2, Over.EACH),),
        witnesses=(Witness("One", lambda n: n, lambda v: v[0] == 1),),
    )

high, low, idle = counter(9), counter(1), counter(0)
"""
UNKNOWN = {"client": "a", "operation": "get", "arguments": ["x"], "invoked": 1, "outcome": "unknown"}
TESTS = """
import counting
from counting import *
def test_low(): check(low)
def test_high(): check(high)
def test_idle(): check(idle)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a system in it; what takes minutes is small, and nothing outside is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", "")
    (tmp_path / "counting.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "nothing.ndjson").write_text(json.dumps({**UNKNOWN, "returned": None}) + "\n", encoding="utf-8")
    small = (ExpectedRun("one view", BftBounds(max_view=1)), ExpectedRun("three", BftBounds(3, 1, 1), Verdict.VIOLATED))
    monkeypatch.setattr("quorate_check.cli.bft.RUNS", small)
    return tmp_path


# Commands with a path are in test_paths_command, the default check is in test_cli.
COMMANDS: dict[str, tuple[int, set[str]]] = {
    f"raft {' '.join(SMALL)}": (0, {"passed"}),
    f"simulate {' '.join(SMALL)} --walks 10": (0, {"passed"}),
    f"conform {' '.join(SMALL)} --in-flight 1": (0, {"passed"}),
    "bft": (0, {"passed"}),
    "bft --max-view 1": (0, {"passed"}),
    "outside --servers 1": (3, {"error", "skipped"}),
    "system counting:low": (0, {"passed"}),
    "system counting:high": (1, {"failure", "skipped"}),
    "system counting:idle": (3, {"passed", "error"}),
    "generals": (0, {"passed"}),
    "generals --protocol om --n 4 --traitors 1": (0, {"passed"}),
    "generals --protocol om --n 3 --traitors 1": (1, {"passed", "failure"}),
    "generals --protocol om --n 3 --traitors 1 --method projection": (1, {"skipped", "failure"}),
    "generals --protocol bracha --n 3 --traitors 1": (1, {"failure"}),
    f"history {HISTORIES}/good/lock.ndjson": (0, {"passed"}),
    f"history {HISTORIES}/bad/stale-read.ndjson": (1, {"failure"}),
    "history nothing.ndjson": (3, {"error"}),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.replace(f"{HISTORIES}/", ""))
def test_what_a_command_tells_ci_is_valid(command: str) -> None:
    """Whether its subject holds, is violated or isn't known to hold, by a case that says so."""
    status, found = COMMANDS[command]
    assert main([*command.split(), "--junit", "report.xml"]) == status
    told = read_junit(Path("report.xml").read_text(encoding="utf-8"))
    assert set(told.values()) == found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("before", "status", "said"), [("9", 1, "failure"), ("1", 3, "error")])
def test_what_a_replay_tells_ci_is_valid(before: str, status: int, said: str) -> None:
    """One case: the promise that was broken when the path was saved."""
    assert main(["system", "counting:high", "--engine", "reference", "--save", "path.json"]) == 1
    text = Path("path.json").read_text(encoding="utf-8")
    Path("path.json").write_text(text.replace("counting:high", "counting:low") if before == "1" else text)
    assert main(["replay", "path.json", "--junit", "report.xml"]) == status
    assert set(read_junit(Path("report.xml").read_text(encoding="utf-8")).values()) == {said}


def test_what_pytest_tells_ci_of_checks_is_valid(folder: Path) -> None:
    """A check adds nothing to a report that its schema has no place for, wherever it ran."""
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    for parallel in ((), ("-n", "1")):
        command = [*PYTEST, "--quorate-engine", "reference", "--junitxml", "report.xml", *parallel]
        done = subprocess.run(
            command, env=environment(), capture_output=True, encoding="utf-8", timeout=PROGRAM_S, check=False
        )
        assert "quorate: 3 checks explored 6 states" in done.stdout
        assert read_junit(Path("report.xml").read_text(encoding="utf-8")) == {
            ("test_it", "test_low"): "passed",
            ("test_it", "test_high"): "failure",
            ("test_it", "test_idle"): "failure",
        }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('tests="1" failures="0"', 'failures="0"'),
        ('<testsuites tests="1"', '<testsuites skipped="0" tests="1"'),
        ('errors="0"', 'errors="none"'),
        ('name="holds"', 'name=""'),
        ('name="holds"', 'named="holds"'),
        ('time="0.000"', 'time="-1"'),
        ("</testsuite>", "<case/></testsuite>"),
        ("<testsuite ", "<suite "),
    ],
)
def test_the_schema_refuses_what_is_none(before: str, after: str) -> None:
    """Or else it would say nothing of those that it takes."""
    text = junit_text([Suite("s", (Case("holds"),))])
    schema().validate(text)
    assert before in text
    with pytest.raises((xmlschema.XMLSchemaException, xmlschema.XMLResourceError, SyntaxError)):
        schema().validate(text.replace(before, after))


def test_a_case_has_one_result() -> None:
    """As many as it has, it counts once."""
    text = junit_text([Suite("s", (Case("breaks", Status.FAILED, "so"),))])
    twice = text.replace('<failure message="so" />', '<failure message="so" /><error message="so" />')
    assert twice != text
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema().validate(twice)
