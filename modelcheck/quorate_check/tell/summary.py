"""Several searches reported as one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from quorate_check.core.verdict import CutOff, Verdict, WitnessResult
from quorate_check.tell.report import STYLES, Report, bounds_text, plain_table, print_conclusion, verdict_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


INDENTED = (0, 0, 0, 2)
ANSWERS = {Verdict.HOLDS: "yes", Verdict.VIOLATED: "no", Verdict.UNKNOWN: "?"}
PROPERTIES_LEGEND = (
    "A number is that of the fewest steps to a witness; -: not a property of this run, or impossible in it."
)


@dataclass(frozen=True, slots=True)
class SideCheck:
    """A check beside the searches of the code: its name, its result in one line (`answer`), and its verdict.

    A check that wasn't run has the verdict None, and its answer is the reason.
    """

    name: str
    answer: str
    seconds: float
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Several searches under one verdict, and the side checks; `planned` is the number of searches planned."""

    reports: tuple[Report, ...]
    planned: int
    side_checks: tuple[SideCheck, ...] = ()

    @property
    def unseen(self) -> tuple[str, ...]:
        """The witnesses that no search saw; each must be seen by one of the searches."""
        explorations = [r.exploration for r in self.reports]
        seen_names = {w.name for e in explorations for w in e.witnesses if w.was_seen}
        return tuple(dict.fromkeys(w.name for e in explorations for w in e.witnesses if w.name not in seen_names))

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if any check is; UNKNOWN if any is, a search is missing, or a witness was never seen; else HOLDS."""
        verdicts = {r.exploration.verdict for r in self.reports} | {b.verdict for b in self.side_checks}
        if Verdict.VIOLATED in verdicts:
            return Verdict.VIOLATED
        unknown = Verdict.UNKNOWN in verdicts or len(self.reports) < self.planned or self.unseen
        return Verdict.UNKNOWN if unknown else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        for report in self.reports:
            if report.exploration.verdict is not Verdict.HOLDS:
                return f"{report.exploration.conclusion} (in: {report.name})"
        for check in self.side_checks:
            if check.verdict not in {Verdict.HOLDS, None}:
                return f"{check.answer} (in: {check.name})"
        if len(self.reports) < self.planned:
            return f"unknown: {self.planned - len(self.reports)} of {self.planned} runs didn't happen"
        if self.unseen:
            return f"unknown: no run ever saw: {', '.join(self.unseen)}"
        return self.cut_off.after(f"holds, exhaustive within the bounds of each of the {len(self.reports)} runs")

    @property
    def cut_off(self) -> CutOff:
        """The parts of the state space that the bounds cut off, in words."""
        return CutOff.total(report.exploration.cut_off for report in self.reports)

    @property
    def states(self) -> int:
        """Distinct states of all searches, added."""
        return sum(r.exploration.states for r in self.reports)

    @property
    def transitions(self) -> int:
        """Transitions of all searches, added."""
        return sum(r.exploration.transitions for r in self.reports)

    @property
    def seconds(self) -> float:
        """Time of all searches, added."""
        return sum(r.exploration.seconds for r in self.reports)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "cut_off": self.cut_off.as_dict(),
            "states": self.states,
            "transitions": self.transitions,
            "seconds": self.seconds,
            "runs": [report.as_dict() for report in self.reports],
            "side_checks": [
                {
                    "name": check.name,
                    "answer": check.answer,
                    "seconds": check.seconds,
                    "verdict": None if check.verdict is None else check.verdict.value,
                }
                for check in self.side_checks
            ],
        }


def print_summary(console: Console, summary: Summary) -> None:
    """Print several searches: what each was, its figures, and every property in every search."""
    console.print()
    for number, report in enumerate(summary.reports, start=1):
        console.print(f"run {number}: {report.name} ({report.exploration.subject})")
        console.print(Padding(report.purpose or "", INDENTED))
        if report.claim is not None:
            console.print(Padding(report.claim, INDENTED))
        console.print(Padding(Text(bounds_text(report.bounds), style="dim"), INDENTED))
    console.print()
    console.print(_runs_table(summary))
    console.print()
    console.print(_properties_table(summary))
    console.print(PROPERTIES_LEGEND, style="dim")
    if summary.side_checks:
        console.print()
        console.print(_side_table(summary.side_checks))
    print_conclusion(console, summary.verdict, summary.conclusion)


def _runs_table(summary: Summary) -> Table:
    table = plain_table()
    table.add_column("run", no_wrap=True)
    for column in ("tuples", "states", "transitions", "real steps", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for number, report in enumerate(summary.reports, start=1):
        e = report.exploration
        sizes = ("-" if e.tuples is None else f"{e.tuples:,}", f"{e.states:,}", f"{e.transitions:,}")
        costs = (f"{e.step_executions:,}", f"{e.seconds:.1f} s")
        table.add_row(f"{number}", *sizes, *costs, verdict_text(e.verdict))
    steps = sum(r.exploration.step_executions for r in summary.reports)
    sizes = ("", f"{summary.states:,}", f"{summary.transitions:,}")
    costs = (f"{steps:,}", f"{summary.seconds:.1f} s")
    table.add_row("all", *sizes, *costs, verdict_text(summary.verdict), style="bold")
    return table


def _properties_table(summary: Summary) -> Table:
    """Return a table of every property by run, narrow enough for many runs on 80 columns."""
    table = plain_table()
    table.padding = (0, 1, 0, 0)
    table.add_column("invariant holds, witness seen", no_wrap=True)
    for number in range(1, len(summary.reports) + 1):
        table.add_column(f"{number}", no_wrap=True)
    explorations = [r.exploration for r in summary.reports]
    for name in dict.fromkeys(name for e in explorations for name in e.invariants):
        cells = (_answer(e.of_invariant(name)) if name in e.invariants else Text("-", "dim") for e in explorations)
        table.add_row(name, *cells)
    for name in dict.fromkeys(w.name for e in explorations for w in e.witnesses):
        results = (next((w for w in e.witnesses if w.name == name), None) for e in explorations)
        table.add_row(name, *map(_depth, results))
    return table


def _answer(verdict: Verdict) -> Text:
    """Return whether an invariant holds, in the colour of the verdict."""
    return Text(ANSWERS[verdict], style=STYLES[verdict])


def _side_table(side_checks: tuple[SideCheck, ...]) -> Table:
    table = plain_table()
    table.add_column("other checks", no_wrap=True)
    table.add_column("")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for check in side_checks:
        verdict = Text("not run", style="yellow") if check.verdict is None else verdict_text(check.verdict)
        table.add_row(check.name, check.answer, f"{check.seconds:.1f} s", verdict)
    return table


def _depth(witness: WitnessResult | None) -> Text:
    if witness is None or witness.impossible is not None:
        return Text("-", style="dim")
    if witness.missed:
        return Text("never", style="yellow")
    return Text("yes" if witness.depth is None else f"{witness.depth}")
