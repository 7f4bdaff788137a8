"""Wrapped text: the width of lines, and the places where they may be broken."""

from __future__ import annotations

import os
import re
import textwrap

USUAL_COLUMNS, FEWEST_COLUMNS = 80, 40
WIDEST = 110  # longer lines are hard to read
HARD_BLANK = "\N{NO-BREAK SPACE}"  # a blank at which no line is broken
SEAM = "\N{ZERO WIDTH SPACE}"  # where a line may be broken without a blank
BLANKS = re.compile(r"[ \t\r\n]+")
# A line that must be broken inside a word, such as the repr of a value, is broken after one of these.
_TOKEN_END = re.compile(r"[(\[{,=:./|@]")


def columns(terminal: int | None) -> int:
    """Return the width of lines: COLUMNS if set, else the terminal's up to a readable limit, and 80 on a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and 0 < int(columns) <= 10_000:
        return max(FEWEST_COLUMNS, int(columns))
    return USUAL_COLUMNS if terminal is None else max(FEWEST_COLUMNS, min(terminal, WIDEST))


def wrapped(text: str, width: int, first: str = "", rest: str = "  ") -> list[str]:
    """Return `text` in lines of at most `width`, indented by `first` and then by `rest`."""
    return _AtTokens(width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False).wrap(text)


def wrap(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width`, broken at blanks and seams; only words longer than a line are cut."""
    lines = [""]
    for word in filter(None, BLANKS.split(text)):
        for number, piece in enumerate(word.split(SEAM)):
            glue = "" if number or not lines[-1] else " "
            rest = piece
            if len(lines[-1]) + len(glue) + len(piece) <= width:
                lines[-1] += glue + piece
                continue
            if lines[-1]:
                lines.append("")
            while len(rest) > width:
                end = _cut(rest, width) or width
                lines[-1:] = [rest[:end], ""]
                rest = rest[end:]
            lines[-1] += rest
    return lines


class _AtTokens(textwrap.TextWrapper):
    """A TextWrapper that breaks a long word after a token, and breaks a token only if it is longer than a line."""

    def _handle_long_word(self, reversed_chunks: list[str], cur_line: list[str], cur_len: int, width: int) -> None:
        word, room = reversed_chunks[-1], max(0, width - cur_len)
        end = _cut(word, room) or (0 if cur_line else max(1, room))
        if end:
            cur_line.append(word[:end])
            reversed_chunks[-1] = word[end:]


def _cut(word: str, room: int) -> int:
    """Return the length of the longest prefix of whole tokens that fits in `room`, 0 if the first token doesn't."""
    return max((match.end() for match in _TOKEN_END.finditer(word, 0, room)), default=0)
