"""Plain `model-check`: searches of the cores, checks among traitors, conformance, proofs, and TLC."""

from collections.abc import Callable, Iterator

from quorate_check.api import registry
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance.check import DEFAULT_RUNS as BYZANTINE_RUNS
from quorate_check.cli.bft import bft_check
from quorate_check.cli.conform import check as check_conformance
from quorate_check.cli.conform import check_bft as check_bft_conformance
from quorate_check.cli.generals import claims_check as generals
from quorate_check.cli.junit import suites_of_check
from quorate_check.cli.ladder import first_rungs
from quorate_check.cli.output import Output
from quorate_check.cli.outside import counts_line
from quorate_check.cli.paths import show_path
from quorate_check.cli.progress import Display
from quorate_check.cli.prove import quick_proofs
from quorate_check.cli.running import Search, interruptible
from quorate_check.conformance.report import ConformanceReport
from quorate_check.core.verdict import Verdict
from quorate_check.outside.compare import Agreement, Checker, Terms, agree, verdict_here
from quorate_check.raft.conformance.check import DEFAULT_RUNS as RAFT_RUNS
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.report import Report
from quorate_check.tell.summary import SideCheck, Summary, print_summary

DEFAULT_CHECK = registry.default_check()
CONFORMANCE = RAFT_RUNS[1]  # the run with the most actions
BYZANTINE = BftBounds()
BYZANTINE_CONFORMANCE = BYZANTINE_RUNS[:2]
SPECIFICATION = SpecBounds()  # the bounds of MCRaft.cfg
TLC_LIMIT_S = 300


def run_default_check(output: Output, search: Search) -> Verdict:
    """Run the searches and the side checks, and report; end at the first search that finds a violation or stops."""
    reports: list[Report] = []
    for number, run in enumerate(DEFAULT_CHECK, start=1):
        name = f"{number}/{len(DEFAULT_CHECK)} {run.name}"
        system = run.bounds.system()
        exploration = search.run(system, name, output.progress)
        settings = (search.engine.value, search.limits.workers)
        description = (run.name, run.purpose, run.bounds.claim)
        reports.append(Report(system, run.bounds.as_dict(), exploration, *settings, *description))
        if exploration.stopped is not None or exploration.path is not None:
            break
    last_report = reports[-1]
    is_last = last_report.exploration.stopped is not None or last_report.exploration.path is not None
    side_checks = () if is_last else tuple(_side_checks(output, search))
    summary = Summary(tuple(reports), len(DEFAULT_CHECK), side_checks)
    print_summary(output.text, summary)
    show_path(output, last_report.system, last_report.bounds, last_report.exploration.path)
    output.write_json(summary.as_dict())
    output.write_junit(suites_of_check(summary))
    return summary.verdict


def _side_checks(output: Output, search: Search) -> Iterator[SideCheck]:
    """Yield the side checks, up to one that is interrupted."""
    checks: tuple[Callable[[], SideCheck], ...] = (
        lambda: generals(output),
        lambda: first_rungs(output, search),
        lambda: bft_check(output, search, BYZANTINE),
        lambda: _side_check("conformance of Raft", check_conformance(output, search, (CONFORMANCE,))[0]),
        lambda: _side_check("conformance of BFT", check_bft_conformance(output, search, BYZANTINE_CONFORMANCE)[0]),
        lambda: quick_proofs(output),
    )
    for check in checks:
        yield (answer := check())
        if answer.verdict is Verdict.UNKNOWN:
            return
    yield from _specification(output, search)


def _side_check(name: str, report: ConformanceReport) -> SideCheck:
    return SideCheck(name, report.conclusion, sum(e.seconds for e in report.explorations), report.verdict)


def _specification(output: Output, search: Search) -> Iterator[SideCheck]:
    if (missing := Checker.TLC.missing()) is not None:
        exploration = search.run(SPECIFICATION.system(), "specification", output.progress)
        text = f"{exploration.states:,} states, depth {exploration.depth}: {exploration.conclusion}"
        yield SideCheck("specification", text, exploration.seconds, exploration.verdict)
        yield SideCheck("specification under TLC", missing, 0.0, None)
        return
    with (
        interruptible(output.progress) as stop,
        Display(output.progress, "specification, here and under TLC", "starting TLC", counts_line) as display,
    ):
        agreement = agree(SPECIFICATION, Checker.TLC, Terms(seconds=TLC_LIMIT_S, stop=stop, report=display.report))
    yield from _specification_checks(agreement)


def _specification_checks(agreement: Agreement) -> Iterator[SideCheck]:
    exploration, judgement = agreement.exploration, agreement.judgement
    text = f"{exploration.states:,} states, depth {exploration.depth}: {exploration.conclusion}"
    yield SideCheck("specification", text, exploration.seconds, verdict_here(exploration))
    counts = (
        ""
        if judgement is None or judgement.states is None
        else f"{judgement.states:,} states, depth {judgement.depth}: "
    )
    seconds = 0.0 if judgement is None else judgement.seconds
    yield SideCheck("specification under TLC", counts + agreement.conclusion, seconds, agreement.verdict)
