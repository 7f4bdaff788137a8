"""The lines of a trace, decoded one by one; what no server writes is refused, by file and line.

A process that is killed may leave a line that breaks off: the last of a file, or the last before its next start. A
trace may be in several files, its parts; each but the first says which part it is, and after which step it begins.
Where the first parts are gone, the run continues from the checkpoint with which the next part begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, TypeVar, get_args

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder
from msgspec.structs import replace

from quorate.raft import Event, Message, NodeId, Receive
from quorate.raft_server.trace_lines import BootLine, CheckpointLine, Line, StepLine
from quorate.raft_server.trace_values import entries_with, original, with_commands
from quorate.runtime.trace_file import GAP, DurableLine, PartLine
from quorate_check.core.system import UnusableSystemError

SUFFIX: Final = ".ndjson"
_NAME: Final = re.compile(r".+\.ndjson(\.\d+)?")  # tools that rotate files append a number
T = TypeVar("T")

_MESSAGES: Final[dict[str, Decoder[Message]]] = {kind.__name__: Decoder(kind) for kind in get_args(Message)}
_EVENTS: Final[dict[str, Decoder[Event]]] = {
    kind.__name__: Decoder(kind) for kind in get_args(Event) if kind is not Receive
}
_LINES: Final[Decoder[Line]] = Decoder(Line)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class LocatedLine:
    """A line with its place; `event` is the event of a StepLine."""

    place: Place
    line: Line
    event: Event | None = None


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
class TraceFile:
    """The trace of one member, in one or more files.

    While `lines` is consumed, `bytes_read` and `cut_off`, the number of lines that broke off, grow.
    """

    parts: tuple[TracePart, ...]
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

    def lines(self) -> Iterator[LocatedLine]:
        """Yield the lines to judge, in order; raise UnusableSystemError at one that no server writes there."""
        for located in self._decoded():
            if (line := self.accept(located)) is not None:
                yield line

    def accept(self, located: LocatedLine | Place) -> LocatedLine | None:
        """Take the next line, or the place of one that breaks off; return the line if it is to be judged.

        Raises UnusableSystemError at a line that no server writes there.
        """
        if isinstance(located, Place):
            self._damage = self._damage or located
            self.cut_off += 1
            return None
        is_start = isinstance(located.line, BootLine) or (
            isinstance(located.line, PartLine) and located.line.after_step is None
        )
        if self._damage is not None and not is_start:
            raise UnusableSystemError(f"{self._damage}: the line is damaged, and its process went on after it")
        self._damage = None
        self._check(located)
        return located if self._is_of_the_run(located) else None

    def _is_of_the_run(self, located: LocatedLine) -> bool:
        """Whether a line is to be judged; a checkpoint is if the parts before it are gone."""
        part, self._checkpoint_due = self._checkpoint_due, None
        match located.line:
            case PartLine(part=number, after_step=int(step)) if number == self.first_part:
                self._checkpoint_due, self._step = located.line, step
                return False
            case PartLine():
                return False
            case CheckpointLine():
                return part is not None
            case BootLine():
                return True
        if part is not None:
            raise UnusableSystemError(
                f"{located.place}: the parts before part {part.part} are gone, and this one begins in the middle of a "
                "run without saying with what: remove the parts before the next start of the node (a boot line)"
            )
        return True

    def _decoded(self) -> Iterator[LocatedLine | Place]:
        """Yield each line, or its place if it breaks off."""
        for part in self.parts:
            try:
                with part.path.open("rb") as file:
                    for number, text in enumerate(file, start=1):
                        self.bytes_read += len(text)
                        yield decode(Place(part.path.name, number), text)
            except OSError as error:
                raise UnusableSystemError(f"{part.path}: {error.strerror}") from error

    def _check(self, located: LocatedLine) -> None:
        """Raise UnusableSystemError if no process can have written this line after those before it."""
        match located.line:
            case BootLine(node=node, config=config) | CheckpointLine(disk=BootLine(node=node, config=config)):
                if (node, config.members) != (self.node, self.members):
                    raise UnusableSystemError(
                        f"{located.place}: node {node} of {config.members} starts in the trace of "
                        f"node {self.node} of {self.members}"
                    )
                if isinstance(located.line, BootLine):
                    self._step = 0
            case PartLine(part=number, after_step=int(step)) if number != self.first_part and step != self._step:
                raise UnusableSystemError(
                    f"{located.place}: this part goes on after step {step}, and what is before it ends with step "
                    f"{self._step}: a part is missing"
                )
            case StepLine(number=number):
                if number != self._step + 1:
                    raise UnusableSystemError(f"{located.place}: step {number} comes after step {self._step}")
                self._step = number
            case DurableLine(number=number):
                if number > self._step:
                    raise UnusableSystemError(
                        f"{located.place}: step {number} is durable, but step {self._step} is the last before it"
                    )


def decode(place: Place, text: bytes) -> LocatedLine | Place:
    """Return a decoded line, or its place if it breaks off; raise UnusableSystemError if it is no line of a trace."""
    try:
        line = _original_line(_LINES.decode(text))
        return LocatedLine(place, line, event_of(*line.event) if isinstance(line, StepLine) else None)
    except ValidationError as error:
        raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
    except (DecodeError, UnicodeDecodeError):
        return place


def _original_line(line: Line) -> Line:
    """Return a line with the server's commands in place of their written form; `event_of` does that for an event."""
    match line:
        case BootLine(entries=entries):
            return replace(line, entries=entries_with(entries, original))
        case CheckpointLine(disk=disk, unwritten=unwritten):
            steps = tuple(
                step if step.persist is None else replace(step, persist=with_commands(step.persist, original))
                for step in unwritten
            )
            return replace(line, disk=replace(disk, entries=entries_with(disk.entries, original)), unwritten=steps)
        case _:
            return line


