"""`model-check bft`: the Byzantine core within bounds, and controls without a rule or a member, which must fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.good_views_bounds import GoodViewsBounds
from quorate_check.cli.paths import refuse_path_files, show_report
from quorate_check.core.verdict import CutOff, Verdict
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.report import (
    Report,
    plain_table,
    print_conclusion,
    print_coverage,
    print_path,
    verdict_text,
)
from quorate_check.tell.summary import SideCheck

if TYPE_CHECKING:
    from quorate_check.cli.output import Output
    from quorate_check.cli.running import Search


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """One search and its expected verdict."""

    name: str
    bounds: BftBounds
    expected: Verdict = Verdict.HOLDS


RUNS = (
    ExpectedRun("four servers, one traitor, three views", BftBounds(goes_on=True)),
    ExpectedRun("control: no lock rule", BftBounds(max_view=2, lock=False), Verdict.VIOLATED),
    ExpectedRun("control: three servers, quorum 2", BftBounds(servers=3, max_view=2), Verdict.VIOLATED),
    ExpectedRun("control: two traitors of four", BftBounds(traitors=2, max_view=2), Verdict.VIOLATED),
)


def check_bft(output: Output, bounds: BftBounds, search: Search, witness: str | None = None) -> Verdict:
    """Run the built-in searches, or one within `bounds` if they aren't the default, and report the result."""
    if bounds != BftBounds() or witness is not None:
        system, exploration = search.run_for(bounds.system(), witness, output.progress)
        settings = (search.engine.value, search.limits.workers)
        return show_report(output, Report(system, bounds.as_dict(), exploration, *settings))
    refuse_path_files(output, "give bounds, as in --no-lock")
    reports = []
    for run in RUNS:
        reports.append(_search(output, run, search))
        if reports[-1].exploration.stopped is not None:
            break
    return _conclude(output, tuple(reports))


def check_liveness(output: Output, search: Search, bounds: GoodViewsBounds) -> Verdict:
    """Search for a fair behaviour in which a member never decides, and report the result."""
    system = bounds.system()
    exploration = search.run(system, system.name, output.progress)
    settings = (search.engine.value, search.limits.workers)
    return show_report(output, Report(system, bounds.as_dict(), exploration, *settings))


def bft_check(output: Output, search: Search, bounds: BftBounds) -> SideCheck:
    """Search within `bounds` for the default check."""
    e = search.run(bounds.system(), "BFT among traitors", output.progress)
    text = (
        f"{bounds.servers} servers, {bounds.traitors} of them a traitor, {bounds.max_view} views: {e.states:,} states, "
    )
    return SideCheck("BFT among traitors", text + e.conclusion, e.seconds, e.verdict)


def _search(output: Output, run: ExpectedRun, search: Search) -> Report:
    system = run.bounds.system()
    exploration = search.run(system, run.name, output.progress)
    settings = (search.engine.value, search.limits.workers)
    return Report(system, run.bounds.as_dict(), exploration, *settings, run.name, f"{run.expected.value} is expected")


def _conclude(output: Output, reports: tuple[Report, ...]) -> Verdict:
    table = plain_table()
    for column in ("search", "states", "transitions", "steps", "time", "verdict"):
        table.add_column(column)
    for report in reports:
        e = report.exploration
        figures = (f"{e.states:,}", f"{e.transitions:,}", str(e.depth))
        table.add_row(report.name or "", *figures, f"{e.seconds:.1f} s", verdict_text(e.verdict))
    output.text.print(table)
    print_coverage(output.text, reports[0].exploration)
    for report in reports:
        if report.exploration.path is not None:
            output.text.print(f"\n{report.name}")
            print_path(output.text, report.system, report.exploration.path, hint=False, detail=output.paths.detail)
    verdict, conclusion = conclusion_of(reports)
    print_conclusion(output.text, verdict, conclusion)
    runs = [report.as_dict() for report in reports]
    output.write_json({"verdict": verdict.value, "conclusion": conclusion, "runs": runs})
    output.write_junit([_suite(reports)])
    return verdict


def conclusion_of(reports: tuple[Report, ...]) -> tuple[Verdict, str]:
    """Return the verdict on the built-in runs, in one line."""
    verdicts = [report.exploration.verdict for report in reports]
    if Verdict.UNKNOWN in verdicts:
        return Verdict.UNKNOWN, "unknown: a search was stopped"
    if verdicts != [run.expected for run in RUNS]:
        return Verdict.VIOLATED, "violated: a search has another verdict than expected"
    cut_off = CutOff.total(r.exploration.cut_off for r in reports if r.exploration.path is None)
    return Verdict.HOLDS, cut_off.after("holds, exhaustive within bounds; every control fails, as it must")


def _suite(reports: tuple[Report, ...]) -> Suite:
    """Return a case for each search, which passes if its verdict is the expected one."""
    cases = []
    for run, report in zip(RUNS, reports, strict=False):
        e = report.exploration
        status = Status.ERROR if e.verdict is Verdict.UNKNOWN else Status.FAILED
        as_expected = e.verdict is run.expected
        cases.append(Case(run.name, Status.PASSED if as_expected else status, e.conclusion, seconds=e.seconds))
    rest = [Case(run.name, Status.ERROR, "this search was not run") for run in RUNS[len(cases) :]]
    return Suite("bft", (*cases, *rest), sum(case.seconds for case in cases))
