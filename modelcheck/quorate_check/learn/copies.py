"""Copies of the package `quorate`, in which a learner changes a rule; PYTHONPATH makes commands run on one."""

from __future__ import annotations

import shutil
from pathlib import Path

import quorate
from quorate.runtime.paths import is_folder, is_there
from quorate_check.core.system import UnusableSystemError
from quorate_check.learn.exercises import Change

PACKAGE = "quorate"


def is_copy(folder: Path) -> bool:
    """Whether `folder` has a copy; raise UnusableSystemError if it has something else, or can't be looked at."""
    try:
        if is_folder(folder / PACKAGE):
            return True
        is_taken = is_there(folder) and not (is_folder(folder) and not any(folder.iterdir()))
    except OSError as error:
        raise UnusableSystemError(f"--copy {folder}: {error.strerror}") from error
    if is_taken:
        raise UnusableSystemError(f"--copy {folder}: it has no copy of the code; give a new folder")
    return False


def make_copy(folder: Path, change: Change | None) -> None:
    """Copy the package into `folder`, with `change`; raise UnusableSystemError if that fails."""
    assert quorate.__file__ is not None
    source = Path(quorate.__file__).parent
    try:
        shutil.copytree(source, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        if change is not None:
            file = folder / PACKAGE / change.file
            file.write_text(changed(file.read_text(encoding="utf-8"), change), encoding="utf-8")
    except OSError as error:
        raise UnusableSystemError(f"--copy {folder}: {error.strerror}") from error


def changed(text: str, change: Change) -> str:
    """Return the text of the file with the new lines instead of the old ones, which must stand there once."""
    if text.count(change.old) != 1:
        raise UnusableSystemError(f"{change.file} has these lines {text.count(change.old)} times:\n{change.old}")
    return text.replace(change.old, change.new)
