"""`model-check outside`: the specification, judged by checkers that share no code with this one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from quorate_check.cli.base import STATUS, app
from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_path
from quorate_check.cli.progress import Display, announce
from quorate_check.cli.running import COMPILING, interruptible
from quorate_check.cli.spec_options import LimitOption, spec_bounds
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict, counted
from quorate_check.outside.compare import Agreement, Checker, Terms, agree, verdict_here
from quorate_check.outside.judgement import NotRunError
from quorate_check.outside.runs import RUNS, Comparison
from quorate_check.outside.sets import stray_lines
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.progress import SearchFigures
from quorate_check.tell.report import bounds_text, plain_table, print_conclusion, verdict_text


@dataclass(slots=True)
class OutsideReport:
    """The comparisons that were made, and a line for each checker that wasn't run."""

    planned: int
    agreements: list[tuple[str, Agreement]] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if anything differs or breaks, UNKNOWN if anything ended early or no checker ran, else HOLDS."""
        verdicts = {agreement.verdict for _, agreement in self.agreements}
        if Verdict.VIOLATED in verdicts:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts or not verdicts else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        for name, agreement in self.agreements:
            if agreement.verdict is self.verdict is not Verdict.HOLDS:
                return f"{name}, {agreement.checker.value}: {agreement.conclusion}"
        if not self.agreements:
            return "unknown: no outside checker is installed"
        judges = ", ".join(dict.fromkeys(agreement.checker.value for _, agreement in self.agreements))
        bounds = len({agreement.bounds for _, agreement in self.agreements})
        return f"agrees with {judges}, on {counted(bounds, 'set')} of bounds"

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "not_run": list(self.not_run),
            "runs": [{"name": name, **agreement.as_dict()} for name, agreement in self.agreements],
        }


def compare(output: Output, bounds: SpecBounds | None, checker: Checker | None, terms: Terms) -> Verdict:
    """Compare within `bounds`, or the built-in list, with `checker`, or all that are installed, and report it.

    Raise UnusableSystemError if a checker that was named can't run.
    """
    runs = RUNS if bounds is None else (Comparison("your bounds", bounds, terms.workers, small=True),)
    if bounds is None:
        announce(output.progress, "outside", "some minutes")
    with (
        interruptible(output.progress) as stop,
        Display(output.progress, "outside", COMPILING, counts_line) as display,
    ):
        report = _compare(runs, checker, replace(terms, stop=stop), display)
    print_outside(output.text, report)
    for _, agreement in report.agreements:
        if agreement.path is not None:
            show_path(output, agreement.system, agreement.bounds.as_dict(), agreement.path)
    output.write_json(report.as_dict())
    output.write_junit([_suite(report)])
    return report.verdict


def _suite(report: OutsideReport) -> Suite:
    """Return a case for each comparison, and one for all of them; a checker that can't run here is skipped."""
    cases = [
        Case(f"{name}: {a.checker.value}", status_of(a.verdict), a.conclusion, seconds=a.exploration.seconds)
        for name, a in report.agreements
    ]
    skips = [Case(f"not run {n}", Status.SKIPPED, reason) for n, reason in enumerate(report.not_run, start=1)]
    total = Case("all comparisons", status_of(report.verdict), report.conclusion)
    return Suite("the specification under other checkers", (*cases, *skips, total), sum(c.seconds for c in cases))


def _compare(
    runs: tuple[Comparison, ...], choice: Checker | None, terms: Terms, display: Display[SearchFigures]
) -> OutsideReport:
    """Make all comparisons, up to the first that disagrees."""
    checkers = list(Checker) if choice is None else [choice]
    report = OutsideReport(len(runs))
    for checker in list(checkers):
        if (missing := checker.missing()) is not None:
            if choice is not None:
                raise UnusableSystemError(missing)
            report.not_run.append(f"{checker.value}: {missing}")
            checkers.remove(checker)
    for number, run in enumerate(runs, start=1):
        for checker in checkers:
            if checker is not Checker.TLC and not run.small:
                continue
            reporter = display.rename(f"{number}/{len(runs)} {run.name}, {checker.value}")
            try:
                agreement = agree(run.bounds, checker, replace(terms, workers=run.workers, report=reporter))
            except NotRunError as reason:
                if choice is not None:
                    raise UnusableSystemError(str(reason)) from reason
                report.not_run.append(f"{checker.value}: {reason}")
                continue
            report.agreements.append((run.name, agreement))
            if agreement.verdict is not Verdict.HOLDS:
                return report
    return report


