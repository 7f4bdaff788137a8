"""Inline requests, as a person types them: words on a line, with Redis's rules for quotes."""

import re
from typing import Final

_SPACES: Final = b" \t\n\r\v\f"
_WORD = re.compile(rb"[^ \t\n\r\v\f\"']+")
_DOUBLE = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SINGLE = re.compile(rb"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def split_words(line: bytes) -> list[bytes] | None:
    r"""Return the words of a line, None if a quote isn't closed or isn't followed by a space or the line's end.

    In double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xff` stand for bytes, and `\` before any other character for
    that character; in single quotes only `\'` is an escape. A line ends before a zero byte.
    """
    line = line.partition(b"\0")[0]
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in _SPACES:
            at += 1
        if at == len(line):
            return words
        word, at = _word(line, at)
        if at < 0:
            return None
        words.append(word)


def _word(line: bytes, at: int) -> tuple[bytes, int]:
    """Return the word that begins at `at` and the position after it, -1 if the word has no valid end."""
    word = b""
    while at < len(line) and line[at] not in _SPACES:
        if plain := _WORD.match(line, at):
            word, at = word + plain[0], plain.end()
            continue
        double = line[at] == ord('"')
        quoted = (_DOUBLE if double else _SINGLE).match(line, at)
        if quoted is None or (quoted.end() < len(line) and line[quoted.end()] not in _SPACES):
            return b"", -1
        inside = _ESCAPE.sub(_unescaped, quoted[1]) if double else quoted[1].replace(b"\\'", b"'")
        word, at = word + inside, quoted.end()
    return word, at


def _unescaped(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes.fromhex(code[1:].decode()) if len(code) == 3 else _CONTROLS.get(code, code)
