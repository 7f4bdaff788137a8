"""The diagram of a story as SVG: what `diagram.py` draws with characters, drawn with lines."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from quorate_check.tell.described import Box
from quorate_check.tell.diagram import in_one_line
from quorate_check.tell.story import Arrow, Fate, Scene, Story
from quorate_check.tell.wrapping import wrap

LETTER = 7.9  # approximate width in pixels of a monospaced letter at 13 px
LINE, PAD, GUTTER, TOP = 18, 8, 34, 20
WIDEST, NARROWEST = 196, 120  # pixels of a column
ROOM = 720  # pixels that the columns share; on a screen of 1,280 the states fit beside them
MOST_BOXES = 5


class Svg:
    """The drawing of a story; each step is a group of its own with `data-step`."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.column = max(NARROWEST, min(WIDEST, ROOM // len(story.names)))
        self.life = [GUTTER + self.column * i + 14 for i in range(len(story.names))]
        self.width = GUTTER + self.column * len(story.names) + 14
        self.y = TOP

    def names(self) -> str:
        """Return the row of column names, which stays above the drawing while it scrolls."""
        names = [_text(x - 6, LINE, name, "name") for x, name in zip(self.life, self.story.names, strict=True)]
        return "\n".join([f'<svg width="{self.width}" height="{LINE + PAD}" aria-hidden="true">', *names, "</svg>"])

    def drawing(self) -> str:
        """Return the SVG drawing of `story`."""
        parts = [*self._head()]
        begin = self.y - LINE
        before = self.story.begin
        for scene in self.story.scenes:
            node = scene.node
            if scene.number == self.story.loop:
                parts += self._across("from here on for ever")
            parts += self._scene(scene, changed=node is not None and scene.columns[node].boxes != before[node].boxes)
            before = scene.columns
        if self.story.repetition:
            parts += self._across(self.story.repetition)
        for arrow in self.story.pending:
            parts += self._arrow(arrow)
        lines = [f'<line class="life" x1="{x}" y1="{begin}" x2="{x}" y2="{self.y + PAD}"/>' for x in self.life]
        height = self.y + PAD + LINE
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="sequence diagram" '
            f'viewBox="0 0 {self.width} {height}" width="{self.width}" height="{height}">'
        )
        return "\n".join([opening, *lines, *parts, "</svg>"])

    def _head(self) -> Iterator[str]:
        for x, column in zip(self.life, self.story.begin, strict=False):
            yield _text(x - 6, self.y, column.badge, "faint")
        self.y += LINE
        columns = [(x, column.boxes) for x, column in zip(self.life, self.story.begin, strict=False) if column.boxes]
        top = lowest = self.y
        for x, boxes in columns:
            self.y = top
            yield from self._boxes(x, boxes)
            lowest = max(lowest, self.y)
        self.y = lowest if columns else top + LINE // 2

    def _scene(self, scene: Scene, *, changed: bool) -> Iterator[str]:
        top = self.y
        body = [_text(4, self.y + LINE - 4, str(scene.number), "number")]
        if scene.arrow is not None:
            body += self._arrow(scene.arrow, scene.number)
        elif scene.node is None:
            body += self._across(scene.label or scene.text)
        else:
            x, kind = self.life[scene.node], "fault" if scene.fault else "event"
            body.append(f'<circle class="{kind}" cx="{x}" cy="{self.y + LINE - 8}" r="5"/>')
            body += self._texts(x + 12, scene.label, self.column - 26)
        if scene.node is not None:
            x = self.life[scene.node]
            if scene.marks:
                body += self._texts(x + 12, ", ".join(scene.marks), self.column - 26, "faint")
            if changed:
                body += self._boxes(x, scene.columns[scene.node].boxes)
        self.y += PAD
        yield f'<g class="scene" data-step="{scene.number}"><title>{escape(scene.text)}</title>'
        yield f'<rect class="hit" x="0" y="{top}" width="{self.width}" height="{self.y - top}"/>'
        yield from (f'<line class="life" x1="{x}" y1="{top}" x2="{x}" y2="{self.y}"/>' for x in self.life)
        yield from body
        yield "</g>"

    def _texts(self, x: int, text: str, room: int, kind: str = "") -> Iterator[str]:
        for line in _wrap(text, room):
            yield _text(x, self.y + LINE - 4, line, kind)
            self.y += LINE

    def _boxes(self, x: int, boxes: tuple[Box, ...]) -> Iterator[str]:
        """Yield the last few boxes, in as many rows as the width of the column requires."""
        last_boxes = boxes[-MOST_BOXES:]
        begin, end = x + 12.0, x + self.column - 4.0
        if not boxes:
            yield _text(begin, self.y + LINE - 4, "holds nothing", "faint")
        x_left = begin
        if len(boxes) > len(last_boxes):
            count_text = f"({len(boxes) - len(last_boxes)})"
            yield _text(x_left, self.y + LINE - 2, count_text, "faint")
            x_left += LETTER * len(count_text) + 4
        for box in last_boxes:
            width = LETTER * len(box.text) + 8
            if x_left > begin and x_left + width > end:
                x_left, self.y = begin, self.y + LINE + 3
            kind = "box settled" if box.settled else "box"
            yield f'<rect class="{kind}" x="{x_left:.0f}" y="{self.y + 2}" width="{width:.0f}" height="{LINE}" rx="3"/>'
            yield _text(x_left + 4, self.y + LINE - 3, box.text, "held")
            x_left += width + 3
        self.y += LINE + PAD

    def _across(self, label: str) -> Iterator[str]:
        for line in _wrap(label, self.width - GUTTER - 8):
            self.y += LINE
            yield _text(GUTTER + 8, self.y - 10, line, "faint")
        yield f'<path class="life" d="M{GUTTER} {self.y - 6}H{self.width}"/>'

    def _arrow(self, arrow: Arrow, number: int = 0) -> Iterator[str]:
        source, target = self.life[arrow.source], self.life[arrow.target]
        label = arrow.label if arrow.sending_step in {None, number - 1} else f"{arrow.label} [{arrow.sending_step}]"
        if arrow.fate is Fate.COPIED:
            label += " (a copy stays)"
        kinds = {Fate.LOST: "arrow lost", Fate.IN_FLIGHT: "arrow flying"}
        title = escape(f"{arrow.text}: {arrow.fate.value}")
        yield f'<g class="{kinds.get(arrow.fate, "arrow")}"><title>{title}</title>'
        if source == target:
            yield from self._texts(source + 12, f"to itself: {label}", self.column - 26)
            yield "</g>"
            return
        yield from self._texts(min(source, target) + 12, label, abs(target - source) - 24)
        y, direction = self.y + 4, 1 if target > source else -1
        yield f'<path d="M{source} {y}H{target - 9 * direction}"/>'
        tip = target - 2 * direction
        if arrow.fate is Fate.LOST:
            yield f'<path d="M{tip - 9 * direction} {y - 5}l{9 * direction} 10m0 -10l{-9 * direction} 10"/>'
        else:
            yield f'<path class="head" d="M{tip} {y}l{-9 * direction} -5v10z"/>'
        self.y += 12
        yield "</g>"


def _wrap(text: str, room: int) -> list[str]:
    return wrap(in_one_line(text), max(8, int(room / LETTER)))


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{attribute}>{escape(text)}</text>'
