"""A backup as a file: a line of JSON that says what it is, the state, and a digest of all that stands before it."""

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
    """A backup that can't be made or used; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a backup says of itself: which cluster's state it has, up to which place of its log, and when it was made.

    `cluster_id` is hexadecimal, `made_at` a time as of ISO 8601. `whole` says that it has all that was acknowledged
    before it was begun; otherwise it has what one node knew, which may be less, or more than was acknowledged.
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
    """What a file has: its label, and the state as a snapshot of the state machine."""

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
    """What `parts_of` made; BackupError if the file isn't exactly that."""
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
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BackupError(f"{path} is no backup, or is damaged in its first line: give what `quorate backup` made")
    if found.get("format") != FORMAT:
        raise BackupError(
            f"{path} has format {found.get('format')}, and this version of Quorate reads format {FORMAT}: use the "
            "version that wrote it"
        )
    try:
        return _checked(found)
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, "its first line is wrong") from None


def _checked(found: Mapping[str, Any]) -> tuple[Label, int]:
    """The label and the length of the state; KeyError, TypeError or ValueError if they are none."""
    numbers = (*found["nodes"], found["index"], found["term"], found["length"])
    texts = found["cluster"], found["cluster_id"], found["made_at"]
    if not all(type(number) is int and number >= 0 for number in numbers) or not all(type(t) is str for t in texts):
        raise ValueError(found)
    cluster, cluster_id, made_at = texts
    nodes = tuple(found["nodes"])
    return Label(cluster, cluster_id, nodes, found["index"], found["term"], made_at, found["whole"] is True), found[
        "length"
    ]


def _damaged(path: Path, how: str) -> BackupError:
    return BackupError(f"{path} is damaged ({how}): use another backup")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise BackupError if nothing may be written at `path`: what is there is kept, unless `overwrite`."""
    try:
        is_taken, is_regular = is_there(path), is_file(path)
    except OSError as error:
        raise BackupError(f"{path} can't be looked at: {error.strerror}") from error
    if is_taken and not is_regular:
        raise BackupError(f"{path} is no file: give the name of one")
    if is_taken and not overwrite:
        raise BackupError(f"{path} is there already: give another name, or --overwrite")


class Target:
    """A file that is being written beside its place, readable for its owner alone.

    It gets there, durably, when `finish` finds it to be a backup; otherwise nothing is left of it.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Begin; BackupError if nothing can be written there."""
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
        """Write what comes next."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> Label:
        """Put the file in its place, if it reads as what it should be, and return what it says of itself."""
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
