"""A picture of a history around its break: a row for each client, a bar for each operation.

A bar begins at the operation's invocation and ends at its return. Time runs from left to right, in equal steps from
event to event, since only their order matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_lowercase

from quorate_check.history.breaks import Break
from quorate_check.history.inference import may_write, only_reads, values_before
from quorate_check.history.operations import Operation
from quorate_check.history.parts import Interval
from quorate_check.history.words import in_words, word

NAMES = ascii_lowercase[:14]  # of bars; a picture has no more
BEFORE = 4  # operations shown that returned before the broken one was invoked, at least
FEWEST_COLUMNS, MOST_COLUMNS = 2, 6  # for one event
LABEL = 14  # columns for the name of a client


@dataclass(frozen=True, slots=True)
class Bar:
    """One operation, from event `begin` to event `end`, which is None if it returned after the break or never."""

    name: str
    operation: Operation
    row: int
    begin: int
    end: int | None
    broken: bool

    @property
    def text(self) -> str:
        """The operation with its reply, in words."""
        return in_words(self.operation, later=self.end is None)


@dataclass(frozen=True, slots=True)
class Picture:
    """The bars, the client of each row, the number of events, and the number of operations that are omitted."""

    bars: tuple[Bar, ...]
    rows: tuple[str, ...]
    events: int
    omitted: int


def picture(fault: Break, operations: tuple[Operation, ...]) -> Picture:
    """Return the picture of a break: the operations pending there, some before, and the writer of the value.

    `operations` are those of the whole history: the part of `fault` lacks the replies after the break.
    """
    intervals = sorted(_shown_intervals(fault), key=lambda each: each.invoked)
    events = sorted({event for each in intervals for event in (each.invoked, each.returned) if event is not None})
    step = {event: number for number, event in enumerate(events)}
    operations_by_line = {each.line: each for each in operations}
    rows, busy_until = list[str](), list[int]()
    bars = []
    for name, each in zip(NAMES, intervals, strict=False):
        operation = operations_by_line[each.operation.line]
        end = None if each.returned is None else step[each.returned]
        row = _free_row(operation.client, step[each.invoked], rows, busy_until)
        busy_until[row] = len(events) if end is None else end
        bars.append(Bar(name, operation, row, step[each.invoked], end, each is fault.broken))
    return Picture(*_by_client(bars, rows), len(events), len(fault.part.operations) - len(intervals))


def _shown_intervals(fault: Break) -> list[Interval]:
    """Return the operations to show: the broken one, the writer of the value in its reply, overlapping and earlier."""
    broken, operations = fault.broken, fault.part.operations
    replies = sorted((each for each in operations if each.returned is not None), key=_returned, reverse=True)
    before = [each for each in replies if _returned(each) < broken.invoked]
    recent = min((each.invoked for each in before[:BEFORE]), default=0)
    overlapping = [each for each in replies if _returned(each) > broken.invoked]
    overlapping += [each for each in reversed(operations) if each.returned is None and each.invoked >= recent]
    candidates = [broken, *_writer(fault), *before[:BEFORE], *overlapping, *before[BEFORE:]]
    return list({id(each): each for each in candidates}.values())[: len(NAMES)]


def _writer(fault: Break) -> list[Interval]:
    """Return the last operation that may have written the value in the broken reply, None if there is none."""
    needed = tuple(values_before(fault.broken.operation))
    writers = [
        each
        for each in fault.part.operations
        if not only_reads(each.operation)
        and any(key in each.keys and may_write(each.operation, key, value) for key, value in needed)
    ]
    return writers[-1:]


def _returned(interval: Interval) -> int:
    return -1 if interval.returned is None else interval.returned


def _free_row(client: str, begin: int, rows: list[str], busy_until: list[int]) -> int:
    """Return a row of `client` that is free from `begin` on, a new one if there is none."""
    for row, name in enumerate(rows):
        if name == client and busy_until[row] < begin:
            return row
    rows.append(client)
    busy_until.append(-1)
    return len(rows) - 1


def _by_client(bars: list[Bar], rows: list[str]) -> tuple[tuple[Bar, ...], tuple[str, ...]]:
    """Return bars and rows with the rows in the order of the clients' names."""
    order = sorted(range(len(rows)), key=lambda row: (rows[row], row))
    new_rows = {row: number for number, row in enumerate(order)}
    return tuple(replace(bar, row=new_rows[bar.row]) for bar in bars), tuple(rows[row] for row in order)


def text_lines(drawing: Picture, width: int) -> Iterator[str]:
    """Yield the picture in lines of at most `width` columns: bars with letters, then the letters' operations."""
    label = min(LABEL, max(len(word(client)) for client in drawing.rows))
    columns = max(FEWEST_COLUMNS, min(MOST_COLUMNS, (width - label - 4) // drawing.events))
    for row, client in enumerate(drawing.rows):
        cells = [" "] * (columns * drawing.events + 2)
        for bar in drawing.bars:
            if bar.row == row:
                _draw(cells, bar, columns)
        yield f"{word(client)[:label]:{label}}  {''.join(cells).rstrip()}"
    yield ""
    for bar in drawing.bars:
        mark = "!" if bar.broken else " "
        yield f"  {bar.name}{mark} {word(bar.operation.client)}: {bar.text}  (line {bar.operation.line})"


def _draw(cells: list[str], bar: Bar, columns: int) -> None:
    begin = columns * bar.begin
    end = len(cells) - 1 if bar.end is None else columns * bar.end
    line = "═" if bar.broken else "─"
    cells[begin : end + 1] = ["├", *line * (end - begin - 1), "…" if bar.end is None else "┤"]
    cells[begin + 1] = bar.name
