"""A story as a sequence diagram in text: a column for each node, time from top to bottom, an arrow for each message.

Where a story has words, they stand between the steps.
An arrow stands where its message arrives or is lost; the number in brackets is the step that sent it, unless that was
the step before. What a step changed stands under it, in its node's column. Where the output can't show the characters
of `UNICODE`, those of `ASCII` take their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

from quorate_check.core.path import MoveKind
from quorate_check.tell.described import Box
from quorate_check.tell.story import Arrow, Column, Fate, Scene, Story
from quorate_check.tell.wrapping import BLANKS, HARD_BLANK, SEAM, wrap, wrapped

NARROWEST, WIDEST = 12, 34  # characters of a column
MOST_BOXES = 4
BRACKETS = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a diagram is drawn with; `box` and `settled` are the two sides of a box."""

    life: str
    line: str
    dashed: str
    cross: str
    right: str
    left: str
    open_right: str
    open_left: str
    lost: str
    event: str
    fault: str
    box: str
    settled: str


UNICODE = Glyphs("│", "─", "╌", "┼", "▶", "◀", "▷", "◁", "✗", "●", "✖", "▕▏", "▐▌")
ASCII = Glyphs("|", "-", ".", "+", ">", "<", ">", "<", "x", "*", "#", "[]", "{}")
SPELLINGS = {"→": "->", "✓": "ok", "§": "sec. ", "…": "..", "\N{NO-BREAK SPACE}": " "}


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the characters of a diagram that `encoding` can write."""
    try:
        "".join([*astuple(UNICODE), *SPELLINGS]).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


def with_glyphs(text: str, glyphs: Glyphs) -> str:
    """Return `text` as it is printed: without its marks for wrapping, and in ASCII if `glyphs` are ASCII."""
    text = text.replace(SEAM, "")
    if glyphs is UNICODE:
        return text.replace(HARD_BLANK, " ")
    for character, spelling in SPELLINGS.items():
        text = text.replace(character, spelling)
    return text


def fits(story: Story, width: int) -> bool:
    """Whether a diagram of `story` can be drawn in `width` columns."""
    return (width - _gutter(story)) // len(story.names) >= NARROWEST


def diagram_lines(story: Story, width: int, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield the diagram in lines of at most `width` characters, which must be enough (see `fits`)."""
    drawing = _Drawing(story, width, glyphs)
    for line in drawing.lines():
        yield with_glyphs(line.rstrip(), glyphs)


