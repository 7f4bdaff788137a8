"""What was found out about a history, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from quorate_check.history.check import Break, Judgement
from quorate_check.history.operations import Outcome, Value
from quorate_check.history.picture import describe, picture, text_lines
from quorate_check.verdict import Verdict


def print_judgement(console: Console, judgement: Judgement) -> None:
    """Say what was judged, and the verdict; for a bad history where it broke, with a picture."""
    history = judgement.history
    counts = ", ".join(f"{judgement.count(outcome):,} {outcome.value}" for outcome in Outcome)
    console.print(f"{len(history.operations):,} operations: {counts}")
    if history.cut_off:
        console.print("the last line was cut off, and is left out")
    largest = max((len(each.part.operations) for each in judgement.parts), default=0)
    console.print(
        f"{len(judgement.parts):,} parts without a common key, the largest of {largest:,} operations; "
        f"{sum(each.configurations for each in judgement.parts):,} configurations in {judgement.seconds:.1f} s"
    )
    console.print()
    if judgement.first_break is not None:
        _print_break(console, judgement.first_break)
    console.print(conclusion(judgement))


def conclusion(judgement: Judgement) -> str:
    """Return the verdict in one sentence, which claims no more than was found out."""
    match judgement.verdict:
        case Verdict.HOLDS:
            return "holds: one order of all operations explains every reply (linearizable)"
        case Verdict.VIOLATED:
            return "violated: no order of the operations explains every reply (not linearizable)"
        case Verdict.UNKNOWN:
            reasons = sorted({each.stopped for each in judgement.parts if each.stopped is not None})
            return f"unknown: {'; '.join(reasons) or 'no operation was done, so nothing was judged'}"


def _print_break(console: Console, found: Break) -> None:
    operation = found.broken.operation
    console.print(f"Up to here all can be ordered; not with this reply of line {operation.line}:")
    console.print(f"  {operation.client}: {describe(operation)}")
    if not found.exact:
        console.print(
            "(The limit was reached: it may have broken earlier, but not before the last event shown as fine.)"
        )
    for key, values in found.possible.items():
        console.print(f"  just before, {key} can only have been: {', '.join(map(_value, values))}")
    console.print(f"  the longest order found has {len(found.order):,} of {len(found.part.operations):,} operations")
    console.print()
    for line in text_lines(picture(found)):
        console.print(line, no_wrap=True, overflow="ellipsis")
    console.print()


def _value(value: Value) -> str:
    return "nil" if value is None else repr(value)


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """Return the same for a program."""
    found = judgement.first_break
    return {
        "verdict": judgement.verdict.value,
        "operations": len(judgement.history.operations),
        **{outcome.value.replace(" ", "_"): judgement.count(outcome) for outcome in Outcome},
        "cut_off": judgement.history.cut_off,
        "seconds": judgement.seconds,
        "parts": [
            {
                "keys": list(each.part.keys),
                "operations": len(each.part.operations),
                "verdict": each.verdict.value,
                "stopped": each.stopped,
            }
            for each in judgement.parts
        ],
        "first_break": None
        if found is None
        else {
            "line": found.broken.operation.line,
            "exact": found.exact,
            "longest_order": [each.operation.line for each in found.order],
            "possible": {key: list(values) for key, values in found.possible.items()},
        },
    }
