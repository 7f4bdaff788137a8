"""Unified diffs, applied strictly: all old lines of a hunk must stand where it says, or at exactly one other place.

They are applied here because the command must work where neither git nor patch is installed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quorate.runtime.paths import is_file

HEADER = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class PatchError(Exception):
    """A patch doesn't apply to the implementation; the text contains the hunk."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """A replacement of lines in `file`: `old` from `line` on, counted from 1, by `new`; `text` is the hunk itself."""

    file: str
    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    text: str


def hunks(patch: str) -> Iterator[Hunk]:
    """Yield the hunks of a unified diff of `a/...` and `b/...`."""
    file = ""
    body: list[str] = []
    for line in [*patch.splitlines(), "--- "]:
        if line.startswith(("--- ", "+++ ", "@@ ")) and body:
            yield _hunk(file, body)
            body = []
        if line.startswith("+++ "):
            file = line[4:].split("\t")[0].removeprefix("b/")
        elif line.startswith("@@ ") or body:
            body.append(line)


def _hunk(file: str, body: list[str]) -> Hunk:
    header = HEADER.match(body[0])
    if header is None:
        raise PatchError(f"{body[0]} is no header of a hunk")
    old = tuple(line[1:] for line in body[1:] if line[:1] in {" ", "-", ""})
    new = tuple(line[1:] for line in body[1:] if line[:1] in {" ", "+", ""})
    return Hunk(file, int(header[1]), old, new, "\n".join(body))


def apply(patch: str, name: str, root: Path) -> None:
    """Change the files below `root` as `patch` says; raise PatchError, and change nothing, if a hunk doesn't fit."""
    new_lines: dict[Path, list[str]] = {}
    shift: dict[Path, int] = {}
    for hunk in hunks(patch):
        path = root / hunk.file
        if path not in new_lines:
            if not is_file(path):
                raise PatchError(f"{name}: there is no {hunk.file}")
            new_lines[path] = path.read_text(encoding="utf-8").split("\n")
        lines = new_lines[path]
        position = _place(lines, hunk, hunk.line - 1 + shift.get(path, 0))
        if position is None:
            raise PatchError(f"{name} does not apply to {hunk.file}:{hunk.line}; bring it up to date:\n{hunk.text}")
        lines[position : position + len(hunk.old)] = hunk.new
        shift[path] = position - (hunk.line - 1) + len(hunk.new) - len(hunk.old)
    if not new_lines:
        raise PatchError(f"{name} changes nothing")
    for path, lines in new_lines.items():
        path.write_text("\n".join(lines), encoding="utf-8")


def _place(lines: list[str], hunk: Hunk, expected: int) -> int | None:
    """Return the index of the hunk's old lines: `expected`, or the only other place; None if neither fits."""
    size = len(hunk.old)
    fits = [i for i in range(len(lines) - size + 1) if tuple(lines[i : i + size]) == hunk.old]
    if expected in fits:
        return expected
    return fits[0] if len(fits) == 1 else None


def copy_of(implementation: Path, folder: Path) -> Path:
    """Copy the package `quorate` from `implementation` into `folder`/impl, and return that path, for sys.path."""
    target = folder / "impl"
    shutil.copytree(implementation / "quorate", target / "quorate", ignore=shutil.ignore_patterns("__pycache__"))
    return target