def message_of(name: str, fields: Raw) -> Message:
    """Return the message with this name and these fields; raise ValidationError if there is no such message."""
    if (message := _MESSAGES.get(name)) is not None:
        return with_commands(message.decode(fields), original)
    raise ValidationError(f"there is no message {name}")


def event_of(name: str, fields: Raw) -> Event:
    """Return the event with this name and these fields; raise ValidationError if there is no such event."""
    if name in _MESSAGES:
        return Receive(message_of(name, fields))
    if (event := _EVENTS.get(name)) is not None:
        return with_commands(event.decode(fields), original)
    raise ValidationError(f"there is no event {name}")


def trace_files(folder: Path) -> tuple[TraceFile, ...]:
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
    parts = [part for path in paths if (part := open_part(path)) is not None]
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
    return tuple(TraceFile(tuple(of_one)) for _, of_one in groupby(parts, key=lambda part: part.node))


def _two_clusters(one: TracePart, other: TracePart) -> UnusableSystemError:
    return UnusableSystemError(
        f"{one.path.name} and {other.path.name} are of two clusters: {one.members} and {other.members}"
    )


def open_part(path: Path) -> TracePart | None:
    """Return the part at `path`, None if the file is empty: its process was killed before it wrote."""
    try:
        with path.open("rb") as file:
            first, size = file.readline(), path.stat().st_size
    except OSError as error:
        raise UnusableSystemError(f"{path}: {error.strerror}") from error
    if not first:
        return None
    located = decode(Place(path.name, 1), first)
    match located:
        case LocatedLine(line=BootLine(node=node, config=config)):
            members, number = config.members, 0
        case LocatedLine(line=PartLine(node=node, members=members, part=number)):
            pass
        case _:
            raise UnusableSystemError(f"{path}: no trace: its first line doesn't say who started")
    if members and node not in members:
        raise UnusableSystemError(f"{located.place}: node {node} is not among the members {members}")
    return TracePart(path, size, node, members, number)
