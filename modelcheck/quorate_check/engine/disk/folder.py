"""The folder of one search, and files of rows that are appended and read again from the beginning.

What is in the folder is of use to the search alone: a file holds the rows of one kind, and its length and CRC-32 are
known in memory. What was read is compared with them, so a file that somebody has changed ends the search.
"""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quorate_check.core.system import UnusableSystemError
from quorate_check.engine.layout import Ints

BYTES = 8  # of an integer


class DamagedError(OSError):
    """A file isn't what was written to it."""


class Folder:
    """An empty folder that a search fills, and empties when it is closed; it counts the bytes that pass.

    Raises UnusableSystemError if it can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = self.most = self.written_bytes = self.read_bytes = 0
        self._names = set[str]()
        self._counting = threading.Lock()
        self._is_ours = True  # by us
        try:
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                self._is_ours = False
            self._lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self.refusal(f"it can't be used: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            names = sorted(p.name for p in path.iterdir())
            if not os.access(path, os.W_OK | os.X_OK):
                raise self.refusal("nothing may be written to it")
        except BlockingIOError:
            os.close(self._lock)
            raise self.refusal("another search is using it") from None
        if names:
            os.close(self._lock)
            raise self.refusal(f"it holds {names[0]!r}; give an empty folder, or remove what a killed search has left")

    def refusal(self, reason: str) -> UnusableSystemError:
        """Return the error that says why the folder can't be used."""
        return UnusableSystemError(f"disk {self.path}: {reason}")

    def failure(self, error: OSError) -> str:
        """Return why the search can't go on with its files."""
        return f"disk {self.path}: {error.strerror or error}"

    def note_read(self, size: int) -> None:
        """Count bytes that one of several threads has read."""
        with self._counting:
            self.read_bytes += size

    def append(self, name: str, content: memoryview) -> None:
        """Append to a file; raise OSError where the disk refuses."""
        self._names.add(name)
        with (self.path / name).open("ab", buffering=0) as file:
            while content:
                size = file.write(content) or 0
                content = content[size:]
                self.size += size
                self.written_bytes += size
        self.most = max(self.most, self.size)

    def remove(self, name: str) -> None:
        """Remove a file of the search's, if it is there."""
        if name in self._names:
            path = self.path / name
            self.size -= path.stat().st_size
            path.unlink()
            self._names.remove(name)

    def clear(self) -> None:
        """Remove all files of the search's."""
        for name in self._names:
            (self.path / name).unlink(missing_ok=True)
        self._names.clear()
        self.size = 0

    def close(self) -> None:
        """Leave the folder as it was before."""
        self.clear()
        if self._is_ours and not any(self.path.iterdir()):
            self.path.rmdir()
        os.close(self._lock)


class Rows:
    """Integers of one file of a folder, `width` to a row."""

    def __init__(self, folder: Folder, name: str, width: int) -> None:
        self.folder, self.name, self.width = folder, name, width
        self.count = 0
        self._crc = 0

    def append(self, rows: Ints) -> None:
        """Append rows; raise OSError where the disk refuses."""
        if len(rows):
            content = np.ascontiguousarray(rows).data.cast("B")
            self.folder.append(self.name, content)
            self._crc = zlib.crc32(content, self._crc)
            self.count += len(rows)

    def blocks(self, most: int) -> Iterator[Ints]:
        """Yield all rows, so many at a time; raise DamagedError if they aren't what was appended."""
        crc = 0
        for first in range(0, self.count, most):
            rows = self._read(first, min(most, self.count - first))
            crc = zlib.crc32(rows.data.cast("B"), crc)
            if first + len(rows) == self.count and crc != self._crc:
                raise DamagedError(f"{self.name} isn't what was written to it")
            yield rows

    def row(self, number: int) -> list[int]:
        """Return one row."""
        rows: list[int] = self._read(number, 1)[0].tolist()
        return rows

    def _read(self, first: int, count: int) -> Ints:
        with (self.folder.path / self.name).open("rb", buffering=0) as file:
            rows = np.empty((count, self.width), np.int64)
            file.seek(first * self.width * BYTES)
            place = rows.data.cast("B")
            while place:
                size = file.readinto(place) or 0
                if not size:
                    raise DamagedError(f"{self.name} is shorter than it was")
                place = place[size:]
        self.folder.note_read(rows.nbytes)
        return rows

    def clear(self) -> None:
        """Remove the rows and their file."""
        self.folder.remove(self.name)
        self.count = self._crc = 0
