"""What is under a name in the file system, or that this can't be known.

Python 3.14's `Path.exists`, `is_file` and `is_dir` say no when they may not look, so that what can't be read counts as
none, and is made anew. These say no only if there is nothing, on every Python.
"""

import os
import stat
from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether there is anything of this name; OSError if that can't be known."""
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether there is a regular file of this name; OSError if that can't be known."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_folder(path: Path) -> bool:
    """Whether there is a directory of this name; OSError if that can't be known."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync(path: Path) -> None:
    """Make a file durable, or the names in a folder; OSError if that isn't possible."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
