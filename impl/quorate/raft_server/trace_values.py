"""Stand-ins for large commands in traces, since the core never looks inside, and writing them would take too long.

A command of more than LARGE_BYTES is written as a magic word, its length and its CRC-32. A reader gets bytes of that
length, since the core counts bytes; they are equal for equal stand-ins.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from struct import Struct
from typing import Final, TypeVar
from zlib import crc32

from quorate.raft import AppendEntries, Entry, Event, Message, Persist, Propose, Receive

LARGE_BYTES: Final = 1 << 16
_MAGIC: Final = b"\xffquorate"
_STAND_IN: Final = Struct(">8sQI")

Carrier = TypeVar("Carrier", bound=Event | Message | Persist)


def stand_in(command: bytes) -> bytes:
    """Return the stand-in of a large command; other commands stay as they are."""
    return command if len(command) <= LARGE_BYTES else _STAND_IN.pack(_MAGIC, len(command), crc32(command))


def original(command: bytes) -> bytes:
    """Return the command itself, or for a stand-in bytes of the length of its command."""
    is_stand_in = len(command) == _STAND_IN.size and command.startswith(_MAGIC)
    return _stretched(command) if is_stand_in else command


@lru_cache(maxsize=64)
def _stretched(command: bytes) -> bytes:
    return command.ljust(_STAND_IN.unpack(command)[1], b"\0")


def with_commands(carrier: Carrier, change: Callable[[bytes], bytes]) -> Carrier:
    """Return an event, a message or a write with each of its commands changed."""
    match carrier:
        case Receive(message):
            return replace(carrier, message=with_commands(message, change))
        case Propose(commands):
            return replace(carrier, commands=tuple(map(change, commands)))
        case AppendEntries(entries=entries) | Persist(entries=entries) if entries:
            return replace(carrier, entries=entries_with(entries, change))
        case _:
            return carrier


def entries_with(entries: Sequence[Entry], change: Callable[[bytes], bytes]) -> tuple[Entry, ...]:
    """Return entries with each of their commands changed."""
    return tuple(_with(entry, change) for entry in entries)


def _with(entry: Entry, change: Callable[[bytes], bytes]) -> Entry:
    changed = None if entry.command is None else change(entry.command)
    return entry if changed is entry.command else replace(entry, command=changed)
