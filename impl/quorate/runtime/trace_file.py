"""The file of a trace: the steps of a server as newline-delimited JSON, for `model-check trace`.

A file belongs to one member, which appends to it at each start. It may be divided into parts: when it reaches a given
size, it is renamed (`n1.ndjson` to `n1.1.ndjson`, `n1.2.ndjson` and so on) and begun anew; and `reopen` begins a new
file if another program has moved the old one away. The number of parts may be limited to the latest. A part begins with
a checkpoint, so that it can be judged without the parts before it.

`flush` writes lines to the operating system before any message of their steps leaves. So a killed process has sent no
message that is missing in its file; at worst the last line is cut off. A computer that loses power may lose lines, for
the file is not synced.

A trace that can't be written any more ends, and the server goes on without it. The file is then renamed
(`n1.3.gap.ndjson`), which needs no room on a full disk, so that its end isn't taken for the end of the run.
"""

import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import MsgspecError, Struct, json
from msgspec.json import Encoder

from quorate.runtime.interfaces import NodeId
from quorate.runtime.paths import is_file

log = logging.getLogger("quorate.trace")

LONGEST_HEADER: Final = 1 << 16  # bytes
GAP: Final = ".gap"  # in the name of a part after which steps are missing


class PartLine(Struct, frozen=True, tag_field="line", tag="part", forbid_unknown_fields=True):
    """The trace goes on in this file; `after_step` is None if its process began with it."""

    node: NodeId
    members: tuple[NodeId, ...]
    part: int
    after_step: int | None


class DurableLine(Struct, frozen=True, tag_field="line", tag="durable", forbid_unknown_fields=True):
    """All writes of the steps up to `number` are on disk."""

    number: int


class TraceFile(ABC):
    """Appends lines to the file at `path`; raises OSError if it can't be opened.

    A part ends when it has `part_bytes`, if given, and twice the size of its checkpoint. `parts` limits the number of
    parts, the current one included. `lost` means that the trace can't be written any more. A protocol is a subclass,
    which notes its steps.
    """

    def __init__(self, path: Path, part_bytes: int | None = None, parts: int | None = None) -> None:
        self.lost = False
        self._path = path
        self._part_bytes = part_bytes
        self._parts = parts
        self._encoder = Encoder()
        self._buffer = bytearray()
        self._open()

    @abstractmethod
    def _begin_part(self) -> None:
        """Note the lines with which a new part begins, a checkpoint among them, if the server has begun."""

    def flush(self) -> None:
        """Write all lines to the operating system, usually in one call."""
        if self.lost:
            return
        try:
            while self._buffer:
                count = os.write(self._file, self._buffer)
                del self._buffer[:count]
                self._bytes += count
            if self._is_full() and is_file(self._path):
                self._path.rename(self._named(f".{self._part + 1}"))
                self._reopen()
                self._remove_old()
        except OSError as error:
            self._lose(error)

    def reopen(self) -> None:
        """Begin a new file if another program has moved or removed the current one."""
        self.flush()
        try:
            if not self.lost and not self._is_in_place():
                self._reopen()
        except OSError as error:
            self._lose(error)

    def close(self) -> None:
        """Flush, and close the file."""
        self.flush()
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._bytes = os.fstat(self._file).st_size
        self._part = max((_part_of(self._file), *(number for number, _ in self._finished())))
        self._head = 0
        # A new line after a line that a kill has cut off.
        self._buffer += b"" if _ends_in_newline(self._file) else b"\n"

    def _reopen(self) -> None:
        part, old = self._part + 1, self._file
        self._open()
        os.close(old)
        self._part = max(self._part, part)
        if self._is_new:
            self._begin_part()
            self._head = len(self._buffer)

    def _is_full(self) -> bool:
        # The checkpoint must not be most of a part.
        return self._part_bytes is not None and self._bytes >= max(self._part_bytes, 2 * self._head)

    def _remove_old(self) -> None:
        """Remove surplus parts, the oldest first; never the current file."""
        if self._parts is None:
            return
        for number, path in sorted(self._finished()):
            if number > self._part - self._parts + 1:
                return
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                reason = error.strerror
                log.warning("an old part of the trace can't be removed", extra={"trace": path, "reason": reason})
                return

    @property
    def _is_new(self) -> bool:
        """Whether nothing is written to the current part."""
        return self._bytes == 0

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _lose(self, error: OSError) -> None:
        """End the trace; the server goes on, since it has promised nobody a trace."""
        self.lost = True
        self._buffer.clear()
        gap = self._named(f".{self._part + 1}{GAP}")
        reason = error.strerror
        try:
            if is_file(self._path):
                self._path.rename(gap)
        except OSError as another:
            reason = f"{reason}; and it can't be renamed to {gap.name}: {another.strerror}"
        log.error("the trace can't be written: going on without", extra={"trace": self._path, "reason": reason})

    def _named(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.stem}{what}{self._path.suffix}")

    def _finished(self) -> Iterator[tuple[int, Path]]:
        """Yield the finished parts, each with the number of the next one."""
        name = re.compile(rf"{re.escape(self._path.stem)}\.(\d+)({re.escape(GAP)})?{re.escape(self._path.suffix)}")
        for path in self._path.parent.iterdir():
            if match := name.fullmatch(path.name):
                yield int(match[1]), path

    def _note(self, line: object) -> None:
        """Add a line, which `flush` writes."""
        if not self.lost:
            self._encoder.encode_into(line, self._buffer, -1)
            self._buffer += b"\n"


def _ends_in_newline(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _part_of(file: int) -> int:
    """Return the number in a file's part line, 0 if there is none."""
    try:
        return json.decode(os.pread(file, LONGEST_HEADER, 0).partition(b"\n")[0], type=PartLine).part
    except MsgspecError:
        return 0
