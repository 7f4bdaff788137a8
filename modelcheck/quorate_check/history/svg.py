"""The picture of a history's break as one self-contained SVG file, for light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from quorate_check.history.operations import OperationOutcome
from quorate_check.history.picture import Bar, Picture
from quorate_check.history.words import word

STEP, ROW, BAR, LINE, MARGIN = 26, 32, 22, 20, 12  # pixels
LETTER = 7.9  # pixels, about, of a monospaced letter of 13
STYLE = """<style>
  .page { fill: #ffffff }
  text { fill: #1f2328; font: 13px ui-monospace, monospace }
  .bar { fill: #d6e6fb; stroke: #2f65a7 }
  .maybe { fill: none; stroke: #6b7280; stroke-dasharray: 4 3 }
  .broken { fill: #ffd7d5; stroke: #b3261e; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #15181c }
    text { fill: #e6e8eb }
    .bar { fill: #1f3a5c; stroke: #7fb0ea }
    .maybe { fill: none; stroke: #9aa3ad }
    .broken { fill: #5c1f22; stroke: #ff8f88 }
  }
</style>"""


def svg(drawing: Picture, title: str, *, captioned: bool = True) -> str:
    """Return the file: rows of bars, then the title, if `captioned`, and the operation of each letter."""
    left = MARGIN + int(LETTER * max(len(word(client)) for client in drawing.rows)) + MARGIN
    legend = [f"{bar.name}  {word(bar.operation.client)}: {bar.text}{_note(bar)}" for bar in drawing.bars]
    top = ROW * len(drawing.rows) + 3 * MARGIN
    lines = [title, *legend] if captioned else legend
    width = max(left + STEP * (drawing.events + 1), int(LETTER * max(map(len, lines)))) + MARGIN
    height = top + LINE * (len(lines) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        STYLE,
        '<rect class="page" width="100%" height="100%"/>',
        *(
            f'<text x="{MARGIN}" y="{MARGIN + ROW * row + 16}">{escape(word(client))}</text>'
            for row, client in enumerate(drawing.rows)
        ),
        *(line for bar in drawing.bars for line in _bar(bar, left, drawing.events)),
        *(
            f'<text x="{MARGIN}" y="{top + LINE * number}" xml:space="preserve">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, left: int, events: int) -> Iterator[str]:
    begin, top = left + STEP * bar.begin, MARGIN + ROW * bar.row
    width = max(STEP * ((events if bar.end is None else bar.end) - bar.begin), STEP)
    kind = "broken" if bar.broken else "maybe" if bar.operation.outcome is OperationOutcome.UNKNOWN else "bar"
    yield f"<g><title>{escape(bar.text)}</title>"
    yield f'<rect class="{kind}" x="{begin}" y="{top}" width="{width}" height="{BAR}" rx="4"/>'
    yield f'<text x="{begin + 5}" y="{top + 16}">{bar.name}</text></g>'


def _note(bar: Bar) -> str:
    line = f"  (line {bar.operation.line})"
    return f"{line}  can't be ordered" if bar.broken else line
