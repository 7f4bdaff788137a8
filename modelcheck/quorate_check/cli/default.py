"""Plain `model-check`: searches of the cores, checks among traitors, conformance, proofs, and TLC."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from quorate_check.api import registry
from quorate_check.api.registry import DefaultRun
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance.check import DEFAULT_RUNS as BYZANTINE_RUNS
from quorate_check.cli.bft import bft_check
from quorate_check.cli.conform import check_beside
from quorate_check.cli.conform import check_bft as check_bft_conformance
from quorate_check.cli.generals import claims_check as generals
from quorate_check.cli.jobs import Job, run_jobs
from quorate_check.cli.junit import suites_of_check
from quorate_check.cli.ladder import first_rungs
from quorate_check.cli.liveness import liveness_check
from quorate_check.cli.output import Output
from quorate_check.cli.outside import counts_line
from quorate_check.cli.paths import show_path
from quorate_check.cli.progress import Display
from quorate_check.cli.prove import quick_proofs
from quorate_check.cli.running import Search, interruptible
from quorate_check.conformance.report import ConformanceReport
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.engine.limits import LEAST_BYTES
from quorate_check.outside.compare import Agreement, Checker, Terms, agree, verdict_here
from quorate_check.raft.conformance.check import DEFAULT_RUNS as RAFT_RUNS
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.report import Report
from quorate_check.tell.summary import SideCheck, Summary, print_summary

DEFAULT_CHECK = registry.default_check()
CONFORMANCE = RAFT_RUNS[:3]  # as it is served; the first has the bounds of the first run, and they share its search
BYZANTINE = BftBounds()
BYZANTINE_CONFORMANCE = BYZANTINE_RUNS[:2]
SPECIFICATION = SpecBounds()  # the bounds of MCRaft.cfg
TLC_LIMIT_S = 300
UNFINISHED = "unknown: it didn't come to its end"
EXPLAINED = "conformance of Raft"
SPECIFIED = "specification"
SIDE_CHECKS = (
    "generals",
    "Raft beside a traitor",
    "BFT among traitors",
    "liveness of Raft",
    EXPLAINED,
    "conformance of BFT",
    "proofs",
    SPECIFIED,
)
# Of the longest, about how many seconds they take, which says what begins first.
SECONDS = {
    SPECIFIED: 55,
    "as it is served": 45,
    "as its clients see it, with two elections": 20,
    "BFT among traitors": 18,
    "changes of the members": 13,
    "longer logs": 12,
    "as its clients see it": 10,
    "as its clients see it, passed on": 10,
    "as its clients see it, with connections that end": 10,
    "conformance of BFT": 9,
    "snapshots": 8,
}


def run_default_check(output: Output, search: Search) -> Verdict:
    """Run the searches and the side checks, as many beside each other as there are workers, and report.

    If a search finds a violation, what comes after it doesn't count.
    """
    processes = search.limits.workers
    share = max(search.limits.bytes // processes, LEAST_BYTES)
    alone = replace(search, limits=replace(search.limits, workers=1, memory=share))
    jobs = [_search_job(number, run, alone) for number, run in enumerate(DEFAULT_CHECK, start=1)]
    jobs += _side_jobs(alone)
    parts = run_jobs("default check", jobs, processes, output.progress, _decides)
    side_parts = {jobs[number].name: part for number, part in parts.items() if number >= len(DEFAULT_CHECK)}
    if 0 in parts:
        parts[0], side_parts[EXPLAINED] = parts[0]
    settings = (alone.engine.value, alone.limits.workers)
    reports = tuple(
        Report(run.bounds.system(), run.bounds.as_dict(), parts[n], *settings, run.name, run.purpose, run.bounds.claim)
        for n, run in enumerate(DEFAULT_CHECK)
        if n in parts
    )
    side_checks: list[SideCheck] = []
    if not any(map(_decides, parts.values())):
        for name in SIDE_CHECKS:
            side_checks += side_parts.get(name, (SideCheck(name, UNFINISHED, 0.0, Verdict.UNKNOWN),))
    summary = Summary(reports, len(DEFAULT_CHECK), tuple(side_checks))
    print_summary(output.text, summary)
    for report in reports:
        show_path(output, report.system, report.bounds, report.exploration.path)
    output.write_json(summary.as_dict())
    output.write_junit(suites_of_check(summary))
    return summary.verdict


Served = tuple[Exploration, tuple[SideCheck, ...]]  # the first run, and conformance


def _decides(part: Exploration | Served | tuple[SideCheck, ...]) -> bool:
    exploration = part[0] if isinstance(part, tuple) else part
    return isinstance(exploration, Exploration) and exploration.path is not None


def _search_job(number: int, run: DefaultRun, search: Search) -> Job:
    name = f"{number}/{len(DEFAULT_CHECK)} {run.name}"

    def served(output: Output) -> Served:
        exploration, report = check_beside(output, search, run.bounds.system(), name, CONFORMANCE)
        return exploration, () if report is None else (_side_check(EXPLAINED, report),)

    def alone(output: Output) -> Exploration:
        limits = replace(search.limits, reduced=run.reduced)
        return replace(search, limits=limits).run(run.bounds.system(), name, output.progress)

    return Job(name, served if number == 1 else alone, SECONDS.get(run.name, 0))


def _side_jobs(search: Search) -> Iterator[Job]:
    def conformance_of_bft(output: Output) -> SideCheck:
        return _side_check("conformance of BFT", check_bft_conformance(output, search, BYZANTINE_CONFORMANCE)[0])

    checks: dict[str, Callable[[Output], SideCheck]] = {
        "generals": generals,
        "Raft beside a traitor": lambda output: first_rungs(output, search),
        "BFT among traitors": lambda output: bft_check(output, search, BYZANTINE),
        "liveness of Raft": lambda output: liveness_check(output, search),
        "conformance of BFT": conformance_of_bft,
        "proofs": quick_proofs,
    }
    yield from (Job(name, partial(_alone, check), SECONDS.get(name, 0)) for name, check in checks.items())
    yield Job(SPECIFIED, lambda output: tuple(_specification(output, search)), SECONDS[SPECIFIED])


def _alone(check: Callable[[Output], SideCheck], output: Output) -> tuple[SideCheck]:
    return (check(output),)


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