def ending_lines(story: Story, width: int, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield the final state of each node, then the broken promise with the values that break it."""
    for line in _ending(story, width, glyphs):
        yield with_glyphs(line, glyphs)


def _ending(story: Story, width: int, glyphs: Glyphs) -> Iterator[str]:
    columns = story.scenes[-1].columns if story.scenes else story.begin
    longest = max(map(len, story.names[: story.nodes]))
    for name, column in zip(story.names, columns, strict=False):
        boxes = boxes_text(column.boxes, glyphs)
        if text := " ".join(filter(None, (column.badge, boxes))):
            for row, line in enumerate(wrap(text, width - longest - 2)):
                yield f"{name if row == 0 else '':>{longest}}  {line}"
    if not story.broken:
        return
    yield ""
    yield from wrapped(story.conclusion, width)
    breakage = story.breakage
    if breakage.why:
        yield from wrapped(breakage.why, width, "  ", "  ")
        return
    for node, value in breakage.values:
        for line in value.splitlines():
            yield from wrapped(f"{story.names[node]}: {line.strip()}", width, "  ", "      ")


def boxes_text(boxes: tuple[Box, ...], glyphs: Glyphs) -> str:
    """Return the last few boxes side by side, after the number of those left out."""
    last_boxes = boxes[-MOST_BOXES:]
    texts = [_box(box, glyphs) for box in last_boxes]
    return (f"({len(boxes) - len(last_boxes)} before) " if len(boxes) > len(last_boxes) else "") + SEAM.join(texts)


def _box(box: Box, glyphs: Glyphs) -> str:
    sides = glyphs.settled if box.settled else glyphs.box
    return f"{sides[0]}{box.text.replace(' ', HARD_BLANK)}{sides[1]}"


def _gutter(story: Story) -> int:
    return len(str(story.scenes[-1].number if story.scenes else story.first)) + 2


class _Drawing:
    """The rows of a diagram, each with a lifeline in every column."""

    def __init__(self, story: Story, width: int, glyphs: Glyphs) -> None:
        self.story, self.glyphs = story, glyphs
        self.gutter = _gutter(story)
        self.column = min(WIDEST, (width - self.gutter) // len(story.names))
        assert self.column >= NARROWEST, "the caller asks `fits` first"
        self.width = self.gutter + self.column * len(story.names)
        self.life = [self.gutter + self.column * i for i in range(len(story.names))]

    def lines(self) -> Iterator[str]:
        """Yield the rows of the head, of every step, and of the messages in flight at the end."""
        yield from self._texts(dict(enumerate(self.story.names)), bare=True)
        badges = {i: column.badge for i, column in enumerate(self.story.begin) if column.badge}
        yield from self._texts(badges, bare=True)
        yield from self._texts({i: boxes_text(c.boxes, self.glyphs) for i, c in enumerate(self.story.begin) if c.boxes})
        before = self.story.begin
        for scene in self.story.scenes:
            if scene.number == self.story.loop:
                yield self._across("from here on for ever", "")
            yield from self._scene(scene, before)
            before = scene.columns
        if self.story.repetition:
            yield self._across(self.story.repetition, "")
        if self.story.pending:
            yield self._row({}, "")
            for arrow in self.story.pending:
                yield from self._arrow(arrow, "")

    def _scene(self, scene: Scene, before: tuple[Column, ...]) -> Iterator[str]:
        number = f"{scene.number:>{self.gutter - 2}}"
        if scene.words:
            margin = " " * self.gutter
            yield from ("", *wrapped(scene.words, self.width, margin, margin), "")
        if scene.arrow is not None:
            yield from self._arrow(scene.arrow, number)
        elif scene.node is None:
            yield self._across(scene.label or scene.text, number)
        else:
            mark = self.glyphs.fault if scene.fault else self.glyphs.event
            yield from self._texts({scene.node: scene.label}, number=number, mark=mark)
        if scene.node is not None:
            boxes = scene.columns[scene.node].boxes
            changed = boxes != before[scene.node].boxes
            contents = [boxes_text(boxes, self.glyphs) or "holds nothing"] if changed else []
            if text := ", ".join((*scene.marks, *contents)):
                yield from self._texts({scene.node: text})

    def _row(self, texts: dict[int, str], number: str = "", *, bare: bool = False, mark: str = "") -> str:
        """Return a row with texts at some columns; a `bare` row has no lifelines."""
        cells = list(f"{number:{self.width}}")
        for i, position in enumerate(self.life):
            text = texts.get(i, "")
            if not bare:
                cells[position] = mark if mark and text else self.glyphs.life
            start = position if bare else position + 2
            cells[start : start + len(text)] = text
        return "".join(cells)

    def _texts(self, texts: dict[int, str], *, number: str = "", bare: bool = False, mark: str = "") -> Iterator[str]:
        """Yield rows with texts at some columns, each wrapped to its column."""
        wrapped_texts = {i: wrap(text, self.column - (1 if bare else 3)) for i, text in texts.items()}
        for row in range(max(map(len, wrapped_texts.values()), default=0)):
            row_texts = {i: lines[row] for i, lines in wrapped_texts.items() if row < len(lines)}
            yield self._row(row_texts, number if row == 0 else "", bare=bare, mark=mark if row == 0 else "")

    def _across(self, label: str, number: str) -> str:
        """Return a horizontal line through all columns, with `label` in it."""
        cells = list(f"{number:{self.gutter}}" + self.glyphs.dashed * (self.width - self.gutter))
        for position in self.life:
            cells[position] = self.glyphs.cross
        text = f" {label} "[: self.width - self.gutter - 2]
        cells[self.gutter + 2 : self.gutter + 2 + len(text)] = text
        return "".join(cells)

    def _arrow(self, arrow: Arrow, number: str) -> Iterator[str]:
        label = in_one_line(arrow.label) + self._origin_text(arrow, number)
        if arrow.source == arrow.target:
            yield from self._texts({arrow.target: f"to itself: {label}"}, number=number, mark=self.glyphs.event)
            return
        low, high = sorted((self.life[arrow.source], self.life[arrow.target]))
        room = high - low - 5
        label_lines: list[str] = []
        if len(label) > room:
            label_lines, label = wrap(label, high - low - 2), ""
        for row, text in enumerate(label_lines):
            line = list(self._row({}, number if row == 0 else ""))
            line[low + 2 : low + 2 + len(text)] = text
            yield "".join(line)
        yield self._shaft(arrow, label, "" if label_lines else number)

    def _origin_text(self, arrow: Arrow, number: str) -> str:
        if arrow.fate is Fate.COPIED:
            return " (a copy stays)"
        if arrow.sending_step is None or (number and arrow.sending_step == int(number) - 1):
            return ""
        return f" [{arrow.sending_step}]"

    def _shaft(self, arrow: Arrow, label: str, number: str) -> str:
        glyphs, rightwards = self.glyphs, arrow.source < arrow.target
        line = glyphs.dashed if arrow.fate is Fate.IN_FLIGHT else glyphs.line
        low, high = sorted((self.life[arrow.source], self.life[arrow.target]))
        cells = list(self._row({}, number))
        for position in range(low + 1, high):
            cells[position] = glyphs.cross if position in self.life else line
        match arrow.fate:
            case Fate.LOST:
                head = glyphs.lost
            case Fate.IN_FLIGHT:
                head = glyphs.open_right if rightwards else glyphs.open_left
            case Fate.DELIVERED | Fate.COPIED:
                head = glyphs.right if rightwards else glyphs.left
        cells[high - 1 if rightwards else low + 1] = head
        if label:
            text = f" {label} "
            start = low + 2 if rightwards else high - 1 - len(text)
            cells[start : start + len(text)] = text
        return "".join(cells)


def in_one_line(text: str) -> str:
    """Return `text` in one line, with hard blanks inside brackets so that wrapping keeps them together."""
    return BRACKETS.sub(lambda m: m.group().replace(" ", HARD_BLANK), BLANKS.sub(" ", text))


def legend(story: Story, glyphs: Glyphs = UNICODE) -> str:
    """Return the meanings of the signs and labels that `story` uses and that don't explain themselves."""
    scenes = story.scenes
    boxes = [box for column in _columns(story) for box in column.boxes]
    parts = [
        (any(s.kind is not MoveKind.ROUND and s.fault for s in scenes), f"{glyphs.fault} a failure"),
        (any(s.arrow is not None and s.arrow.fate is Fate.LOST for s in scenes), f"{glyphs.line}{glyphs.lost} lost"),
        (bool(story.pending), f"{glyphs.dashed}{glyphs.open_right} in flight when it ends"),
        (any(box.settled for box in boxes), f"{_box(Box('settled', settled=True), glyphs)}"),
        (any(a.sending_step is not None for a in _arrows(story)), "[n] sent in step n"),
    ]
    signs = ", ".join(text for is_used, text in parts if is_used)
    return with_glyphs("; ".join(filter(None, (signs, *story.meanings))), glyphs)


def _columns(story: Story) -> Iterable[Column]:
    return [*story.begin, *(column for scene in story.scenes for column in scene.columns)]


def _arrows(story: Story) -> list[Arrow]:
    return [*(s.arrow for s in story.scenes if s.arrow is not None), *story.pending]
