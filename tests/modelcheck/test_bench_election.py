"""`model-check bench --only election`: one model under several checkers, in one run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quorate_check.cli import main, measuring, side_by_side
from quorate_check.cli.bench import StoppedError
from quorate_check.core.verdict import Verdict
from quorate_check.outside import election
from quorate_check.outside.election import Judge, Size
from quorate_check.outside.judgement import CheckerError, Judgement
from quorate_check.outside.process import Limit

TINY = Size(servers=2, terms=1, capacity=2)
ELECTION = ["bench", "--only", "election"]


def silently(_name: str) -> Callable[[object], None]:
    """Nobody watches."""
    return lambda _progress: None


def judgement(**changes: object) -> Judgement:
    """What a checker counted."""
    whole = Judgement(
        "some", Verdict.HOLDS, 3.0, states=10, transitions=20, searching=2.0, processor=4.0, memory=1 << 20
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the smallest size, once."""
    monkeypatch.setattr(
        measuring, "measure_election", lambda stop, reporter: side_by_side.measure_election(stop, reporter, TINY, 1)
    )


@pytest.mark.usefixtures("_small")
def test_the_table_has_a_row_for_each_search_that_ran(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With real programs: whoever isn't here is named, with what to install."""
    report = tmp_path / "bench.json"
    assert main([*ELECTION, "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    written = json.loads(report.read_text(encoding="utf-8"))["election"]
    here = [(j, workers) for j, workers in side_by_side.SEARCHES if j.missing() is None]
    assert [row["name"] for row in written["rows"]] == [side_by_side.Row(j, workers, ()).name for j, workers in here]
    assert len({(row["states"], row["transitions"]) for row in written["rows"]}) == 1
    assert all(min(row["processor_seconds"]) > 0 for row in written["rows"])
    assert all(printed.count(f"\n{row['name']} ") == 2 for row in written["rows"])
    assert written["not_run"] == [f"{j.value}: {j.missing()}" for j in (Judge.SPIN, Judge.TLC) if j.missing()]
    assert "All that ran counted the same." in printed


def test_what_is_not_there_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And our own search is measured all the same."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(side_by_side, "count", lambda *_: judgement())
    assert main(ELECTION) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "spin: not run: spin isn't on the PATH: install it, for instance apt-get install spin" in printed
    assert any(line.startswith("tlc: not run: TLC needs Java 11 or newer: install") for line in printed)
    assert sum(line.startswith("quorate, ") for line in printed) == 4


def test_without_the_model_nothing_runs_and_the_reason_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in an installation that is no checkout."""
    monkeypatch.setattr(election, "FOLDER", tmp_path / "nowhere")
    assert main(ELECTION) == 3
    assert capsys.readouterr().out.count("run it from a checkout") == 1


def test_who_counts_differently_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Then the times mean nothing, and the command fails."""

    def one_more(_size: Size, judge: Judge, _limit: Limit, _workers: int) -> Judgement:
        return judgement(states=11) if judge is Judge.SPIN else judgement()

    monkeypatch.setattr(side_by_side, "count", one_more)
    monkeypatch.setattr(Judge, "missing", lambda _judge: None)
    assert main(ELECTION) == 1
    printed = capsys.readouterr().out
    different = "spin, 1 worker: holds, 11 states, 20 transitions; quorate, 1 worker: holds, 10 states, 20 transitions"
    assert different in printed.splitlines()


def test_who_fails_is_named_and_the_others_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that prints no count has no row."""

    def count(_size: Size, judge: Judge, _limit: Limit, _workers: int) -> Judgement:
        if judge is Judge.SPIN:
            raise CheckerError("spin ended with status 1")
        return judgement()

    monkeypatch.setattr(side_by_side, "count", count)
    monkeypatch.setattr(Judge, "missing", lambda _judge: None)
    measured = side_by_side.measure_election(lambda: None, silently, TINY, 2)
    assert measured.disagreements == ("spin ended with status 1",)
    assert [row.name for row in measured.rows] == [
        "quorate, 1 worker",
        "quorate, 2 workers",
        "tlc, 1 worker",
        "tlc, 2 workers",
    ]
    assert [len(row.runs) for row in measured.rows] == [2, 2, 2, 2]


def test_a_benchmark_that_is_stopped_shows_no_half_of_a_round() -> None:
    """The reason is passed on, and no program is left running."""
    with pytest.raises(StoppedError, match="enough"):
        side_by_side.measure_election(lambda: "enough", silently, TINY, 1)


def test_a_benchmark_that_is_stopped_shows_the_rounds_that_were_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The second of three ends with TLC's first run: every row has one run, and the verdict is open."""
    calls: list[Judge] = []

    def count(_size: Size, judge: Judge, _limit: Limit, _workers: int) -> Judgement:
        calls.append(judge)
        return judgement(stopped="interrupted") if calls.count(Judge.TLC) == 3 else judgement()

    monkeypatch.setattr(side_by_side, "count", count)
    monkeypatch.setattr(Judge, "missing", lambda _judge: None)
    report = tmp_path / "bench.json"
    assert main([*ELECTION, "--json", str(report)]) == 3
    assert "unknown: interrupted after 1 of 3 rounds" in capsys.readouterr().out
    rows = json.loads(report.read_text(encoding="utf-8"))["election"]["rows"]
    assert [(row["name"], len(row["seconds"])) for row in rows] == [
        (side_by_side.Row(judge, workers, ()).name, 1) for judge, workers in side_by_side.SEARCHES
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("int x", "spin ended with status"),
        ("active proctype p() { byte i; do :: i < 2 -> i++ od }", "no whole count"),
    ],
    ids=["no Promela", "a deadlock, where the model has none"],
)
def test_what_spin_cannot_search_whole_is_no_count(tmp_path: Path, wrong: str, reason: str) -> None:
    """A text that it can't read, and a search that an error ends early."""
    if (missing := Judge.SPIN.missing()) is not None:
        pytest.skip(missing)
    model = tmp_path / "wrong.pml"
    model.write_text(wrong, encoding="utf-8")
    with pytest.raises(CheckerError, match=reason):
        election.spin.count(model, {}, election.spin.find(), Limit(seconds=600))
