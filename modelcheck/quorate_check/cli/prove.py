"""`model-check prove`: proofs by z3 for any number of steps, and their ties to the code."""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from quorate_check.api.extras import MISSING, has_z3
from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import JsonOption, cores
from quorate_check.cli.output import Output, PathFiles
from quorate_check.cli.progress import Display, announce
from quorate_check.cli.running import interruptible
from quorate_check.core.system import UnusableSystemError
from quorate_check.tell.progress import time_left
from quorate_check.tell.summary import SideCheck

if TYPE_CHECKING:
    from quorate_check.proofs.pool import ProofProgress
    from quorate_check.proofs.report import ProofReport

DEFAULT_LIMIT_S = 20.0
QUICK_LIMIT_S = 10.0
MOST_PROCESSES = 2
LONG_SUBJECTS = {None, "raft"}  # these take more than a few seconds; None is all subjects


class Subjects(Enum):
    """The subjects of proofs."""

    QUORUMS = "quorums"
    GENERALS = "generals"
    RAFT = "raft"
    BFT = "bft"


@app.command(epilog="Example: model-check prove --only quorums")
def prove(
    *,
    only: Annotated[
        Subjects | None,
        typer.Option("--only", help="Run the proofs of one subject, and print every counterexample."),
    ] = None,
    limit: Annotated[
        float,
        typer.Option("--limit", min=0.001, help="Work for a query to z3, in seconds of an idle core."),
    ] = DEFAULT_LIMIT_S,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write them as a page, with every counterexample.")
    ] = None,
    json: JsonOption = None,
) -> int:
    """Prove safety by z3 for any number of steps and servers. Ties compare the proofs with the explored code."""
    output = Output.to(json, PathFiles(html=html))
    require_z3()
    from quorate_check.proofs.page import page  # noqa: PLC0415 - z3 is an extra
    from quorate_check.proofs.report import print_proofs  # noqa: PLC0415 - z3 is an extra

    report = run_proofs(output, None if only is None else only.value, limit)
    print_proofs(output.text, report, counterexamples=only is not None)
    output.write_json(report.as_dict())
    if html is not None:
        output.write("--html", html, page(report))
    return STATUS[report.verdict]


def require_z3() -> None:
    """Raise UnusableSystemError if z3 isn't installed."""
    if not has_z3():
        raise UnusableSystemError(MISSING)


def run_proofs(output: Output, only: str | None, limit: float, *, quick: bool = False) -> ProofReport:
    """Run the proofs of one subject or of all, or only the quick ones, until interrupted."""
    from quorate_check.proofs import pool, report  # noqa: PLC0415 - z3 is an extra

    start = time.perf_counter()
    subjects = [pool.load(name) for name in pool.SUBJECTS if only in {None, name}]
    tasks = {subject.name: pool.tasks_of(subject, limit, quick=quick) for subject in subjects}
    # Ties take longest, so those of all subjects begin first.
    order = sorted((t for some in tasks.values() for t in some), key=lambda t: -t.limit)
    with interruptible(output.progress) as stop, Display(output.progress, "prove", "starting z3", _line) as display:
        if not quick and only in LONG_SUBJECTS:
            announce(output.progress, "prove", "about a minute")
        outcomes = pool.perform_all(order, min(MOST_PROCESSES, cores()), stop, display.report)
        reason = stop()
    parts = tuple(
        report.SubjectReport(
            subject,
            frozenset(task.name for task in tasks[subject.name]),
            {task.name: outcomes[task] for task in tasks[subject.name] if task in outcomes},
        )
        for subject in subjects
    )
    return report.ProofReport(parts, time.perf_counter() - start, reason)


def quick_proofs(output: Output) -> SideCheck:
    """Run the quick proofs for the default check; without z3, return that they didn't run."""
    if not has_z3():
        return SideCheck("proofs", f"not run: {MISSING}", 0.0, None)
    proofs = run_proofs(output, None, QUICK_LIMIT_S, quick=True)
    return SideCheck("proofs", proofs.conclusion, proofs.seconds, proofs.verdict)


def _line(progress: ProofProgress) -> str:
    remaining_text = time_left(progress.done, progress.total, progress.seconds)
    return f"{progress.done} of {progress.total} done; at {', '.join(progress.current) or 'nothing'}{remaining_text}"
