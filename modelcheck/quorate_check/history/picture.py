"""A bad history, drawn around the place where it breaks: a row for each client, a bar for each operation.

Time is counted in events, for only their order matters: an operation's bar goes from when it was asked for to when it
was answered. The one that can't be ordered is marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from quorate_check.history.check import Break
from quorate_check.history.operations import Error, Operation, Outcome, Reply
from quorate_check.history.parts import Placed

EVENTS = 30  # how far back the picture goes
COLUMNS_PER_EVENT = 2
STEP, ROW, BAR, MARGIN = 24, 34, 22, 150  # of the SVG, in pixels
STYLE = """<style>
svg { background: #fff; color: #222 } text { fill: currentColor }
rect { fill: #cfe3ff; stroke: #3568a8 } rect.broken { fill: #ffc9c9; stroke: #b00020 }
@media (prefers-color-scheme: dark) {
  svg { background: #16181c; color: #ddd }
  rect { fill: #23405f; stroke: #7fb0ea } rect.broken { fill: #6b1d27; stroke: #ff8a8a }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One operation in the picture; `number` is that of its line below, `end` is past the picture if it has none."""

    number: int
    operation: Operation
    begin: int
    end: int
    broken: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars by client, with `begin` and `end` in events from the left."""

    bars: tuple[Bar, ...]
    events: int

    @property
    def rows(self) -> dict[str, list[Bar]]:
        """The clients in order, each with its bars."""
        clients = sorted({bar.operation.client for bar in self.bars})
        return {client: [bar for bar in self.bars if bar.operation.client == client] for client in clients}


def picture(broken: Break) -> Picture:
    """Return the operations that were under way during the last events before `broken` returned, and those in them."""
    first = max(0, broken.position - EVENTS)
    shown = [each for each in broken.part.operations if each.returned is None or each.returned >= first]
    shown.sort(key=lambda each: (each.invoked, each.operation.line))
    last = broken.position - first
    bars = tuple(
        Bar(number, each.operation, max(0, each.invoked - first), _end(each, first, last), each == broken.broken)
        for number, each in enumerate(shown, 1)
    )
    return Picture(bars, last + 1)


def _end(each: Placed, first: int, last: int) -> int:
    return last + 1 if each.returned is None else min(each.returned - first, last + 1)


def text_lines(drawn: Picture) -> Iterator[str]:
    """Yield the picture for a terminal: bars with numbers, then what the numbers stand for."""
    width = max((len(client) for client in drawn.rows), default=0)
    for client, bars in drawn.rows.items():
        cells = [" "] * (COLUMNS_PER_EVENT * (drawn.events + 1) + 4)
        for bar in bars:
            begin, end = COLUMNS_PER_EVENT * bar.begin, COLUMNS_PER_EVENT * bar.end
            cells[begin : end + 1] = "├" + "─" * (end - begin - 1) + ("┤" if bar.end < drawn.events else "…")
            label = f"{bar.number}{'!' if bar.broken else ''}"
            cells[begin + 1 : begin + 1 + len(label)] = label
        yield f"{client:{width}}  {''.join(cells).rstrip()}"
    yield ""
    for bar in drawn.bars:
        mark = "!" if bar.broken else " "
        yield f"{bar.number:3}{mark} {bar.operation.client}: {describe(bar.operation)}  (line {bar.operation.line})"


def describe(operation: Operation) -> str:
    """Return what was asked and told, in one line."""
    asked = " ".join((operation.name, *map(_word, operation.arguments)))
    match operation.outcome:
        case Outcome.DONE:
            return f"{asked} → {_told(operation.reply)}"
        case outcome:
            return f"{asked} → {outcome.value}"


def _told(reply: Reply) -> str:
    match reply:
        case None:
            return "nil"
        case Error(text):
            return f"error: {text}"
        case tuple():
            return "[" + ", ".join("nil" if each is None else _word(each) for each in reply) + "]"
        case _:
            return _word(str(reply))


def _word(word: str) -> str:
    shown = word if word.isprintable() and word and " " not in word else repr(word)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def svg(drawn: Picture) -> str:
    """Return the picture as one file that needs nothing else, for light and dark backgrounds."""
    rows = drawn.rows
    height = ROW * len(rows) + 20 * len(drawn.bars) + 40
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {MARGIN + STEP * (drawn.events + 3)} {height}" '
            'font-family="monospace" font-size="13">'
        ),
        STYLE,
    ]
    for number, (client, bars) in enumerate(rows.items()):
        top = ROW * number + 10
        parts.append(f'<text x="8" y="{top + 16}">{escape(client)}</text>')
        for bar in bars:
            left, width = MARGIN + STEP * bar.begin, max(STEP * (bar.end - bar.begin), 10)
            kind = ' class="broken"' if bar.broken else ""
            title = escape(describe(bar.operation))
            parts.append(
                f'<g><title>{title}</title><rect{kind} x="{left}" y="{top}" width="{width}" height="{BAR}" rx="4"/>'
                f'<text x="{left + 5}" y="{top + 16}">{bar.number}</text></g>'
            )
    for number, bar in enumerate(drawn.bars):
        top = ROW * len(rows) + 34 + 20 * number
        mark = "  (can't be ordered)" if bar.broken else ""
        line = escape(f"{bar.number} {bar.operation.client}: {describe(bar.operation)}{mark}")
        parts.append(f'<text x="8" y="{top}" xml:space="preserve">{line}</text>')
    return "\n".join([*parts, "</svg>", ""])
