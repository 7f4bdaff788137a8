"""The lines of a trace, decoded one by one; what no server writes is refused, by file and line.

A process that is killed may leave a line that breaks off: the last of a file, or the last before its next start. A
trace may be in several files, its parts; each but the first says which part it is, and after which step it begins.
Where the first parts are gone, the run continues from the checkpoint with which the next part begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import DecodeError, ValidationError, json

from quorate.runtime.interfaces import NodeId
from quorate.runtime.trace_file import GAP, DurableLine, PartLine
from quorate_check.core.system import UnusableSystemError

SUFFIX: Final = ".ndjson"
_NAME: Final = re.compile(r".+\.ndjson(\.\d+)?")  # tools that rotate files append a number
L = TypeVar("L")  # the lines of a protocol
E = TypeVar("E")  # its events


class Boot(Protocol):
    """A line of any protocol with which a run begins."""

    @property
    def node(self) -> NodeId:
        """The member that starts."""
        ...

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The members that founded its cluster; none if it joined later."""
        ...


@dataclass(frozen=True, slots=True)
class Format(Generic[L, E]):
    """The lines of a protocol: `decode` returns one, with the event of a step, and raises msgspec's errors.

    `boot`, `checkpoint` and `step` are the classes of its lines. A boot is a Boot, a checkpoint has one as its `disk`,
    and a step has a `number`.
    """

    decode: Callable[[bytes], tuple[L, E | None]]
    boot: type[Any]
    checkpoint: type[Any]
    step: type[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class LocatedLine(Generic[L, E]):
    """A line with its place; `event` is the event of a step."""

    place: Place
    line: L
    event: E | None = None


@dataclass(frozen=True, slots=True)
class TracePart:
    """One file of a trace, numbered in the order in which they were written.

    `members` founded the cluster; a node that joined it later begins without any.
    """

    path: Path
    size: int
    node: NodeId
    members: tuple[NodeId, ...]
    number: int


@dataclass
class TraceFile(Generic[L, E]):
    """The trace of one member, in one or more files.

    While `lines` is consumed, `bytes_read` and `cut_off`, the number of lines that broke off, grow.
    """

    parts: tuple[TracePart, ...]
    format: Format[L, E]
    bytes_read: int = 0
    cut_off: int = 0
    _damage: Place | None = field(default=None, init=False)  # the line that broke off, if the next is the one after it
    _step: int = field(default=0, init=False)
    _checkpoint_due: PartLine | None = field(default=None, init=False)  # of this part, on the next line

    @property
    def first_part(self) -> int:
        """The number of the first part that is there; those before it are gone."""
        return self.parts[0].number

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def node(self) -> NodeId:
        """The id of the member whose trace it is."""
        return self.parts[0].node

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The founders of its cluster, none if it joined later."""
        return self.parts[0].members

    def lines(self) -> Iterator[LocatedLine[L, E]]:
        """Yield the lines to judge, in order; raise UnusableSystemError at one that no server writes there."""
        for located in self._decoded():
            if (line := self.accept(located)) is not None:
                yield line

    def accept(self, located: LocatedLine[L, E] | Place) -> LocatedLine[L, E] | None:
        """Take the next line, or the place of one that breaks off; return the line if it is to be judged.

        Raises UnusableSystemError at a line that no server writes there.
        """
        if isinstance(located, Place):
            self._damage = self._damage or located
            self.cut_off += 1
            return None
        line = located.line
        is_start = isinstance(line, self.format.boot) or (isinstance(line, PartLine) and line.after_step is None)
        if self._damage is not None and not is_start:
            raise UnusableSystemError(f"{self._damage}: the line is damaged, and its process went on after it")
        self._damage = None
        self._check(located)
        return located if self._is_of_the_run(located) else None

    def _is_of_the_run(self, located: LocatedLine[L, E]) -> bool:
        """Whether a line is to be judged; a checkpoint is if the parts before it are gone."""
        part, self._checkpoint_due = self._checkpoint_due, None
        line = located.line
        if isinstance(line, PartLine):
            if line.part == self.first_part and line.after_step is not None:
                self._checkpoint_due, self._step = line, line.after_step
            return False
        if isinstance(line, self.format.checkpoint):
            return part is not None
        if part is not None and not isinstance(line, self.format.boot):
            raise UnusableSystemError(
                f"{located.place}: the parts before part {part.part} are gone, and this one begins in the middle of a "
                "run without saying with what: remove the parts before the next start of the node (a boot line)"
            )
        return True

    def _decoded(self) -> Iterator[LocatedLine[L, E] | Place]:
        """Yield each line, or its place if it breaks off."""
        for part in self.parts:
            try:
                with part.path.open("rb") as file:
                    for number, text in enumerate(file, start=1):
                        self.bytes_read += len(text)
                        yield decode(self.format, Place(part.path.name, number), text)
            except OSError as error:
                raise UnusableSystemError(f"{part.path}: {error.strerror}") from error

    def _check(self, located: LocatedLine[L, E]) -> None:
        """Raise UnusableSystemError if no process can have written this line after those before it."""
        line: Any = located.line
        if isinstance(line, self.format.boot | self.format.checkpoint):
            boot: Boot = line.disk if isinstance(line, self.format.checkpoint) else line
            if (boot.node, boot.members) != (self.node, self.members):
                raise UnusableSystemError(
                    f"{located.place}: node {boot.node} of {boot.members} starts in the trace of "
                    f"node {self.node} of {self.members}"
                )
            if isinstance(line, self.format.boot):
                self._step = 0
        elif isinstance(line, PartLine):
            if line.part != self.first_part and line.after_step is not None and line.after_step != self._step:
                raise UnusableSystemError(
                    f"{located.place}: this part goes on after step {line.after_step}, and what is before it ends with "
                    f"step {self._step}: a part is missing"
                )
        elif isinstance(line, DurableLine):
            if line.number > self._step:
                raise UnusableSystemError(
                    f"{located.place}: step {line.number} is durable, but step {self._step} is the last before it"
                )
        else:
            if line.number != self._step + 1:
                raise UnusableSystemError(f"{located.place}: step {line.number} comes after step {self._step}")
            self._step = line.number


def decode(lines: Format[L, E], place: Place, text: bytes) -> LocatedLine[L, E] | Place:
    """Return a decoded line, or its place if it breaks off; raise UnusableSystemError if it is no line of a trace."""
    try:
        return LocatedLine(place, *lines.decode(text))
    except ValidationError as error:
        raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
    except (DecodeError, UnicodeDecodeError):
        return place


def protocol_in(folder: Path) -> str | None:
    """Return the protocol of the traces in `folder`, "raft" or "bft"; None if there is no line that says so yet.

    Raises UnusableSystemError if the folder can't be read.
    """
    try:
        for path in sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)):
            with path.open("rb") as file:
                protocols = [protocol for text in islice(file, 2) if (protocol := _protocol_of(text)) is not None]
            if protocols:
                return protocols[0]
    except OSError as error:
        raise UnusableSystemError(f"{folder}: {error.strerror}") from error
    return None


def _protocol_of(text: bytes) -> str | None:
    """Return the protocol that a line names, None if it names none. A server of Raft names none in its boot."""
    try:
        line = json.decode(text)
    except DecodeError:
        return None
    boot = line.get("disk", line) if isinstance(line, dict) else None
    if not isinstance(boot, dict) or boot.get("line") not in {"boot", None}:
        return None
    return str(boot.get("protocol", "raft"))


def trace_files(folder: Path, lines: Format[L, E]) -> tuple[TraceFile[L, E], ...]:
    """Return the traces in `folder`, one for each member; raise UnusableSystemError if they are not of one cluster."""
    try:
        paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError as error:
        raise UnusableSystemError(f"{folder}: {error.strerror}") from error
    for path in paths:
        if GAP in path.suffixes:
            raise UnusableSystemError(
                f"{path}: the trace has a gap after this file: its disk couldn't be written, and the node went on; "
                "what was done since can't be judged"
            )
    parts = [part for path in paths if (part := open_part(path, lines)) is not None]
    if not parts:
        raise UnusableSystemError(f"{folder}: there is no trace in it (*{SUFFIX}, written by quorate serve --trace)")
    parts.sort(key=lambda part: (part.node, part.number))
    for before, after in pairwise(parts):
        if (before.node, before.number) == (after.node, after.number):
            raise UnusableSystemError(f"{before.path.name} and {after.path.name} are both traces of node {after.node}")
        if before.node == after.node and before.members != after.members:
            raise _two_clusters(before, after)
    for before, after in pairwise(part for part in parts if part.members):
        if before.members != after.members:
            raise _two_clusters(before, after)
    return tuple(TraceFile(tuple(of_one), lines) for _, of_one in groupby(parts, key=lambda part: part.node))


def _two_clusters(one: TracePart, other: TracePart) -> UnusableSystemError:
    return UnusableSystemError(
        f"{one.path.name} and {other.path.name} are of two clusters: {one.members} and {other.members}"
    )


def open_part(path: Path, lines: Format[L, E]) -> TracePart | None:
    """Return the part at `path`, None if the file is empty: its process was killed before it wrote."""
    try:
        with path.open("rb") as file:
            first, size = file.readline(), path.stat().st_size
    except OSError as error:
        raise UnusableSystemError(f"{path}: {error.strerror}") from error
    if not first:
        return None
    located = decode(lines, Place(path.name, 1), first)
    line: Any = None if isinstance(located, Place) else located.line
    if isinstance(line, lines.boot):
        node, members, number = line.node, line.members, 0
    elif isinstance(line, PartLine):
        node, members, number = line.node, line.members, line.part
    else:
        raise UnusableSystemError(f"{path}: no trace: its first line doesn't say who started")
    if members and node not in members:
        raise UnusableSystemError(f"{Place(path.name, 1)}: node {node} is not among the members {members}")
    return TracePart(path, size, node, members, number)
