"""The lines that a process adds to a file, while it adds them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1 << 20


class Tail:
    """The lines of the file at `path`, which may be renamed and begun anew, as traces are.

    `skipped_bytes` counts what was passed over: with `skips`, all but the last MOST_BYTES that are added between two
    reads.
    """

    def __init__(self, path: Path, *, skips: bool) -> None:
        """The file needn't be there yet."""
        self.skipped_bytes = 0
        self._path = path
        self._skips = skips
        self._file: int | None = None
        self._rest = b""  # of a line that isn't complete yet

    def read(self) -> list[bytes]:
        """Return complete lines that are new, of at most MOST_BYTES; raises OSError if the file can't be read."""
        *lines, self._rest = (self._rest + self._added()).split(b"\n")
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _added(self) -> bytes:
        if self._file is None:
            with suppress(FileNotFoundError):
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        if self._file is None:
            return b""
        # Nothing is written to a file once it is renamed: what is read after that is all.
        is_replaced = self._is_replaced(self._file)
        data = self._read(self._file)
        if not data and is_replaced:
            self.close()
            return b"\n" if self._rest else b""  # which ends a line that broke off
        return data

    def _read(self, file: int) -> bytes:
        behind = os.fstat(file).st_size - os.lseek(file, 0, os.SEEK_CUR)
        if self._skips and behind > MOST_BYTES:
            os.lseek(file, -MOST_BYTES, os.SEEK_END)
            self.skipped_bytes += behind - MOST_BYTES + len(self._rest)
            self._rest = b""
            return os.read(file, MOST_BYTES).partition(b"\n")[2]  # the read begins in the middle of a line
        return os.read(file, MOST_BYTES)

    def _is_replaced(self, file: int) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False