def counts_line(p: SearchFigures) -> str:
    """Return the progress line of a search, here or by another checker."""
    return f"depth {p.depth}, {p.states:,} states, {p.transitions:,} transitions, {p.seconds:.0f} s"


def print_outside(console: Console, report: OutsideReport) -> None:
    """Print the counts of each checker, their differences, and what wasn't run."""
    table = plain_table()
    table.add_column("bounds")
    for heading in ("by", "states", "depth", "verdict", "sets", "seconds"):
        numeric = heading in {"states", "depth", "seconds"}
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=True)
    for number, (name, agreement) in enumerate(report.agreements):
        if number:
            table.add_row()
        table.add_row(*_row(name, agreement))
    if report.agreements:
        console.print(table)
    for line in report.not_run:
        console.print(Text(line, style="yellow"), soft_wrap=True)
    for _, agreement in report.agreements:
        if agreement.stray is not None:
            console.print()
            for line in stray_lines(agreement.system, agreement.stray, console.width):
                console.print(line, soft_wrap=True)
    print_conclusion(console, report.verdict, report.conclusion)


def _row(name: str, agreement: Agreement) -> Iterator[Text]:
    """Yield the bounds, then in each cell what is ours and below it what is theirs."""
    exploration, judgement = agreement.exploration, agreement.judgement
    yield Text(f"{name}: {bounds_text(agreement.bounds.as_dict())}")
    our_cells: tuple[str | Text, ...] = (
        "here",
        _reached(agreement, exploration.tuples, exploration.states),
        "-" if agreement.bounds.any_network else f"{exploration.depth}",
        verdict_text(verdict_here(exploration)),
        "",
        f"{exploration.seconds:.1f}",
    )
    their_cells: tuple[str | Text, ...] = (agreement.checker.value, "", "", "failed", "", "")
    if judgement is not None:
        sets_text = "differ" if agreement.stray is not None else "same"
        their_cells = (
            agreement.checker.value,
            _reached(agreement, agreement.tuples, judgement.states),
            "-" if judgement.depth is None else f"{judgement.depth}",
            verdict_text(judgement.verdict),
            sets_text if agreement.sets_compared else "-",
            f"{judgement.seconds:.1f}",
        )
    elif exploration.stopped is not None:
        their_cells = (agreement.checker.value, "", "", "not asked", "", "")
    for cells in zip(our_cells, their_cells, strict=True):
        yield Text("\n").join(cell if isinstance(cell, Text) else Text(cell) for cell in cells)


def _reached(agreement: Agreement, tuples: int | None, states: int | None) -> str:
    """Return the states that a side reached or, with any number of messages, the tuples of local states."""
    counts = (tuples, " tuples") if agreement.bounds.any_network else (states, "")
    return "-" if counts[0] is None else f"{counts[0]:,}{counts[1]}"


@app.command(epilog="Example: model-check outside --checker tlc --servers 3 --in-flight 1 --no-symmetry")
@spec_bounds
@path_output()
def outside(
    bounds: SpecBounds | None,
    *,
    checker: Annotated[
        Checker | None, typer.Option("--checker", help="The checker to run.", show_default="all that are installed")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="TLC's threads, within your bounds.")] = 1,
    time_limit: LimitOption = None,
    output: Output,
) -> int:
    """Compare the Python specification with TLC and tla-checker. The bounds are yours or a built-in list."""
    return STATUS[compare(output, bounds, checker, Terms(workers=workers, seconds=time_limit))]
