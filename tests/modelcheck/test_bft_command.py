"""`model-check bft`: its built-in runs under one verdict, what it refuses, and saved paths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance.check import DEFAULT_RUNS
from quorate_check.cli import main
from quorate_check.cli.bft import ExpectedRun
from quorate_check.core.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

HOLDS = ExpectedRun("one view", BftBounds(max_view=1, goes_on=True))
BREAKS = ExpectedRun("three servers", BftBounds(servers=3, max_view=1), Verdict.VIOLATED)


@pytest.mark.parametrize(
    ("runs", "status", "verdict"),
    [
        ((HOLDS, BREAKS), 0, "holds"),
        ((HOLDS, ExpectedRun("no control", BftBounds(max_view=1), Verdict.VIOLATED)), 1, "violated"),
        ((ExpectedRun("not so", BREAKS.bounds),), 1, "violated"),
    ],
)
def test_every_run_must_end_as_expected(
    runs: tuple[ExpectedRun, ...],
    status: int,
    verdict: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A control that holds is as wrong as a promise that breaks."""
    monkeypatch.setattr("quorate_check.cli.bft.RUNS", runs)
    report = tmp_path / "report.json"
    assert main(["bft", "--json", str(report), "--workers", "1", "--memory", "1"]) == status
    read = json.loads(report.read_text())
    assert read["verdict"] == verdict
    assert [run["name"] for run in read["runs"]] == [run.name for run in runs]


def test_a_path_is_told_in_words_saved_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What traitors do to whom, and what comes of it."""
    saved = tmp_path / "path.json"
    assert main(["bft", "--servers", "3", "--max-view", "1", "--memory", "1", "--detail", "--save", str(saved)]) == 1
    told = capsys.readouterr().out
    assert "the traitors propose something to it" in told
    assert "gives its first vote to" in told
    assert "can be shown it" in told
    assert main(["replay", str(saved)]) == 1


def test_conformance_has_bounds_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the search mean nothing there."""
    assert main(["bft", "--conform", "--servers", "5"]) == 2
    assert "--conform: its bounds are built in" in capsys.readouterr().err


def test_conformance_reports_what_explains_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for Raft: the runs, the sequences, and the actions that nothing used, with the reason."""
    monkeypatch.setattr("quorate_check.bft.conformance.check.DEFAULT_RUNS", DEFAULT_RUNS[:1])
    report = tmp_path / "report.json"
    assert main(["bft", "--conform", "--json", str(report), "--memory", "1"]) == 0
    read = json.loads(report.read_text())
    assert read["subject"] == "the Byzantine core conforms to its specification"
    assert read["sequences"]["handle_prepared"] > 0
    assert read["unused_actions"]["certify"] == "nobody's votes arrive"
    assert read["distinct_steps"] == sum(read["sequences"].values())
