"""The judgement of a history, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate_check.core.verdict import Verdict, counted
from quorate_check.history.breaks import Break
from quorate_check.history.check import HistoryProgress, HistoryResult, PartResult
from quorate_check.history.operations import Operation, OperationOutcome
from quorate_check.history.picture import Picture, picture, text_lines
from quorate_check.history.words import in_words, value, word
from quorate_check.tell.report import plain_table, print_conclusion, verdict_text

MOST_PARTS = 10
MOST_KEYS = 12


def print_judgement(console: Console, judgement: HistoryResult) -> None:
    """Print the figures and the verdict, and the break with its picture if there is one."""
    console.print(_figures(judgement))
    open_parts = [each for each in judgement.parts if each.verdict is not Verdict.HOLDS]
    if open_parts:
        console.print()
        console.print(_table(open_parts))
    if judgement.first_break is not None:
        _print_break(console, judgement, judgement.first_break)
    print_conclusion(console, judgement.verdict, conclusion(judgement))


def conclusion(judgement: HistoryResult) -> str:
    """Return the verdict in one sentence, which claims no more than the check decided."""
    match judgement.verdict:
        case Verdict.HOLDS:
            return f"holds: one order explains the replies of all {counted(judgement.done, 'operation')} done"
        case Verdict.VIOLATED:
            assert judgement.first_break is not None
            operation = _whole_operation(judgement, judgement.first_break)
            return f"violated: no order explains the reply of line {operation.line}: {in_words(operation)}"
        case Verdict.UNKNOWN if not judgement.done:
            return "unknown: no operation was done, so nothing was judged"
        case Verdict.UNKNOWN:
            reasons = sorted({each.stopped for each in judgement.parts if each.stopped is not None})
            return f"unknown: {'; '.join(reasons)}"


def _figures(judgement: HistoryResult) -> Table:
    history, parts = judgement.history, judgement.parts
    outcomes = ", ".join(
        f"{judgement.count(each):,} {each.value}" for each in OperationOutcome if judgement.count(each)
    )
    configurations = sum(each.configurations for each in parts)
    figures = Table.grid(padding=(0, 2))
    figures.add_column(no_wrap=True)
    figures.add_column(overflow="fold")
    figures.add_row("operations", f"{len(history.operations):,}  ({outcomes})" if outcomes else "0")
    figures.add_row("clients", f"{len({each.client for each in history.operations}):,}")
    largest = max((len(each.part.operations) for each in parts), default=0)
    figures.add_row("parts without a common key", f"{len(parts):,}  (the largest of {counted(largest, 'operation')})")
    figures.add_row("time", f"{judgement.seconds:.1f} s  ({configurations:,} configurations)")
    if history.cut_off:
        figures.add_row("the last line", "was cut off and left out; other replies may show its effect")
    return figures


def _whole_operation(judgement: HistoryResult, fault: Break) -> Operation:
    """Return the broken operation as its line has it; `fault` may have a lookup of one of its keys instead."""
    line = fault.broken.operation.line
    return next(each for each in judgement.history.operations if each.line == line)


def progress_line(p: HistoryProgress) -> str:
    """Return the progress line of a check."""
    share = f"an order explains {p.reach / p.events:.0%} of the history at most" if p.events else "nothing to order"
    decided = f"{p.decided:,} of {counted(p.parts, 'part')} decided"
    return f"{decided}; on {keys_in_words(p.keys)}: {share}, {p.configurations:,} configurations, {p.seconds:.0f} s"


def keys_in_words(keys: tuple[str, ...]) -> str:
    """Return the keys of a part, or the first of many."""
    names = " ".join(map(word, keys[:MOST_KEYS])) or "no key"
    return f"{names} and {len(keys) - MOST_KEYS:,} more" if len(keys) > MOST_KEYS else names


def _table(parts: list[PartResult]) -> Table:
    table = plain_table()
    table.add_column("keys")
    for heading in ("operations", "configurations", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for each in parts[:MOST_PARTS]:
        figures = (f"{len(each.part.operations):,}", f"{each.configurations:,}", f"{each.seconds:.1f}")
        table.add_row(Text(keys_in_words(each.part.keys)), *figures, verdict_text(each.verdict))
    if len(parts) > MOST_PARTS:
        table.add_row(f"and {len(parts) - MOST_PARTS:,} more parts that don't hold")
    return table


def _print_break(console: Console, judgement: HistoryResult, fault: Break) -> None:
    drawing = picture(fault, judgement.history.operations)
    console.print()
    for line in text_lines(drawing, console.width):
        console.print(Text(line, style="bold red" if line[3:4] == "!" else ""), soft_wrap=True)
    console.print()
    for line in [*explanation(judgement, fault), *omissions(drawing)]:
        console.print(line, soft_wrap=True)


def omissions(drawing: Picture) -> list[str]:
    """Return a sentence about the operations that a picture omits; no sentence if it shows all."""
    return [f"Not shown: {counted(drawing.omitted, 'other operation')} on these keys."] if drawing.omitted else []


def explanation(judgement: HistoryResult, fault: Break) -> list[str]:
    """Return the explanation of a break, in sentences."""
    broken = fault.broken.operation
    impossible = fault.impossible_value
    answers = sum(each.returned is not None for each in fault.part.operations) - 1
    sentences = [f"Until line {broken.line} returned, the {counted(answers, 'answer')} on these keys can be explained."]
    if not fault.exact:
        sentences = [f"A limit was reached: the break may be at a reply that came before that of line {broken.line}."]
    if impossible is not None:
        claim = f"{word(impossible.key)} was {word(impossible.text)}"
        line = impossible.interval.operation.line
        sentences.append(f"Line {line} was told that {claim}, which no operation invoked by then can have written.")
    if broken.name != _whole_operation(judgement, fault).name:
        sentences.append(f"This part of that line's reply is impossible: {in_words(broken)}.")
    for key, values in list(fault.possible.items())[:MOST_KEYS]:
        sentences.append(f"After all of them, {word(key)} can only be: {', '.join(map(value, values))}.")
    sentences.append(f"The longest order found has {counted(len(fault.order), 'operation')}.")
    return sentences


def as_dict(judgement: HistoryResult) -> dict[str, Any]:
    """Return the result as JSON values; operations are given by their lines."""
    fault = judgement.first_break
    return {
        "verdict": judgement.verdict.value,
        "conclusion": conclusion(judgement),
        "operations": len(judgement.history.operations),
        **{outcome.value.replace(" ", "_"): judgement.count(outcome) for outcome in OperationOutcome},
        "cut_off": judgement.history.cut_off,
        "seconds": judgement.seconds,
        "parts": [
            {
                "keys": list(each.part.keys),
                "operations": len(each.part.operations),
                "configurations": each.configurations,
                "seconds": each.seconds,
                "verdict": each.verdict.value,
                "stopped": each.stopped,
            }
            for each in judgement.parts
        ],
        "first_break": None
        if fault is None
        else {
            "line": fault.broken.operation.line,
            "keys": list(fault.part.keys),
            "exact": fault.exact,
            "unwritten": None
            if fault.impossible_value is None
            else {fault.impossible_value.key: fault.impossible_value.text},
            "longest_order": [each.operation.line for each in fault.order],
            "possible": {key: list(values) for key, values in fault.possible.items()},
        },
    }
