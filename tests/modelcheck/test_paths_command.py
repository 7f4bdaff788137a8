"""Every command that finds a path can show it, save it, draw it, make a test of it and tell CI about it."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from junit_reading import read_junit
from quorate_check.cli import main
from quorate_check.cli.junit import suites_of_check
from quorate_check.core.verdict import Exploration, Verdict, WitnessResult
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.junit import Case, Status, Suite, junit_text
from quorate_check.tell.report import Report
from quorate_check.tell.summary import SideCheck, Summary


@pytest.mark.parametrize(
    ("command", "status", "broken", "cases"),
    [
        (["raft", "--traitor", "vote"], 1, "ElectionSafety", {"failure", "skipped"}),
        (["bft", "--no-lock"], 1, "LockSafety", {"failure", "skipped"}),
        (["ladder", "--rung", "7"], 0, "StateMachineSafety", {"passed"}),
        (["ladder", "--rung", "14"], 0, "StateMachineSafety", {"passed"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_path_of_any_subject_is_shown_saved_drawn_tested_and_walked_again(
    command: list[str],
    status: int,
    broken: str,
    cases: set[str],
    *,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The ladder's rungs break as they should, so its status is 0; what is replayed is broken all the same."""
    files = {flag: str(tmp_path / f"path{flag}") for flag in ("--save", "--html", "--pytest", "--junit")}
    assert main([*command, *(part for pair in files.items() for part in pair)]) == status
    assert f"{broken} is broken" in capsys.readouterr().out
    assert "<svg" in Path(files["--html"]).read_text()
    ast.parse(Path(files["--pytest"]).read_text())
    assert set(read_junit(Path(files["--junit"]).read_text()).values()) == cases
    again = str(tmp_path / "again.json")
    assert main(["replay", files["--save"], "--json", again, "--html", str(tmp_path / "again.html")]) == 1
    assert json.loads(Path(again).read_text())["path"]["broken"] == broken
    assert f"{broken} is still broken" in capsys.readouterr().out
    assert (tmp_path / "again.html").read_text().count('class="scene"') == len(
        json.loads(Path(again).read_text())["path"]["steps"]
    )


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize("command", ["raft", "simulate"])
def test_a_path_of_the_core_is_told_to_ci(command: str, tmp_path: Path) -> None:
    """The broken promise fails, and so does the search."""
    report = tmp_path / "report.xml"
    assert main([command, "--servers", "2", "--max-term", "1", "--junit", str(report)]) == 1
    cases = read_junit(report.read_text())
    assert set(cases.values()) == {"failure"}
    assert "NobodyLeads" in {name for _, name in cases}
    assert "election timeout" in report.read_text()


@pytest.mark.usefixtures("_broken")
def test_details_come_with_the_diagram_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The diagram shows what matters, the list every field that changed."""
    asked = ["raft", "--servers", "2", "--max-term", "1", "--engine", "reference"]
    assert main(asked) == 1
    assert "1. s1: election timeout" not in capsys.readouterr().out
    assert main([*asked, "--detail"]) == 1
    out = capsys.readouterr().out
    assert out.index("● election timeout") < out.index("1. s1: election timeout")


@pytest.mark.parametrize(
    "arguments",
    [
        ["raft", "--html", "/nowhere/path.html"],
        ["raft", "--pytest", "/nowhere/test_path.py"],
        ["raft", "--junit", "/nowhere/report.xml"],
        ["raft", "--html", "-"],
        ["raft", "--junit", "-"],
        ["raft", "--html", "same", "--pytest", "same"],
        ["ladder", "--html", "path.html"],
        ["ladder", "--rung", "99"],
        ["bft", "--save", "path.json"],
        ["replay", "/nowhere/path.json", "--html", "path.html"],
        ["--html", "path.html", "raft"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_written_or_is_not_one_path_is_refused_before_any_work(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with status 2, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert list(tmp_path.iterdir()) == []


HOLDS = Exploration("toy", (1, 2), 3, 0, 4, 0.5, ("Safe", "Sound"), (WitnessResult("a", 1),))
TOY = replace(RaftBounds().system(), invariants=())


def checked(exploration: Exploration, planned: int, *beside: SideCheck) -> dict[tuple[str, str], str]:
    """What CI is told of a check of one search."""
    reports = (Report(TOY, {}, exploration, name="run", purpose="to test"),)
    return read_junit(junit_text(suites_of_check(Summary(reports, planned, beside))))


def test_ci_is_not_told_that_something_passed_that_nobody_knows() -> None:
    """A search that was stopped is an error for each promise; what wasn't run is skipped, the whole in error."""
    stopped = checked(replace(HOLDS, stopped="interrupted"), 1)
    assert stopped["toy: run", "Safe"] == stopped["toy: run", "the search"] == "error"
    assert checked(HOLDS, 1) == {
        ("toy: run", "Safe"): "passed",
        ("toy: run", "Sound"): "passed",
        ("toy: run", "the search"): "passed",
        ("beside the searches", "all runs"): "passed",
    }
    missing = checked(
        HOLDS, 2, SideCheck("tlc", "needs Java", 0.0, None), SideCheck("spec", "fine", 0.1, Verdict.HOLDS)
    )
    assert missing["beside the searches", "tlc"] == "skipped"
    assert missing["beside the searches", "spec"] == "passed"
    assert missing["beside the searches", "all runs"] == "error"


def test_the_report_says_the_encoding_that_it_is_written_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's is."""
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    text = junit_text([Suite("s", (Case("→", Status.FAILED, "→", "│"),))])
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>")
    (element,) = ET.fromstring(text.encode()).iter("testcase")  # noqa: S314 - our own
    assert element.attrib["name"] == "→"


def test_what_xml_cannot_hold_is_left_out() -> None:
    """A subject's exception may say anything."""
    case = Case("a\0b", Status.FAILED, "\x1b[31m<&>\ud800", "]]>\uffff")
    (element,) = ET.fromstring(junit_text([Suite("s\x08", (case,))])).iter("testcase")  # noqa: S314 - our own
    assert (element.attrib["name"], element[0].attrib["message"], element[0].text) == ("a?b", "?[31m<&>?", "]]>?")
