"""SETBIT and GETBIT: bit 0 is the most significant bit of the first byte."""

from typing import Annotated

from msgspec import Meta

from quorate.store.answers import CommandError
from quorate.store.keyspace import MOST_VALUE_BYTES, Keyspace
from quorate.store.limits import TOO_LONG_VALUE
from quorate.store.operation_types import Count, PlainWrite, Query
from quorate.store.parsing import integer
from quorate.store.replies import Reply
from quorate.store.resp import Request
from quorate.store.writes import keep_time

BAD_OFFSET = "ERR bit offset is not an integer or out of range"
BAD_BIT = "ERR bit is not an integer or out of range"


class SetBit(PlainWrite, frozen=True, tag=23):
    """Set a bit, and pad a shorter value with zeros; the reply is the old bit."""

    key: bytes
    offset: Annotated[int, Meta(ge=0, lt=8 * MOST_VALUE_BYTES)]
    bit: Annotated[int, Meta(ge=0, le=1)]

    def do(self, keys: Keyspace) -> Reply:
        """Change the byte that has the bit."""
        at, place = _place(self.offset)
        if at >= keys.most_value_bytes:
            return TOO_LONG_VALUE
        value = bytearray((keys.get(self.key) or b"").ljust(at + 1, b"\0"))
        before = value[at] >> place & 1
        value[at] = value[at] & ~(1 << place) | self.bit << place
        keep_time(keys, self.key, bytes(value))
        return before


class GetBit(Query, frozen=True, tag=44):
    """The reply is a bit; behind the end of the value all bits are 0."""

    key: bytes
    offset: Count

    def do(self, keys: Keyspace) -> Reply:
        """Read the bit."""
        at, place = _place(self.offset)
        value = keys.get(self.key) or b""
        return value[at] >> place & 1 if at < len(value) else 0


def _place(offset: int) -> tuple[int, int]:
    return offset // 8, 7 - offset % 8


def set_bit(request: Request) -> SetBit:
    """SETBIT key offset bit."""
    offset, bit = _offset(request[2]), integer(request[3], BAD_BIT)
    if bit not in {0, 1}:
        raise CommandError(BAD_BIT)
    return SetBit(request[1], offset, bit)


def get_bit(request: Request) -> GetBit:
    """GETBIT key offset."""
    return GetBit(request[1], _offset(request[2]))


def _offset(text: bytes) -> int:
    offset = integer(text, BAD_OFFSET)
    if not 0 <= offset < 8 * MOST_VALUE_BYTES:
        raise CommandError(BAD_OFFSET)
    return offset
