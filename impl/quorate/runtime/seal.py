"""Three checks that find whether acknowledged writes are missing in a database.

SQLite takes a wrong byte in its write-ahead log for the torn end after a crash, and silently drops all that follows.
And it has no checksums in the database itself. So:

- The *seal* is a row that every transaction changes: the number of writes, and a digest of the contents after them.
  Missing or old rows don't agree with it.
- The *witness* is a file beside the database with the seal of the latest acknowledged write. It is overwritten after
  each commit, without fsync: it survives the end of the process, and after a loss of power it may be older than the
  database, but never newer. A database that is behind its witness has lost acknowledged writes.
- The *write-ahead log* itself is checked because the witness may be old: a transaction begins only when the one before
  it is on the disk, so a damaged transaction that another follows is no torn end.

A witness that can't be read is ignored: the database is then opened without this check.
"""

import logging
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from zlib import crc32

log = logging.getLogger("quorate.storage")

# https://www.sqlite.org/fileformat2.html#walformat: magic, version, page size, sequence, two salts, checksum;
_LOG_HEADER: Final = struct.Struct(">8I")
# and for each page its number, the size of the database if it is the last of a transaction, the salts, checksum.
_FRAME: Final = struct.Struct(">6I")
_LITTLE_ENDIAN, _BIG_ENDIAN = 0x377F0682, 0x377F0683

_WITNESS: Final = struct.Struct(">8sQQI")
_WITNESS_MAGIC: Final = b"Quorseal"


@dataclass(frozen=True, slots=True)
class Seal:
    """The number of writes, and a digest of the contents after them, both below 2^63."""

    writes: int
    content: int

    @property
    def checksum(self) -> int:
        """The checksum of the two numbers."""
        return crc32(b"%d %d" % (self.writes, self.content))


class Witness:
    """The file with the latest seal of a database, which exists while the database is in use."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, which is created if it doesn't exist; raises OSError if that isn't possible."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._can_write = True

    def read(self) -> Seal | None:
        """Return the seal that was written last, None if the file has no valid one."""
        record = os.pread(self._descriptor, _WITNESS.size + 1, 0)
        if len(record) != _WITNESS.size:
            return None
        magic, writes, content, checksum = _WITNESS.unpack(record)
        seal = Seal(writes, content)
        return seal if magic == _WITNESS_MAGIC and checksum == seal.checksum else None

    def write(self, seal: Seal) -> None:
        """Write the latest seal; if that fails, log it once."""
        try:
            os.pwrite(self._descriptor, _WITNESS.pack(_WITNESS_MAGIC, seal.writes, seal.content, seal.checksum), 0)
        except OSError as error:
            if self._can_write:
                log.warning("cannot be written", extra={"file": str(self._path), "reason": error.strerror})
            self._can_write = False

    def keep(self) -> None:
        """Make the file itself durable, so that it exists after a loss of power."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, _WITNESS.size)
            os.fsync(self._descriptor)

    def close(self, *, remove: bool) -> None:
        """Close the file, and remove it if the database has been closed in order."""
        os.close(self._descriptor)
        if remove:
            with suppress(OSError):
                self._path.unlink()


def damage_of_log(path: Path, frames: int | None) -> str | None:
    """Why the write-ahead log at `path` must have had more valid frames than SQLite finds; None if nothing shows that.

    `frames` is the number that SQLite found, None if unknown; counting them here takes a tenth of a second for 4 MB.
    """
    if path.stat().st_size < _LOG_HEADER.size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        header = _LOG_HEADER.unpack_from(content)
        if not any(header):
            return None  # lengthened, but not written to yet
        if not _is_good(header, content):
            return f"the beginning of {path.name} is wrong"
        if frames is None:
            frames = next(number for number in count() if not _is_whole(header, content, number))
        later = [number for number in _commits(header, content) if number >= frames]
        # The first may be the torn end after a loss of power, but then no whole one follows.
        if any(_is_whole(header, content, number) for number in later[1:]):
            return f"{path.name} is wrong in the middle, and with it the writes that follow"
    return None


def _is_good(header: tuple[int, ...], content: mmap.mmap) -> bool:
    magic, _, page_size, *_ = header
    if magic not in (_LITTLE_ENDIAN, _BIG_ENDIAN) or page_size & (page_size - 1) or not 512 <= page_size <= 65536:
        return False
    return _checksum(magic, (0, 0), content[: _LOG_HEADER.size - 8]) == header[6:]


def _commits(header: tuple[int, ...], content: mmap.mmap) -> Iterator[int]:
    """The numbers of the frames that end a transaction of this log, valid or not."""
    size = _FRAME.size + header[2]
    for number, start in enumerate(range(_LOG_HEADER.size, len(content) - size + 1, size)):
        frame = _FRAME.unpack_from(content, start)
        if frame[1] and frame[2:4] == header[4:6]:
            yield number


def _is_whole(header: tuple[int, ...], content: mmap.mmap, number: int) -> bool:
    """Whether a frame is valid and follows the one before it, by the chain of checksums."""
    size = _FRAME.size + header[2]
    start = _LOG_HEADER.size + number * size
    if start + size > len(content):
        return False
    before = _FRAME.unpack_from(content, start - size)[4:] if number else header[6:]
    frame = _FRAME.unpack_from(content, start)
    data = content[start : start + 8] + content[start + _FRAME.size : start + size]
    return frame[2:4] == header[4:6] and frame[4:] == _checksum(header[0], before, data)


def _checksum(magic: int, before: tuple[int, ...], data: bytes) -> tuple[int, int]:
    words = struct.unpack(f"{'<' if magic == _LITTLE_ENDIAN else '>'}{len(data) // 4}I", data)
    one, two = before
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two
