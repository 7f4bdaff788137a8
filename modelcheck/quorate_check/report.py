"""The results of searches, for people (tables and paths on a console) and for programs (JSON values)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from quorate_check.path_text import path_as_dict, path_lines
from quorate_check.verdict import Exploration, Verdict, WitnessResult

if TYPE_CHECKING:
    from rich.console import Console

    from quorate_check.path import Path
    from quorate_check.system import System

Bounds = Mapping[str, int | str | bool]
STYLES = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNKNOWN: "yellow"}
HINT = "To keep this path and replay it later, run the same command with --save FILE."


@dataclass(frozen=True, slots=True)
class Report:
    """A search, what was searched, and with what."""

    system: System
    bounds: Bounds
    exploration: Exploration
    engine: str = "compiled"
    workers: int = 1
    name: str | None = None
    purpose: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        e = self.exploration
        named = {} if self.name is None else {"name": self.name, "purpose": self.purpose}
        return {
            **named,
            "subject": e.subject,
            "bounds": dict(self.bounds),
            "engine": self.engine,
            "workers": self.workers,
            "verdict": e.verdict.value,
            "conclusion": e.conclusion,
            "exhaustive": e.exhaustive,
            "states": e.states,
            "transitions": e.transitions,
            "depth": e.depth,
            "levels": list(e.levels),
            "orbit_sum": e.orbit_sum,
            "over_capacity": e.over_capacity,
            "step_executions": e.step_executions,
            "bytes_per_state": e.bytes_per_state,
            "seconds": e.seconds,
            "invariants": {name: e.of_invariant(name).value for name in e.invariants},
            "witnesses": witnesses_as_dict(e.witnesses),
            "path": None if e.path is None else path_as_dict(self.system, e.path),
        }


def witnesses_as_dict(witnesses: Sequence[WitnessResult]) -> dict[str, dict[str, int | str | None]]:
    """Return, by name, after how many moves each witness was first seen and why it can't be, either None."""
    return {w.name: {"depth": w.depth, "impossible": w.impossible} for w in witnesses}


def bounds_text(bounds: Bounds) -> str:
    """Return bounds in one line: what is zero or switched off goes without saying."""
    said = []
    for name, value in bounds.items():
        label = name.replace("_", "-")
        if value is True:
            said.append(label)
        elif value is not False and value != 0:
            said.append(f"{label} {value}")
    return ", ".join(said)


def print_report(console: Console, report: Report) -> None:
    """Print one search: figures, a verdict per invariant, when each witness was seen, the conclusion."""
    _print_figures(console, report)
    e = report.exploration
    print_properties(console, report.system, e.invariants, {n: e.of_invariant(n) for n in e.invariants}, e.witnesses)
    print_conclusion(console, e.verdict, e.conclusion)


def _print_figures(console: Console, report: Report) -> None:
    e = report.exploration
    figures = Table.grid(padding=(0, 2))
    figures.add_column(no_wrap=True)
    figures.add_column(overflow="fold")

    def add(label: str, value: str, note: str = "") -> None:
        figures.add_row(label, f"{value}  ({note})" if note else value)

    add("subject", e.subject)
    add("bounds", bounds_text(report.bounds))
    unreduced = f"{e.orbit_sum:,} if servers had names" if e.orbit_sum is not None else ""
    add("distinct states", f"{e.states:,}", unreduced)
    add("transitions", f"{e.transitions:,}", f"{e.over_capacity:,} more would exceed the network's capacity")
    add("depth", f"{e.depth}")
    add("real steps executed", f"{e.step_executions:,}", f"{e.transitions / max(1, e.step_executions):,.0f} moves each")
    if e.bytes_per_state is not None:
        add("memory", f"{e.bytes_per_state:.0f} bytes a state")
    add("time", f"{e.seconds:.1f} s", f"{rate(e)}, {report.engine} search, {_count(report.workers, 'worker')}")
    console.print(figures)


def rate(exploration: Exploration) -> str:
    """Return the transitions a second of a search, in words."""
    a_second = exploration.transitions / exploration.seconds if exploration.seconds else 0.0
    if a_second >= 1e5:
        return f"{a_second / 1e6:.1f} million transitions a second"
    return f"{a_second:,.0f} transitions a second"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_properties(
    console: Console,
    system: System,
    names: Sequence[str],
    verdicts: Mapping[str, Verdict],
    witnesses: Sequence[WitnessResult],
) -> None:
    """Print a verdict per invariant with its sentence, and when each witness was seen."""
    sentences = {i.name: i.sentence for i in system.invariants}
    table = _plain_table()
    table.add_column("invariant", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("")
    for name in names:
        table.add_row(name, _verdict(verdicts[name]), sentences.get(name, ""))
    console.print()
    console.print(table)
    if not witnesses:
        return
    table = _plain_table()
    table.add_column("witness", no_wrap=True)
    table.add_column("first seen")
    for witness in witnesses:
        table.add_row(witness.name, _seen(witness))
    console.print()
    console.print(table)


def _plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict.value, style=STYLES[verdict])


