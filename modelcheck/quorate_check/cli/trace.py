"""`model-check trace`: checks the trace of a cluster, line by line, against the specification."""

from pathlib import Path
from typing import Annotated

import typer

from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import draw
from quorate_check.cli.progress import Display
from quorate_check.cli.running import interruptible
from quorate_check.cli.trace_follow import follow_traces
from quorate_check.core.verdict import Verdict
from quorate_check.raft.traces.check import TraceCheck, TraceProgress
from quorate_check.raft.traces.findings import SENTENCES
from quorate_check.raft.traces.picture import LastLines
from quorate_check.raft.traces.report import as_dict, conclusion_of, print_traces, verdict_of, verdict_on
from quorate_check.tell.junit import Case, Suite

FollowOption = Annotated[
    bool, typer.Option("--follow", help="Judge the traces while they grow, and print a line of JSON for each step.")
]


def progress_line(p: TraceProgress) -> str:
    """Return the progress of a check of traces."""
    share = p.bytes_read / p.bytes_all if p.bytes_all else 1.0
    return f"{share:.0%} read, {p.lines:,} lines judged, {p.seconds:.0f} s"


def check_traces(output: Output, folder: Path, *, follow: bool) -> Verdict:
    """Judge the traces in `folder`, with `follow` while they grow, and report it.

    Raises UnusableSystemError if they are no traces of one cluster.
    """
    if follow:
        return follow_traces(output, folder)
    last_lines = LastLines()
    check = TraceCheck(folder, None if output.paths.html is None else last_lines.add)
    with (
        interruptible(output.progress) as stop,
        Display(output.progress, "trace", "reading", progress_line) as display,
    ):
        check.run(stop, display.report)
    print_traces(output.text, check)
    if check.finding is not None and output.paths.html is not None:
        draw(output, last_lines.story(check, check.finding))
    output.write_json(as_dict(check))
    output.write_junit([_suite(check)])
    return verdict_of(check)


def _suite(check: TraceCheck) -> Suite:
    """Return a case for each rule."""
    conclusion = conclusion_of(check)
    cases = [Case(rule.value, status_of(verdict_on(check, rule)), conclusion, SENTENCES[rule]) for rule in SENTENCES]
    return Suite("trace", tuple(cases), check.seconds)
