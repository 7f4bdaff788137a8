"""A bad history, drawn around the place where it breaks: a row for each client, a bar for each operation.

A bar goes from when the operation was asked for to when it was answered. Time runs from left to right in steps from
event to event of what is drawn, since only their order matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_lowercase

from quorate_check.history.breaks import Break
from quorate_check.history.inference import may_leave, needs, only_looks
from quorate_check.history.operations import Operation
from quorate_check.history.parts import Placed
from quorate_check.history.words import in_words, word

NAMES = ascii_lowercase[:14]  # of as many bars as there may be
FROM_BEFORE = 4
FEWEST_COLUMNS, MOST_COLUMNS = 2, 6  # for one event
LABEL = 14  # columns for the name of a client


@dataclass(frozen=True, slots=True)
class Bar:
    """One operation, from event `begin` to event `end`, None if it was answered later or never."""

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
    """Bars, the name of the client of each row, and how many events there are; `earlier` operations aren't shown."""

    bars: tuple[Bar, ...]
    rows: tuple[str, ...]
    events: int
    earlier: int


def picture(found: Break, operations: tuple[Operation, ...]) -> Picture:
    """Return the picture of the break: the operations pending there, some before, and the writer of the value.

    `operations` are those of the whole history: `found` knows none of the replies that came after the break.
    """
    shown = sorted(_worth_showing(found), key=lambda each: each.invoked)
    events = sorted({event for each in shown for event in (each.invoked, each.returned) if event is not None})
    step = {event: number for number, event in enumerate(events)}
    whole = {each.line: each for each in operations}
    rows, busy_until = list[str](), list[int]()
    bars = []
    for name, each in zip(NAMES, shown, strict=False):
        operation = whole[each.operation.line]
        end = None if each.returned is None else step[each.returned]
        row = _free_row(operation.client, step[each.invoked], rows, busy_until)
        busy_until[row] = len(events) if end is None else end
        bars.append(Bar(name, operation, row, step[each.invoked], end, each is found.broken))
    return Picture(*_by_client(bars, rows), len(events), len(found.part.operations) - len(shown))


def _worth_showing(found: Break) -> list[Placed]:
    """Return the broken operation, the writer of the value in its reply, some that overlap it, and some from before."""
    broken, operations = found.broken, found.part.operations
    answered = sorted((each for each in operations if each.returned is not None), key=_returned, reverse=True)
    before = [each for each in answered if _returned(each) < broken.invoked]
    recent = min((each.invoked for each in before[:FROM_BEFORE]), default=0)
    overlapping = [each for each in answered if _returned(each) > broken.invoked]
    overlapping += [each for each in reversed(operations) if each.returned is None and each.invoked >= recent]
    wanted = [broken, *_writer(found), *before[:FROM_BEFORE], *overlapping, *before[FROM_BEFORE:]]
    return list({id(each): each for each in wanted}.values())[: len(NAMES)]


def _writer(found: Break) -> list[Placed]:
    """Return the last operation that may have written the value in the broken reply, None if there is none."""
    needed = tuple(needs(found.broken.operation))
    writers = [
        each
        for each in found.part.operations
        if not only_looks(each.operation)
        and any(key in each.keys and may_leave(each.operation, key, value) for key, value in needed)
    ]
    return writers[-1:]


def _returned(placed: Placed) -> int:
    return -1 if placed.returned is None else placed.returned


def _free_row(client: str, begin: int, rows: list[str], busy_until: list[int]) -> int:
    """Return a row of `client` on which nothing is drawn any more, a new one if there is none."""
    for row, name in enumerate(rows):
        if name == client and busy_until[row] < begin:
            return row
    rows.append(client)
    busy_until.append(-1)
    return len(rows) - 1


def _by_client(bars: list[Bar], rows: list[str]) -> tuple[tuple[Bar, ...], tuple[str, ...]]:
    """Return the same with the rows in the order of the clients' names."""
    order = sorted(range(len(rows)), key=lambda row: (rows[row], row))
    moved = {row: number for number, row in enumerate(order)}
    return tuple(replace(bar, row=moved[bar.row]) for bar in bars), tuple(rows[row] for row in order)


def text_lines(drawn: Picture, width: int) -> Iterator[str]:
    """Yield the picture for a terminal with this many columns: bars with letters, then what the letters stand for."""
    label = min(LABEL, max(len(word(client)) for client in drawn.rows))
    columns = max(FEWEST_COLUMNS, min(MOST_COLUMNS, (width - label - 4) // drawn.events))
    for row, client in enumerate(drawn.rows):
        cells = [" "] * (columns * drawn.events + 2)
        for bar in drawn.bars:
            if bar.row == row:
                _draw(cells, bar, columns)
        yield f"{word(client)[:label]:{label}}  {''.join(cells).rstrip()}"
    yield ""
    for bar in drawn.bars:
        mark = "!" if bar.broken else " "
        yield f"  {bar.name}{mark} {word(bar.operation.client)}: {bar.text}  (line {bar.operation.line})"


def _draw(cells: list[str], bar: Bar, columns: int) -> None:
    begin = columns * bar.begin
    end = len(cells) - 1 if bar.end is None else columns * bar.end
    line = "═" if bar.broken else "─"
    cells[begin : end + 1] = ["├", *line * (end - begin - 1), "…" if bar.end is None else "┤"]
    cells[begin + 1] = bar.name
