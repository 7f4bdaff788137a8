"""The text output of `model-check generals`: the table of claims, and the stories of violations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate_check.core.verdict import Verdict
from quorate_check.generals.result import BrokenRun, Examination, Method, Row
from quorate_check.tell.wrapping import wrapped

LONGEST_NUMBER = 10**12


def print_table(console: Console, rows: Sequence[Row]) -> None:
    """Print a line for each claim, then a story for each claim that is violated, then the conclusion."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("claim", ratio=1)
    for column in ("runs", "IC1", "IC2"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        result = row.result
        numbers = (count(result.runs), count(result.ic1_violations), count(result.ic2_violations))
        table.add_row(f"{row.claim} [{result.method.value}]", *numbers, _verdict(row))
    console.print(table)
    for row in rows:
        if row.result.stories:
            console.print(f"\n{row.claim}:")
            print_story(console, row.result.stories[0])
    console.print()
    print_conclusion(console, rows)


def print_conclusion(console: Console, rows: Sequence[Row]) -> None:
    """Print the verdict on all claims in a line."""
    style = {Verdict.VIOLATED: "bold red", Verdict.HOLDS: "bold green", Verdict.UNKNOWN: "bold yellow"}
    console.print(Text(conclusion(rows), style[verdict(rows)]))


def verdict(rows: Sequence[Row]) -> Verdict:
    """Return VIOLATED if a claim is wrong, UNKNOWN if one wasn't examined to the end, else HOLDS."""
    if any(not row.as_claimed and row.result.stopped is None for row in rows):
        return Verdict.VIOLATED
    return Verdict.UNKNOWN if any(row.result.stopped is not None for row in rows) else Verdict.HOLDS


def conclusion(rows: Sequence[Row]) -> str:
    """Return the verdict in a line."""
    wrong = [row.claim for row in rows if not row.as_claimed and row.result.stopped is None]
    stopped = next((row.result.stopped for row in rows if row.result.stopped is not None), None)
    if wrong:
        return f"not as claimed: {'; '.join(wrong)}"
    if stopped is not None:
        return f"unknown: {stopped}; {len(rows) - 1} claims are as expected so far"
    return f"all {len(rows)} claims are as expected ({sum(row.result.seconds for row in rows):.1f} s)"


def print_examined(console: Console, result: Examination) -> None:
    """Print the parameters, numbers, stories and verdict of one instance."""
    console.print(instance_line(result))
    split = "" if result.runs_traitor_commander is None else f" ({_split(result)})"
    unit = "states" if result.method is Method.EXPLORATION else "runs"
    console.print(f"  {result.method.value}: {count(result.runs)} {unit}{split}, {result.seconds:.2f} s")
    if result.evaluations is not None:
        verb = "answers of z3 cover" if result.method is Method.Z3 else "evaluations cover"
        console.print(f"  {result.evaluations:,} {verb} them")
    console.print(f"  IC1 fails {result.ic1_violations:,} times, IC2 {result.ic2_violations:,}")
    for story in result.stories:
        print_story(console, story)
    style = {Verdict.VIOLATED: "bold red", Verdict.HOLDS: "bold green", Verdict.UNKNOWN: "bold yellow"}
    stopped = "" if result.stopped is None else f": {result.stopped}, so not everything was examined"
    console.print(Text(f"{result.verdict.value}{_broken(result)}{stopped}", style[result.verdict]), soft_wrap=True)


PROMISES = {
    "IC1": "all loyal lieutenants obey the same order",
    "IC2": "if the commander is loyal, every loyal lieutenant obeys his order",
}


def _broken(result: Examination) -> str:
    """Return the broken promises in words, and the reason if no protocol could keep them."""
    broken = [name for name, times in (("IC1", result.ic1_violations), ("IC2", result.ic2_violations)) if times]
    if not broken:
        return ""
    promises = "; ".join(f"{name} breaks ({PROMISES[name]})" for name in broken)
    return f": {promises}{_why(result)}"


def _why(result: Examination) -> str:
    """Return why no protocol without signatures can keep both promises, where that is so."""
    if result.protocol != "om" or result.faults or result.n > 3 * result.traitors:
        return ""
    return (
        f". It must: {result.n} generals are no more than 3 times {result.traitors}, and whoever hears one order from "
        "the commander and another from a lieutenant can't know which one lies (Lamport, Shostak and Pease, 1982)"
    )


def instance_line(result: Examination) -> str:
    """Return the parameters of an instance in a line."""
    traitors = f"{result.traitors} traitor{'' if result.traitors == 1 else 's'}"
    return f"{result.protocol}: {result.n} generals, {traitors}" + "".join(f", {f}" for f in result.faults)


def print_story(console: Console, story: BrokenRun) -> None:
    """Print the messages and decisions of a run."""
    for line in story.lines:
        for part in wrapped(line, console.width, "  ", "    "):
            console.print(part)


def count(number: int) -> str:
    """Return a number that fits into a column."""
    return f"{number:,}" if number < LONGEST_NUMBER else f"{Decimal(number):.2e}"


def _split(result: Examination) -> str:
    assert result.runs_traitor_commander is not None
    loyal, traitor = count(result.runs_loyal_commander), count(result.runs_traitor_commander)
    return f"{loyal} with a loyal commander, {traitor} with a traitor"


def _verdict(row: Row) -> Text:
    text = row.result.verdict.value
    return Text(text if row.as_claimed else f"{text}!", "green" if row.as_claimed else "bold red")
