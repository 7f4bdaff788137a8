"""The glob patterns of KEYS and SCAN, as Redis defines them."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, key: str) -> bool:
    r"""Whether `key` matches `pattern`, which may contain *, ?, [ab], [a-z], [^a], and \ before a literal character."""
    return _compiled(pattern).fullmatch(key) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts, at = list[str](), 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "[":
            part, at = _class(pattern, at)
            parts.append(part)
        elif letter == "\\" and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append({"*": ".*", "?": "."}.get(letter) or re.escape(letter))
    return re.compile("".join(parts), re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Return the class after a [ as a regular expression, and the position after it; the final ] may be missing."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges = list[str]()
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
        elif pattern[at + 1 : at + 2] == "-" and at + 2 < len(pattern):
            first, last = sorted((pattern[at], pattern[at + 2]))
            ranges.append(f"{re.escape(first)}-{re.escape(last)}")
            at += 3
            continue
        ranges.append(re.escape(pattern[at]))
        at += 1
    if not ranges:
        return "." if negated else "(?!)", at + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1
