"""Answers, as the reports of commands give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quorate_check.core.verdict import Verdict
from quorate_check.learn.exercises import NONE, Finding, Reading, Report

CONDITIONS = {"IC1": "ic1_violations", "IC2": "ic2_violations"}  # of the generals, with the fields that count runs


class UndecidedError(Exception):
    """A report has no verdict; the text is its conclusion."""


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of a report, the promise that breaks if there is one, the steps of the path, and a sentence."""

    verdict: Verdict
    broken: str
    steps: int
    sentence: str


def result_of(report: Report) -> Result:
    """Return the result of a search, of one rung of the ladder, or of one instance of the generals.

    Raises UndecidedError if the verdict is unknown.
    """
    verdict = Verdict(report["verdict"])
    if verdict is Verdict.UNKNOWN:
        raise UndecidedError(report.get("conclusion") or f"unknown: {report['stopped']}")
    if "rungs" in report:
        (rung,) = report["rungs"]
        sentence = f"{rung['broken']} breaks after {rung['steps']} steps" if rung["broken"] else "no promise breaks"
        return Result(verdict, rung["broken"] or NONE, rung["steps"] or 0, sentence)
    if "ic1_violations" in report:
        return _result_of_generals(report, verdict)
    path = report.get("path") or {"broken": None, "steps": []}  # a report of conformance has none
    return Result(verdict, path["broken"] or NONE, len(path["steps"]), report["conclusion"])


def _result_of_generals(report: Report, verdict: Verdict) -> Result:
    runs = report["runs_loyal_commander"] + (report["runs_traitor_commander"] or 0)
    broken = {name: report[field] for name, field in CONDITIONS.items() if report[field]}
    sentence = " and ".join(f"{name} breaks in {count:,} of {runs:,} runs" for name, count in broken.items())
    return Result(verdict, " and ".join(broken) or NONE, 0, sentence or f"IC1 and IC2 hold in all {runs:,} runs")


def broken_promise(reports: Sequence[Report]) -> Finding:
    """The promise that breaks first."""
    (report,) = reports
    result = result_of(report)
    return Finding(result.broken, result.sentence)


def steps(reports: Sequence[Report]) -> Finding:
    """The number of steps to a violation, or to a witness."""
    (report,) = reports
    result = result_of(report)
    return Finding(str(result.steps), result.sentence)


def holds(reports: Sequence[Report]) -> Finding:
    """Whether all promises hold, or a witness is reached."""
    (report,) = reports
    result = result_of(report)
    return Finding("yes" if result.verdict is Verdict.HOLDS else "no", result.sentence)


def least(verdict: Verdict, first: int) -> Reading:
    """Return the reading of the least number with this verdict; the reports are of `first` and the numbers after it."""

    def reading(reports: Sequence[Report]) -> Finding:
        results = dict(enumerate(map(result_of, reports), start=first))
        number = next((str(number) for number, result in results.items() if result.verdict is verdict), NONE)
        return Finding(number, "; ".join(f"with {number}: {result.sentence}" for number, result in results.items()))

    return reading


def runs_that_split(claim: str) -> Reading:
    """Return the reading of how many runs break IC1 by the row of this claim about the generals."""

    def reading(reports: Sequence[Report]) -> Finding:
        (report,) = reports
        (row,) = (row for row in report["rows"] if row["claim"] == claim)
        return Finding(str(row["ic1_violations"]), result_of(row).sentence)

    return reading
