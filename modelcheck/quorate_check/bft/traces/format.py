"""The lines of a BFT member's trace, decoded."""

from __future__ import annotations

from typing import Final, TypeAlias, get_args

from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from quorate.bft import Event, Message, Receive
from quorate.bft_server.trace_lines import BootLine, CheckpointLine, Line, StepLine
from quorate_check.traces.reading import Format, LocatedLine, TraceFile

MemberLine: TypeAlias = LocatedLine[Line, Event]
MemberTrace: TypeAlias = TraceFile[Line, Event]

_MESSAGES: Final[dict[str, Decoder[Message]]] = {kind.__name__: Decoder(kind) for kind in get_args(Message)}
_EVENTS: Final[dict[str, Decoder[Event]]] = {
    kind.__name__: Decoder(kind) for kind in get_args(Event) if kind is not Receive
}
_LINES: Final[Decoder[Line]] = Decoder(Line)


def message_of(name: str, fields: Raw) -> Message:
    """Return the message with this name and these fields; raise ValidationError if there is no such message."""
    if (decoder := _MESSAGES.get(name)) is None:
        raise ValidationError(f"there is no message {name}")
    return decoder.decode(fields)


def event_of(name: str, fields: Raw) -> Event:
    """Return the event with this name and these fields; raise ValidationError if there is no such event."""
    if (decoder := _EVENTS.get(name)) is not None:
        return decoder.decode(fields)
    return Receive(message_of(name, fields))


def _decode(text: bytes) -> tuple[Line, Event | None]:
    line = _LINES.decode(text)
    return line, event_of(*line.event) if isinstance(line, StepLine) else None


FORMAT: Final[Format[Line, Event]] = Format(_decode, BootLine, CheckpointLine, StepLine)
