"""Results as suites of test cases for CI.

A promise whose search ended early is an error, not a success; a promise whose search ended because another broke is
skipped. The output of a promise that holds is the search's conclusion, which says what the bounds cut off.
"""

from __future__ import annotations

from collections.abc import Mapping

from quorate_check.conformance.report import ConformanceReport
from quorate_check.core.path import Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Verdict
from quorate_check.tell.diagram import diagram_lines, ending_lines, fits
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.path_text import path_lines
from quorate_check.tell.report import Report
from quorate_check.tell.report_walks import SimulationReport
from quorate_check.tell.saved import Replay
from quorate_check.tell.story import story
from quorate_check.tell.summary import SideCheck, Summary

WIDTH = 100


def suite_of(report: Report) -> Suite:
    """Return the suite of a search: a case for each promise, and one for the search itself."""
    e = report.exploration
    name = e.subject if report.name is None else f"{e.subject}: {report.name}"
    verdicts = {promise: e.of_invariant(promise) for promise in e.invariants}
    verdicts |= {promise.name: e.of_liveness(promise.name) for promise in report.system.liveness}
    return _suite(name, report.system, verdicts, e.path, e.conclusion, e.verdict, e.seconds)


def suite_of_walks(report: SimulationReport) -> Suite:
    """Return the suite of random walks: a case for each promise, and one for the walks."""
    s = report.simulation
    name = f"{s.subject}: random walks"
    return _suite(name, report.system, report.verdicts(), s.path, s.conclusion, s.verdict, s.seconds)


def suite_of_replay(system: System, replay: Replay) -> Suite:
    """Return the suite of a replayed path, which is one case."""
    text = "" if replay.path is None else _path_text(system, replay.path)
    case = Case(replay.saved.broken, status_of(replay.verdict), replay.conclusion, text)
    return Suite(f"{replay.saved.subject}: replay", (case,))


def suite_of_conformance(report: ConformanceReport, system: System) -> Suite:
    """Return the suite of a check of conformance: a case for each run, an error for one that wasn't made."""
    cases = []
    for name, e in zip(report.names, report.explorations, strict=False):
        text = "" if e.path is None else _path_text(system, e.path)
        cases.append(Case(name, status_of(e.verdict), e.conclusion, text, e.seconds))
    missing_cases = [Case(name, Status.ERROR, "this run was not made") for name in report.names[len(cases) :]]
    return Suite("raft conforms to its specification", (*cases, *missing_cases), sum(case.seconds for case in cases))


def suites_of_check(summary: Summary) -> list[Suite]:
    """Return a suite for each search, and one for the side checks."""
    side_cases = tuple(map(_side_case, summary.side_checks))
    total = (Case("all runs", status_of(summary.verdict), summary.conclusion),)
    side_suite = Suite("beside the searches", (*side_cases, *total), sum(case.seconds for case in side_cases))
    return [*map(suite_of, summary.reports), side_suite]


def _side_case(check: SideCheck) -> Case:
    if check.verdict is None:
        return Case(check.name, Status.SKIPPED, f"not run: {check.answer}")
    return Case(check.name, status_of(check.verdict), check.answer, seconds=check.seconds)


def _suite(  # noqa: PLR0917 - what every search says
    name: str,
    system: System,
    verdicts: Mapping[str, Verdict],
    path: Path | None,
    conclusion: str,
    verdict: Verdict,
    seconds: float,
) -> Suite:
    picture = "" if path is None else _path_text(system, path)
    cases = []
    for promise, promise_verdict in verdicts.items():
        if path is not None and promise_verdict is Verdict.UNKNOWN:
            cases.append(Case(promise, Status.SKIPPED, f"the search ended when {path.broken} broke"))
        else:
            is_broken = promise_verdict is Verdict.VIOLATED
            cases.append(Case(promise, status_of(promise_verdict), conclusion, picture if is_broken else ""))
    text = picture if path is not None and path.broken not in verdicts else ""
    cases.append(Case("the search", status_of(verdict), conclusion, text, seconds))
    return Suite(name, tuple(cases), seconds)


def status_of(verdict: Verdict) -> Status:
    """Return the status of a case with this verdict; UNKNOWN is an error."""
    return {Verdict.HOLDS: Status.PASSED, Verdict.VIOLATED: Status.FAILED, Verdict.UNKNOWN: Status.ERROR}[verdict]


def _path_text(system: System, path: Path) -> str:
    picture = story(system, path)
    if not fits(picture, WIDTH):
        return "\n".join(path_lines(system, path, WIDTH))
    return "\n".join([*diagram_lines(picture, WIDTH), "", *ending_lines(picture, WIDTH)])