def _seen(witness: WitnessResult) -> Text:
    if witness.depth is not None:
        return Text(f"after {_count(witness.depth, 'move')}")
    if witness.impossible is not None:
        return Text(f"impossible here: {witness.impossible}", style="dim")
    return Text("never", style="yellow")


def print_conclusion(console: Console, verdict: Verdict, conclusion: str) -> None:
    """Print a verdict in one line, set apart."""
    console.print()
    console.print(Text(conclusion, style=STYLES[verdict]))


def print_path(console: Console, system: System, path: Path, *, hint: bool) -> None:
    """Print a path to a broken promise, step by step; `hint` says how to keep it."""
    console.print()
    for line in path_lines(system, path, console.width):
        console.print(line, soft_wrap=True)
    if hint:
        console.print()
        console.print(HINT)


@dataclass(frozen=True, slots=True)
class Summary:
    """Several searches under one verdict. `planned` is how many there should have been."""

    reports: tuple[Report, ...]
    planned: int

    @property
    def unseen(self) -> tuple[str, ...]:
        """The witnesses that no search saw: together the searches must see every one."""
        explorations = [r.exploration for r in self.reports]
        seen = {w.name for e in explorations for w in e.witnesses if w.depth is not None}
        return tuple(dict.fromkeys(w.name for e in explorations for w in e.witnesses if w.name not in seen))

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if any search is, UNKNOWN if any is, is missing or if a witness was never seen; else HOLDS."""
        verdicts = {r.exploration.verdict for r in self.reports}
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
        if len(self.reports) < self.planned:
            return f"unknown: {self.planned - len(self.reports)} of {self.planned} runs didn't happen"
        if self.unseen:
            return f"unknown: no run ever saw: {', '.join(self.unseen)}"
        return f"holds, exhaustive within the bounds of each of the {len(self.reports)} runs"

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
            "states": self.states,
            "transitions": self.transitions,
            "seconds": self.seconds,
            "runs": [report.as_dict() for report in self.reports],
        }


def print_summary(console: Console, summary: Summary) -> None:
    """Print several searches: what each was, its figures, and every property in every search."""
    console.print()
    for number, report in enumerate(summary.reports, start=1):
        console.print(f"run {number}: {report.name} ({report.exploration.subject})")
        console.print(Text(f"  {bounds_text(report.bounds)}", style="dim"))
    console.print()
    console.print(_runs_table(summary))
    console.print()
    console.print(_properties_table(summary))
    print_conclusion(console, summary.verdict, summary.conclusion)


def _runs_table(summary: Summary) -> Table:
    table = _plain_table()
    table.add_column("run", no_wrap=True)
    for column in ("states", "transitions", "depth", "real steps", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for number, report in enumerate(summary.reports, start=1):
        e = report.exploration
        figures = (f"{e.states:,}", f"{e.transitions:,}", f"{e.depth}", f"{e.step_executions:,}", f"{e.seconds:.1f} s")
        table.add_row(f"{number}", *figures, _verdict(e.verdict))
    steps = sum(r.exploration.step_executions for r in summary.reports)
    total = (f"{summary.states:,}", f"{summary.transitions:,}", "", f"{steps:,}", f"{summary.seconds:.1f} s")
    table.add_row("all", *total, _verdict(summary.verdict), style="bold")
    return table


def _properties_table(summary: Summary) -> Table:
    """Return a table of every property by run: an invariant's verdict, the depth at which a witness was first seen."""
    table = _plain_table()
    table.add_column("invariant, or witness and its depth", no_wrap=True)
    for number in range(1, len(summary.reports) + 1):
        table.add_column(f"run {number}", no_wrap=True)
    explorations = [r.exploration for r in summary.reports]
    for name in dict.fromkeys(name for e in explorations for name in e.invariants):
        cells = (_verdict(e.of_invariant(name)) if name in e.invariants else Text("-") for e in explorations)
        table.add_row(name, *cells)
    for name in dict.fromkeys(w.name for e in explorations for w in e.witnesses):
        found = (next((w for w in e.witnesses if w.name == name), None) for e in explorations)
        table.add_row(name, *map(_depth, found))
    return table


def _depth(witness: WitnessResult | None) -> Text:
    if witness is None or witness.impossible is not None:
        return Text("-", style="dim")
    return Text("never", style="yellow") if witness.depth is None else Text(f"{witness.depth}")
