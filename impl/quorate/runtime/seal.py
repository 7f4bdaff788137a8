"""What a database must hold at least: three things that tell if anything that was acknowledged is missing.

SQLite takes a wrong byte in its write-ahead log for the end that a crash has left, and drops what follows it, silently.
And it has no checksums for what is in the database itself. So:

- The *seal* is a row that every transaction changes: how many writes there were, and a digest of all that they left.
  Rows that are missing, or as they were earlier, don't agree with it.
- The *witness* is a file beside the database with the seal of the latest acknowledged write. It is overwritten after
  each commit and not waited for: it survives the end of the process, and after a loss of power it is perhaps older than
  the database, but never newer. A database that is behind its witness has lost what was acknowledged.
- The *write-ahead log* tells when the witness is old: a transaction begins only when the one before it is on the disk.
  So what is wrong with a transaction that another follows is no torn end.

A witness that can't be read says nothing, for what it would say may be right: the database is opened on its own word.
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
    """How many writes there were, and a digest of all that they left, below 2^63 both."""

    writes: int
    content: int

    @property
    def checksum(self) -> int:
        """Of the two numbers."""
        return crc32(b"%d %d" % (self.writes, self.content))


class Witness:
    """The file beside a database that knows its latest seal, while the database is in use."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, which is made if there is none; OSError if that isn't possible."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._can_write = True

    def read(self) -> Seal | None:
        """Return what was written last, None if that can't be known."""
        found = os.pread(self._descriptor, _WITNESS.size + 1, 0)
        if len(found) != _WITNESS.size:
            return None
        magic, writes, content, checksum = _WITNESS.unpack(found)
        seal = Seal(writes, content)
        return seal if magic == _WITNESS_MAGIC and checksum == seal.checksum else None

    def write(self, seal: Seal) -> None:
        """Note the seal of what is on the disk; without room, say once that this witness is worth nothing."""
        try:
            os.pwrite(self._descriptor, _WITNESS.pack(_WITNESS_MAGIC, seal.writes, seal.content, seal.checksum), 0)
        except OSError as error:
            if self._can_write:
                log.warning("cannot be written", extra={"file": str(self._path), "reason": error.strerror})
            self._can_write = False

    def keep(self) -> None:
        """Make sure that the file itself is there after a loss of power."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, _WITNESS.size)
            os.fsync(self._descriptor)

    def close(self, *, remove: bool) -> None:
        """Release the file, and remove it if the database says all that there is to say."""
        os.close(self._descriptor)
        if remove:
            with suppress(OSError):
                self._path.unlink()


def damage_of_log(path: Path, frames: int | None) -> str | None:
    """What shows that the write-ahead log at `path` had more than the frames that SQLite finds good; else None.

    `frames` is how many SQLite has found, if it could say so. To find that out here takes a tenth of a second for 4 MB.
    """
    if path.stat().st_size < _LOG_HEADER.size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        header = _LOG_HEADER.unpack_from(content)
        if not any(header):
            return None  # lengthened, and not yet written to
        if not _is_good(header, content):
            return f"the beginning of {path.name} is wrong"
        if frames is None:
            frames = next(number for number in count() if not _is_whole(header, content, number))
        later = [number for number in _commits(header, content) if number >= frames]
        # The first may be the end of what was being written when the power failed; where it isn't, nothing follows.
        if any(_is_whole(header, content, number) for number in later[1:]):
            return f"{path.name} is wrong in the middle, and with it the writes that follow"
    return None


def _is_good(header: tuple[int, ...], content: mmap.mmap) -> bool:
    magic, _, page_size, *_ = header
    if magic not in (_LITTLE_ENDIAN, _BIG_ENDIAN) or page_size & (page_size - 1) or not 512 <= page_size <= 65536:
        return False
    return _checksum(magic, (0, 0), content[: _LOG_HEADER.size - 8]) == header[6:]


def _commits(header: tuple[int, ...], content: mmap.mmap) -> Iterator[int]:
    """The numbers of the frames that end a transaction of this log, whether they are whole or not."""
    size = _FRAME.size + header[2]
    for number, start in enumerate(range(_LOG_HEADER.size, len(content) - size + 1, size)):
        frame = _FRAME.unpack_from(content, start)
        if frame[1] and frame[2:4] == header[4:6]:
            yield number


def _is_whole(header: tuple[int, ...], content: mmap.mmap, number: int) -> bool:
    """Whether a frame follows the one before it: checksums go on from frame to frame."""
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
