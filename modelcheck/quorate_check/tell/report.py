"""The results of searches, for people (tables and paths on a console) and for programs (JSON values)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rich.table import Table
from rich.text import Text

from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.system import NetworkKind
from quorate_check.core.verdict import Exploration, Verdict, WitnessResult, counted
from quorate_check.tell.coverage_text import coverage_lines
from quorate_check.tell.diagram import diagram_lines, ending_lines, fits, glyphs_for, legend, with_glyphs
from quorate_check.tell.path_text import NO_DEADLOCK, path_as_dict, path_lines
from quorate_check.tell.progress import sent_text, size
from quorate_check.tell.story import Story, ending, story
from quorate_check.tell.wrapping import wrapped

if TYPE_CHECKING:
    from rich.console import Console

    from quorate_check.core.path import Path
    from quorate_check.core.system import System

Bounds = Mapping[str, int | str | bool]
STYLES = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNKNOWN: "yellow"}
ENOUGH_TO_AVERAGE = 100_000  # states; with fewer, the search's tables of fixed size dominate the average
HINT = "To keep this path, run the same command with --save FILE; to draw it or make a test of it, --html or --pytest."
MOST_DRAWN, LAST_DRAWN = 80, 40  # steps: of a longer path only the last ones are drawn on a console


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a search, with its system, bounds and options."""

    system: System
    bounds: Bounds
    exploration: Exploration
    engine: str = "compiled"
    workers: int = 1
    name: str | None = None
    purpose: str | None = None
    claim: str | None = None  # what the bounds allow, in words, where their numbers alone don't say it

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        e = self.exploration
        name_fields = {} if self.name is None else {"name": self.name, "purpose": self.purpose}
        return {
            **name_fields,
            "subject": e.subject,
            "bounds": dict(self.bounds),
            "claim": self.claim,
            "engine": self.engine,
            "workers": self.workers,
            "verdict": e.verdict.value,
            "conclusion": e.conclusion,
            "exhaustive": e.exhaustive,
            "useless_messages": "left out" if e.without_useless else "searched",
            "states": e.states,
            "tuples": e.tuples,
            "transitions": e.transitions,
            "depth": e.depth,
            "levels": list(e.levels),
            "orbit_sum": e.orbit_sum,
            "over_capacity": e.over_capacity,
            "cut_off": e.cut_off.as_dict(),
            "step_executions": e.step_executions,
            "bytes_per_state": e.bytes_per_state,
            "stored": None if e.stored is None else dict(e.stored),
            "seconds": e.seconds,
            "invariants": {name: e.of_invariant(name).value for name in e.invariants},
            "witnesses": witnesses_as_dict(e.witnesses),
            "liveness": {promise.name: e.liveness_text(promise.name) for promise in self.system.liveness},
            "fairness": list(e.fairness),
            "coverage": None if e.coverage is None else e.coverage.as_dict(),
            "path": None if e.path is None else path_as_dict(self.system, e.path),
        }


def witnesses_as_dict(witnesses: Sequence[WitnessResult]) -> dict[str, dict[str, int | str | bool | None]]:
    """Return for each witness whether it was seen, its least depth, and why it is impossible; None where unknown."""
    return {w.name: {"seen": w.was_seen, "depth": w.depth, "impossible": w.impossible} for w in witnesses}


class SomeBounds(Protocol):
    """The bounds of one search, whatever is searched."""

    def as_dict(self) -> Bounds:
        """Return the bounds by name."""


def bounds_of(system: System) -> Bounds:
    """Return the bounds of a system, by the names that reports use."""
    network = system.network
    kind = {} if network.kind is NetworkKind.UNORDERED else {"network": network.kind.value}
    bounded = network.kind is not NetworkKind.ANY
    limits = system.limits() if bounded else system.budgets
    budgets = {name: "unlimited" if limit is None else limit for name, limit in limits.items()}
    capacity = {"in_flight": network.capacity} if bounded else {}
    symmetry = {} if system.symmetry is None else {"symmetry": True}
    return {"nodes": len(system.initial), **capacity, **budgets, **kind, **symmetry}


def bounds_text(bounds: Bounds) -> str:
    """Return bounds in one line, without those that are zero or switched off."""
    parts = []
    for name, value in bounds.items():
        label = name.replace("_", "-")
        if value is True:
            parts.append(label)
        elif value is not False and value != 0:
            parts.append(f"{label} {value}")
    return ", ".join(parts)


def print_report(console: Console, report: Report) -> None:
    """Print one search: figures, a verdict per invariant, when each witness was seen, the conclusion."""
    _print_figures(console, report)
    e = report.exploration
    print_properties(console, report.system, e.invariants, {n: e.of_invariant(n) for n in e.invariants}, e.witnesses)
    _print_liveness(console, report)
    print_coverage(console, e)
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
    if report.system.liveness:
        add("fairness", ", ".join(e.fairness) or "none: nothing has to happen")
    if report.claim is not None:
        add("that is", report.claim)
    unreduced = f"{e.orbit_sum:,} if servers had names" if e.orbit_sum is not None else ""
    if e.tuples is not None:
        add("tuples of local states", f"{e.tuples:,}")
    add("distinct states", f"{e.states:,}", unreduced)
    add("transitions", f"{e.transitions:,}")
    if not e.any_network:
        add("depth", f"{e.depth}")
    if e.why_whole is not None:
        add("useless messages", f"searched as well: {e.why_whole}")
    average = e.transitions // max(1, e.step_executions)
    add("real steps executed", f"{e.step_executions:,}", f"{average:,} transitions for each" if average > 1 else "")
    if e.bytes_per_state is not None and e.states >= ENOUGH_TO_AVERAGE:
        add("memory", f"{e.bytes_per_state:.0f} bytes a state")
    if e.stored is not None and "actors" in e.stored:
        machines, rounds = counted(e.stored["machines"], "machine"), counted(e.stored["rounds"], "round")
        add("actors", f"{e.stored['actors']} on {machines}", f"{sent_text(e.stored)}, {rounds}")
    elif e.stored is not None:
        note = f"{size(e.stored['written_bytes'])} written, {size(e.stored['read_bytes'])} read"
        add("disk", f"{size(e.stored['disk_bytes'])} at most, in {counted(e.stored['parts'], 'part')}", note)
    add(
        "time",
        f"{e.seconds:.1f} s",
        f"{rate(e.transitions, e.seconds)}, {report.engine} search, {counted(report.workers, 'worker')}",
    )
    console.print(figures)


