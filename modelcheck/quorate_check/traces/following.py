"""Traces that grow: their new lines, and new files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from quorate.runtime.interfaces import NodeId
from quorate.runtime.tail import Tail
from quorate.runtime.trace_file import GAP
from quorate_check.core.system import UnusableSystemError
from quorate_check.traces.reading import SUFFIX, Format, LocatedLine, Place, TraceFile, TracePart, decode, open_part

POLL_S: Final = 0.1
_FINISHED: Final = re.compile(r"\.\d+$")  # in the name of a part that is followed by another
L = TypeVar("L")
E = TypeVar("E")


def poll(look: Callable[[], None], stop: Callable[[], str | None], report: Callable[[], None]) -> str:
    """Look at the files, and report, again and again, until `stop` returns a reason; return the reason."""
    while (reason := stop()) is None:
        look()
        report()
        time.sleep(POLL_S)
    return reason


@dataclass
class FollowedFile(Generic[L, E]):
    """A trace that grows, from the part that was found; `silent_since` is the time of its latest line."""

    part: TracePart
    format: Format[L, E]
    silent_since: float = field(default_factory=time.monotonic)
    _lines: int = 0

    def __post_init__(self) -> None:
        self.file = TraceFile((self.part,), self.format)
        self._tail = Tail(self.part.path, skips=False)

    @property
    def node(self) -> NodeId:
        """The member's id."""
        return self.part.node

    def read(self) -> Iterator[LocatedLine[L, E]]:
        """Yield what is new and to be judged; raise UnusableSystemError at what no server writes there."""
        try:
            while texts := self._tail.read():
                self.silent_since = time.monotonic()
                for text in texts:
                    self._lines += 1
                    place = Place(self.part.path.name, self._lines)
                    if (line := self.file.accept(decode(self.format, place, text))) is not None:
                        yield line
        except OSError as error:
            raise UnusableSystemError(f"{self.part.path}: {error.strerror}") from error


def new_files(folder: Path, lines: Format[L, E], others: Container[Path]) -> Iterator[FollowedFile[L, E]]:
    """Yield the traces in `folder` that aren't among `others` and have a line."""
    try:
        paths = sorted(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise UnusableSystemError(f"{folder}: {error.strerror}") from error
    for path in paths:
        if GAP in path.suffixes:
            raise UnusableSystemError(f"{path}: the trace has a gap after this file, and can't be judged from there on")
        if path in others or _FINISHED.search(path.stem) or not _has_line(path):
            continue
        if (part := open_part(path, lines)) is not None:
            yield FollowedFile(part, lines)


def _has_line(path: Path) -> bool:
    """Whether the first line of a file is complete."""
    try:
        with path.open("rb") as file:
            return file.readline().endswith(b"\n")
    except FileNotFoundError:  # it was renamed just now
        return False
    except OSError as error:
        raise UnusableSystemError(f"{path}: {error.strerror}") from error
