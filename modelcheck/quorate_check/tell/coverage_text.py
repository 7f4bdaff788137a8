"""The coverage of a search in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from quorate_check.core.verdict import counted
from quorate_check.engine.coverage import Coverage, EventCoverage
from quorate_check.engine.lines import Block, Lines
from quorate_check.tell.wrapping import wrapped

LEGEND = (
    "pairs: distinct pairs of a local state and this event. with effect: of these, those in which the event is "
    "enabled, or the message changes the state or is answered."
)
NO_LINES = "lines: not known, for the search was interrupted"


def coverage_lines(coverage: Coverage, width: int) -> Iterator[str]:
    """Yield a report on coverage that was asked for, its sentences in lines of at most `width`."""
    rows = [("event", "pairs", "with effect"), *map(_row, coverage.events)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, pairs, effects in rows:
        yield f"{name:<{widths[0]}}  {pairs:>{widths[1]}}  {effects:>{widths[2]}}"
    yield from ("", *wrapped(LEGEND, width, rest=""), "")
    yield from [NO_LINES] if coverage.lines is None else _lines(coverage.lines)
    if coverage.unseen:
        yield from ("", "values never seen:")
        yield from (f"  {name}: {', '.join(values)}" for name, values in coverage.unseen)


def _row(event: EventCoverage) -> tuple[str, str, str]:
    never = "its budget is 0" if event.excluded else "never"
    name = f"{event.name} arrives" if event.is_message else event.name
    return name, f"{event.pairs:,}", f"{event.effects:,}" if event.effects else never


def _lines(lines: Lines) -> Iterator[str]:
    of = f"{counted(lines.functions, 'function')} in {counted(lines.files, 'file')}"
    if not lines.blocks:
        yield f"lines: all {lines.lines:,} of {of} ran"
        return
    yield f"lines: {lines.missed:,} of {lines.lines:,} never ran, of {of}:"
    places = [_place(block) for block in lines.blocks]
    width = max(map(len, places))
    for block, place in zip(lines.blocks, places, strict=True):
        yield f"  {place:<{width}}  {block.text}"


def _place(block: Block) -> str:
    file = Path(block.file)
    if file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    return f"{file}:{block.first}" + (f"-{block.last}" if block.last > block.first else "")