def rate(transitions: int, seconds: float) -> str:
    """Return the rate of a search, in transitions per second."""
    a_second = transitions / seconds if seconds else 0.0
    if a_second >= 1e5:
        return f"{a_second / 1e6:.1f} million transitions a second"
    return f"{a_second:,.0f} transitions a second"


def print_properties(
    console: Console,
    system: System,
    names: Sequence[str],
    verdicts: Mapping[str, Verdict],
    witnesses: Sequence[WitnessResult],
) -> None:
    """Print a verdict per invariant with its sentence, and when each witness was seen."""
    sentences = {DEADLOCK: NO_DEADLOCK, **{i.name: i.sentence for i in system.invariants}}
    table = plain_table()
    table.add_column("invariant", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("")
    for name in names:
        table.add_row(name, verdict_text(verdicts[name]), sentences.get(name, ""))
    if names:
        console.print()
        console.print(table)
    if not witnesses:
        return
    table = plain_table()
    table.add_column("witness", no_wrap=True)
    table.add_column("first seen")
    for witness in witnesses:
        table.add_row(witness.name, _sighting(witness))
    console.print()
    console.print(table)


def _print_liveness(console: Console, report: Report) -> None:
    """Print a verdict per promise of liveness, and the demands of fairness under which it was judged."""
    if not report.system.liveness:
        return
    table = plain_table()
    table.add_column("liveness", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("")
    for promise in report.system.liveness:
        e = report.exploration
        style = STYLES[e.of_liveness(promise.name)]
        table.add_row(promise.name, Text(e.liveness_text(promise.name), style=style), promise.sentence)
    console.print()
    console.print(table)


def plain_table() -> Table:
    """Return a table without lines, so that its text is the same on a pipe as on a terminal."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def verdict_text(verdict: Verdict) -> Text:
    """Return a verdict in its colour."""
    return Text(verdict.value, style=STYLES[verdict])


def _sighting(witness: WitnessResult) -> Text:
    if witness.depth is not None:
        return Text(f"after {counted(witness.depth, 'step')}")
    if witness.is_seen:
        return Text("somewhere")
    if witness.impossible is not None:
        return Text(f"impossible here: {witness.impossible}", style="dim")
    return Text("never", style="yellow")


def print_coverage(console: Console, exploration: Exploration) -> None:
    """Print the coverage of a search if it was asked for."""
    coverage = exploration.coverage
    if coverage is not None and coverage.unseen is not None:
        console.print()
        _print_lines(console, coverage_lines(coverage, console.width))


def print_conclusion(console: Console, verdict: Verdict, conclusion: str) -> None:
    """Print a verdict in one line, set apart."""
    console.print()
    console.print(Text(conclusion, style=STYLES[verdict]))


def print_path(console: Console, system: System, path: Path, *, hint: bool, detail: bool = False) -> None:
    """Print a path as a diagram, then the promise that its end breaks; with `hint`, also how to save the path.

    If the console is too narrow for the diagram, the steps are printed as sentences instead; `detail` prints both.
    """
    print_story(console, story(system, path), path_lines(system, path, console.width), detail=detail)
    if hint:
        console.print()
        _print_lines(console, wrapped(HINT, console.width, rest=""))


def print_story(console: Console, picture: Story, words: Iterable[str], *, detail: bool) -> None:
    """Print a story as a diagram if there is room, else the sentences `words`; with `detail` print both."""
    glyphs = glyphs_for(console.encoding)
    has_room = bool(picture.scenes) and fits(picture, console.width)
    console.print()
    if has_room and len(picture.scenes) > MOST_DRAWN:
        omitted = len(picture.scenes) - LAST_DRAWN
        text = f"{omitted:,} steps are left out here: --detail prints them, too, and --html draws them all."
        _print_lines(console, [*wrapped(text, console.width), ""])
        picture = ending(picture, LAST_DRAWN)
    if has_room:
        _print_lines(console, diagram_lines(picture, console.width, glyphs))
        if text := legend(picture, glyphs):
            console.print()
            _print_lines(console, wrapped(text, console.width))
        console.print()
    if detail or not has_room:
        _print_lines(console, (with_glyphs(line, glyphs) for line in words))
    else:
        loud = "" if picture.reached else picture.conclusion
        _print_lines(console, ending_lines(picture, console.width, glyphs), loud=loud)
    if picture.note:
        console.print()
        _print_lines(console, wrapped(picture.note, console.width))


def _print_lines(console: Console, lines: Iterable[str], *, loud: str = "") -> None:
    """Print lines unwrapped, those that `loud` begins with in the colour of a violation."""
    for line in lines:
        style = STYLES[Verdict.VIOLATED] if line and loud.startswith(line) else ""
        console.print(Text(line, style=style), soft_wrap=True)
