"""The lines of a Raft server's trace, decoded."""

from __future__ import annotations

from typing import Final, TypeAlias, get_args

from msgspec import Raw, ValidationError
from msgspec.json import Decoder
from msgspec.structs import replace

from quorate.raft import Event, Message, Receive
from quorate.raft_server.trace_lines import BootLine, CheckpointLine, Line, StepLine
from quorate.raft_server.trace_values import entries_with, original, with_commands
from quorate_check.traces.reading import Format, LocatedLine, TraceFile

ServerLine: TypeAlias = LocatedLine[Line, Event]
ServerTrace: TypeAlias = TraceFile[Line, Event]

_MESSAGES: Final[dict[str, Decoder[Message]]] = {kind.__name__: Decoder(kind) for kind in get_args(Message)}
_EVENTS: Final[dict[str, Decoder[Event]]] = {
    kind.__name__: Decoder(kind) for kind in get_args(Event) if kind is not Receive
}
_LINES: Final[Decoder[Line]] = Decoder(Line)


def _decode(text: bytes) -> tuple[Line, Event | None]:
    line = _original_line(_LINES.decode(text))
    return line, event_of(*line.event) if isinstance(line, StepLine) else None


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


FORMAT: Final[Format[Line, Event]] = Format(_decode, BootLine, CheckpointLine, StepLine)
