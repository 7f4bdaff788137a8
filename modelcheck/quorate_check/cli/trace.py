"""`model-check trace`: checks the trace of a cluster, line by line, against the specification."""

from pathlib import Path
from typing import Annotated

import typer

from quorate_check.bft.traces import check as bft
from quorate_check.bft.traces import report as bft_report
from quorate_check.bft.traces.picture import LastSteps
from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import draw
from quorate_check.cli.progress import Display
from quorate_check.cli.running import interruptible
from quorate_check.cli.trace_follow import follow_traces
from quorate_check.core.verdict import Verdict
from quorate_check.raft.traces import report as raft_report
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.picture import LastLines
from quorate_check.tell.junit import Case, Suite
from quorate_check.traces.reading import protocol_in
from quorate_check.traces.report import TraceReport

FollowOption = Annotated[
    bool, typer.Option("--follow", help="Judge the traces while they grow, and print a line of JSON for each step.")
]


def check_traces(output: Output, folder: Path, *, follow: bool) -> Verdict:
    """Judge the traces in `folder`, with `follow` while they grow, and report it.

    Raises UnusableSystemError if they are no traces of one cluster.
    """
    if follow:
        return follow_traces(output, folder)
    report = _bft(output, folder) if protocol_in(folder) == "bft" else _raft(output, folder)
    output.write_json(report.as_dict())
    output.write_junit([_suite(report)])
    return report.verdict


def _raft(output: Output, folder: Path) -> TraceReport:
    last_lines = LastLines()
    check = TraceCheck(folder, None if output.paths.html is None else last_lines.add)
    _run(output, check)
    report = raft_report.report_of(check)
    raft_report.print_traces(output.text, check, report)
    if check.finding is not None and output.paths.html is not None:
        draw(output, last_lines.story(check, check.finding))
    return report


def _bft(output: Output, folder: Path) -> TraceReport:
    last_steps = LastSteps()
    check = bft.TraceCheck(folder, None if output.paths.html is None else last_steps.add)
    _run(output, check)
    report = bft_report.report_of(check)
    bft_report.print_traces(output.text, check, report)
    if check.finding is not None and output.paths.html is not None:
        draw(output, last_steps.story(check, check.finding))
    return report


def _run(output: Output, check: TraceCheck | bft.TraceCheck) -> None:
    with (
        interruptible(output.progress) as stop,
        Display(output.progress, "trace", "reading", str) as display,
    ):
        check.run(stop, display.report)


def _suite(report: TraceReport) -> Suite:
    """Return a case for each rule."""
    cases = [Case(rule.name, status_of(rule.verdict), report.conclusion, rule.sentence) for rule in report.rules]
    return Suite("trace", tuple(cases), report.seconds)
