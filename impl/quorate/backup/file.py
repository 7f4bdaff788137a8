"""The file of a backup: a line of JSON with its label, the state, and a digest of both."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from quorate.runtime.paths import is_file, is_there, sync

KIND: Final = "quorate backup"
FORMAT: Final = 1
MOST_LABEL_BYTES: Final = 64 * 1024
_DIGEST_BYTES: Final = 32
_READ_BYTES: Final = 1 << 20


class BackupError(Exception):
    """A backup can't be made or used; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Label:
    """The description of a backup: its cluster, the last index and term of its state, and the time when it was made.

    `cluster_id` is hexadecimal, `made_at` a time in ISO 8601. `whole` means that it has all writes that were
    acknowledged before it was begun; otherwise it has the state of one node, which may lack acknowledged writes, or
    have others.
    """

    cluster: str
    cluster_id: str
    nodes: tuple[int, ...]
    index: int
    term: int
    made_at: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of a file: the label, and the state as a snapshot of the state machine."""

    label: Label
    data: bytes


def parts_of(backup: Backup) -> tuple[bytes, bytes, bytes]:
    """The bytes of the file, in order: label, state, digest."""
    label = {"kind": KIND, "format": FORMAT, **asdict(backup.label), "length": len(backup.data)}
    line = json.dumps(label).encode() + b"\n"
    digest = sha256(line)
    digest.update(backup.data)
    return line, backup.data, digest.digest()


def read(path: Path) -> Backup:
    """Read the file of a backup; raises BackupError if it isn't complete and undamaged."""
    try:
        with path.open("rb") as file:
            line = file.readline(MOST_LABEL_BYTES)
            label, length = _label(path, line)
            digest = sha256(line)
            data = bytearray()
            while piece := file.read(min(_READ_BYTES, length - len(data))):
                digest.update(piece)
                data += piece
            end = file.read(_DIGEST_BYTES + 1)
    except OSError as error:
        raise BackupError(f"{path} can't be read: {error.strerror}") from error
    if len(data) != length or end != digest.digest():
        raise _damaged(path, "it is not as it was written")
    return Backup(label, bytes(data))


def _label(path: Path, line: bytes) -> tuple[Label, int]:
    try:
        content = json.loads(line)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise BackupError(f"{path} is no backup, or is damaged in its first line: give what `quorate backup` made")
    if content.get("format") != FORMAT:
        raise BackupError(
            f"{path} has format {content.get('format')}, and this version of Quorate reads format {FORMAT}: use the "
            "version that wrote it"
        )
    try:
        return _checked(content)
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, "its first line is wrong") from None


def _checked(content: Mapping[str, Any]) -> tuple[Label, int]:
    """The label and the length of the state; raises KeyError, TypeError or ValueError if they are invalid."""
    numbers = (*content["nodes"], content["index"], content["term"], content["length"])
    texts = content["cluster"], content["cluster_id"], content["made_at"]
    if not all(type(number) is int and number >= 0 for number in numbers) or not all(type(t) is str for t in texts):
        raise ValueError(content)
    cluster, cluster_id, made_at = texts
    nodes = tuple(content["nodes"])
    label = Label(cluster, cluster_id, nodes, content["index"], content["term"], made_at, content["whole"] is True)
    return label, content["length"]


def _damaged(path: Path, how: str) -> BackupError:
    return BackupError(f"{path} is damaged ({how}): use another backup")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise BackupError if nothing may be written at `path`: an existing file is kept, unless `overwrite`."""
    try:
        is_taken, is_regular = is_there(path), is_file(path)
    except OSError as error:
        raise BackupError(f"{path} can't be looked at: {error.strerror}") from error
    if is_taken and not is_regular:
        raise BackupError(f"{path} is no file: give the name of one")
    if is_taken and not overwrite:
        raise BackupError(f"{path} is there already: give another name, or --overwrite")


class Target:
    """A backup that is being written to a temporary file, which only its owner can read.

    `finish` checks the file and renames it, durably; without `finish` nothing is left of it.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Create the temporary file; raises BackupError if that isn't possible."""
        check_target(path, overwrite=overwrite)
        self._path = path
        self._overwrite = overwrite
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{path.name}-", suffix=".part", dir=path.parent)
        except OSError as error:
            raise self._failed(error) from error
        self._file = os.fdopen(descriptor, "wb")
        self._new = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._new.unlink(missing_ok=True)

    def add(self, piece: bytes) -> None:
        """Write the next piece."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> Label:
        """Rename the file to its place if it is a valid backup, and return its label."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            label = read(self._new).label
            check_target(self._path, overwrite=self._overwrite)
            self._new.replace(self._path)
            sync(self._path.parent)
        except OSError as error:
            raise self._failed(error) from error
        return label

    def _failed(self, error: OSError) -> BackupError:
        return BackupError(f"{self._path} can't be written: {error.strerror}")
