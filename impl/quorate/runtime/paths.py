"""Checks of paths that raise OSError if the answer can't be known.

Python 3.14's `Path.exists`, `is_file` and `is_dir` return False without permission, so that an unreadable file would be
created anew. These functions return False only if there is no such file, on every Python.
"""

import os
import stat
from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether the path exists; raises OSError if that can't be known."""
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether the path is a regular file; raises OSError if that can't be known."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_folder(path: Path) -> bool:
    """Whether the path is a directory; raises OSError if that can't be known."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable; raises OSError if that isn't possible."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
