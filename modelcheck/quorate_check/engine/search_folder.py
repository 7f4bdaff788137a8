"""The folder in which a search stores what it had found, so that another process can go on from there.

`checkpoint.json` says how far the search had come, and how long the other files were then; it is replaced as a whole.
A search that is killed while it writes leaves files that are longer than that says; the rest is cut off.
"""

from __future__ import annotations

import fcntl
import os
import re
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from quorate_check.core.system import UnusableSystemError

NAME = "checkpoint.json"
OURS = re.compile(r"(states|parents|tables)-\d+|pairs|checkpoint\.json\.new")  # left by who had no time to finish
OTHER = "it is of other bounds, another network or other code; give an empty folder"
CHUNK = 1 << 20  # bytes, or states, that are read at a time


class File(msgspec.Struct, array_like=True):
    """What a file held: how many bytes, and their CRC-32."""

    size: int = 0
    crc: int = 0


class Standing(msgspec.Struct, kw_only=True):
    """What `checkpoint.json` says whatever the search: which it is, of which system, and its files."""

    format: str
    system: str
    seconds: float
    files: dict[str, File]


S = TypeVar("S", bound=Standing)


class SearchFolder:
    """The folder of one search; another process that wants the same folder is refused while this one lives.

    Raises UnusableSystemError if the folder can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, File] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self.refusal(f"it can't be used: {error.strerror}") from None
        try:
            self.has_checkpoint = self._look()
        except UnusableSystemError:
            self.close()
            raise

    def _look(self) -> bool:
        """Take the folder for this process; return whether there is a checkpoint in it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            names = sorted(p.name for p in self.folder.iterdir())
        except BlockingIOError:
            raise self.refusal("another search is using it") from None
        except OSError as error:
            raise self.refusal(f"it can't be used: {error.strerror}") from None
        if NAME not in names and (strangers := [name for name in names if not OURS.fullmatch(name)]):
            raise self.refusal(f"it holds {strangers[0]!r} and no checkpoint; give an empty folder")
        return NAME in names

    def close(self) -> None:
        """Leave the folder to others."""
        os.close(self._lock)

    def refusal(self, reason: str) -> UnusableSystemError:
        """Return the error that says why the folder can't be used."""
        return UnusableSystemError(f"checkpoint {self.folder}: {reason}")

    def append(self, name: str, *parts: np.ndarray[Any, Any], anew: bool = False) -> None:
        """Write more to a file, or a new one; raise OSError where the disk refuses."""
        before = File() if anew else self.files.get(name, File())
        size, crc = before.size, before.crc
        with (self.folder / name).open("wb" if anew else "ab") as file:
            for part in parts:
                content = np.ascontiguousarray(part).data.cast("B") if part.size else b""
                file.write(content)
                size, crc = size + len(content), zlib.crc32(content, crc)
            file.flush()
            os.fsync(file.fileno())
        self.files[name] = File(size, crc)

    def replace(self, standing: Standing) -> None:
        """Have `standing` say how far the search has come; raise OSError where the disk refuses."""
        fresh = self.folder / f"{NAME}.new"
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(standing))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / NAME)
        os.fsync(self._lock)

    def empty(self) -> None:
        """Remove what a search has left that had no time to finish its first checkpoint."""
        for path in self.folder.iterdir():
            path.unlink()

    def standing(self, kind: type[S], form: str, system: str) -> S:
        """Return where the search of `system` stood; raise UnusableSystemError if the folder isn't one of such."""
        try:
            content = (self.folder / NAME).read_bytes()
            standing = msgspec.json.decode(content, type=Standing)
            if standing.format != form:
                raise self.refusal(f"it is {standing.format!r}, and this search writes {form!r}; give an empty folder")
            if standing.system != system:
                raise self.refusal(f"it is of {standing.system}, not of {system}; give an empty folder")
            at = msgspec.json.decode(content, type=kind)
        except (OSError, msgspec.MsgspecError) as error:
            raise self.refusal(f"{NAME} can't be read: {error}") from None
        self.files = at.files
        return at

    def check_files(self) -> None:
        """Cut off what was written after the checkpoint; refuse what isn't what was written before it."""
        for name, file in self.files.items():
            path, crc = self.folder / name, 0
            try:
                if path.stat().st_size < file.size:
                    raise self.refusal(f"{name} is shorter than it was; give an empty folder")
                os.truncate(path, file.size)
                with path.open("rb") as content:
                    while block := content.read(8 * CHUNK):
                        crc = zlib.crc32(block, crc)
            except OSError as error:
                raise self.refusal(f"{name} can't be read: {error.strerror}") from None
            if crc != file.crc:
                raise self.refusal(f"{name} isn't what was written to it; give an empty folder")

    def load(self, name: str, kind: np.dtype[Any], place: int, size: int) -> np.ndarray[Any, Any]:
        """Return so many bytes of a file from `place` on."""
        return np.fromfile(self.folder / name, kind, size // kind.itemsize, offset=place)
