"""The Redis protocol, versions 2 and 3: requests out of bytes, and replies into bytes.

hiredis reads requests, but it believes what they say of their own size: it makes room for a list of a billion before
the first element has come. So a request is handed to it only when all of it is there, is no longer than it may be, and
is what a request must be, an array of bulk strings. The texts of errors are Redis's where Redis has one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import hiredis

from quorate.store.inline import split_words
from quorate.store.replies import Failure, Status

Request: TypeAlias = list[bytes]

# What may be said by those who haven't given the password yet, as in Redis.
MOST_STRINGS_OF_A_STRANGER: Final = 10
MOST_STRING_BYTES_OF_A_STRANGER: Final = 16_384
MOST_INLINE_BYTES: Final = 65_536

_LONGEST_HEADER: Final = 16
_CUT_BYTES: Final = 1 << 16
_ARRAY = re.compile(rb"\*(0|-?[1-9][0-9]{0,8})\r\n")
_STRING = re.compile(rb"\$(0|[1-9][0-9]{0,8})\r\n")


class ProtocolError(Exception):
    """What was sent is no request, and nobody knows where the next begins; the text is for the client."""


class TooLongError(Exception):
    """A request that has come to its end, and of which nothing was kept; the text is for the client."""


class RequestReader:
    """Cuts a stream of bytes into requests; keeps the one that isn't complete, and what was fed last.

    No request may have more than `most_bytes`, headers included, and none of its strings more than `most_string_bytes`;
    those of strangers, who aren't `trusted`, less. One that has more is read to its end and thrown away as it comes, so
    that its client can be told.
    """

    def __init__(self, most_bytes: int, *, trusted: bool, most_string_bytes: int | None = None) -> None:
        """Begin where a request begins; without a limit of their own strings may be as long as requests."""
        self.trusted = trusted
        self._most_bytes = most_bytes
        self._most_string_bytes = most_bytes if most_string_bytes is None else most_string_bytes
        self._hiredis = hiredis.Reader()
        self._buffer = bytearray()
        self._start = 0  # of the request at hand
        self._at = 0  # how far it has been looked at
        self._strings_left = 0  # of it, once its array has begun
        self._too_long = False
        self._bytes_left = 0  # of the string at hand, if it is thrown away

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._start:
            del self._buffer[: self._start]
            self._at -= self._start
            self._start = 0
        self._buffer += data

    def next(self) -> Request | None:
        """Return the next request, None until all of it is there.

        Raises TooLongError for one that was too long, and ProtocolError now and ever after.
        """
        while self._strings_left == 0 and not self._too_long:
            if self._start == len(self._buffer):
                self._buffer.clear()
                self._start = self._at = 0
                return None
            if self._buffer[self._start] != ord("*"):
                words = self._pass_line()
                if words is None or words:
                    return words
            elif not self._pass_array_header():
                return None
        if not self._pass_strings():
            return None
        if self._too_long:
            self._too_long = False
            most = (
                f"a request may have at most {self._most_bytes} bytes, {self._most_string_bytes} of them in one string"
            )
            raise TooLongError(f"{most}; nothing was done")
        if self._at - self._start > _CUT_BYTES:
            return self._cut()
        # Any buffer will do; the stub doesn't know.
        self._hiredis.feed(self._buffer, self._start, self._at - self._start)  # type: ignore[arg-type]
        self._start = self._at
        request: Request = self._hiredis.gets()
        return request

    def _cut(self) -> Request:
        """Return the request at hand; each of its strings is copied once, by hiredis it would be twice."""
        header = _ARRAY.match(self._buffer, self._start)
        assert header is not None, "the request begins with an array's header, which was found good"
        at, strings = header.end(), []
        with memoryview(self._buffer) as view:
            while at < self._at:
                header = _STRING.match(self._buffer, at)
                assert header is not None, "each string begins with a header, which was found good"
                end = header.end() + int(header[1])
                strings.append(bytes(view[header.end() : end]))
                at = end + 2
        self._start = self._at
        return strings

    def _pass_line(self) -> Request | None:
        """Return the words of what somebody typed, None until the line ends."""
        end = self._buffer.find(b"\n", self._at)
        if (len(self._buffer) if end < 0 else end) - self._start > MOST_INLINE_BYTES:
            raise ProtocolError("Protocol error: too big inline request")
        if end < 0:
            self._at = len(self._buffer)
            return None
        words = split_words(bytes(self._buffer[self._start : end]))
        if words is None:
            raise ProtocolError("Protocol error: unbalanced quotes in request")
        self._start = self._at = end + 1
        return words

    def _pass_array_header(self) -> bool:
        header = _ARRAY.match(self._buffer, self._at)
        if header is None:
            self._check_begun(too_long="too big mbulk count string", wrong="invalid multibulk length")
            return False
        # Redis takes no elements, and fewer than none, for no request at all.
        strings = max(int(header[1]), 0)
        if strings > MOST_STRINGS_OF_A_STRANGER and not self.trusted:
            raise ProtocolError("Protocol error: unauthenticated multibulk length")
        self._strings_left = strings
        self._at = header.end()
        if self._strings_left == 0:
            self._start = self._at
        return True

    def _pass_strings(self) -> bool:
        """Go over all strings of the request at hand that are there; return whether they all are."""
        buffer = self._buffer
        if self._too_long and not self._throw_away():
            return False
        while self._strings_left:
            header = _STRING.match(buffer, self._at)
            if header is None:
                if not buffer.startswith(b"$", self._at) and self._at < len(buffer):
                    raise ProtocolError(f"Protocol error: expected '$', got '{chr(buffer[self._at])}'")
                self._check_begun(too_long="too big bulk count string", wrong="invalid bulk length")
                return False
            length = int(header[1])
            end = header.end() + length + 2
            if length > MOST_STRING_BYTES_OF_A_STRANGER and not self.trusted:
                raise ProtocolError("Protocol error: unauthenticated bulk length")
            if self._too_long or end - self._start > self._most_bytes or length > self._most_string_bytes:
                self._too_long = True
                self._at, self._bytes_left = header.end(), length + 2
                self._strings_left -= 1
                if not self._throw_away():
                    return False
                continue
            if end > len(buffer):
                return False
            if not buffer.startswith(b"\r\n", end - 2):
                raise ProtocolError("Protocol error: a bulk string is longer than its length says")
            self._at = end
            self._strings_left -= 1
        return True

    def _throw_away(self) -> bool:
        """Pass what there is of the string at hand; return whether that is all of it."""
        thrown = min(self._bytes_left, len(self._buffer) - self._at)
        self._bytes_left -= thrown
        self._at += thrown
        self._start = self._at
        return self._bytes_left == 0

    def _check_begun(self, *, too_long: str, wrong: str) -> None:
        """Return if the header at hand may become one."""
        seen = self._buffer[self._at : self._at + _LONGEST_HEADER]
        if b"\n" in seen:
            raise ProtocolError(f"Protocol error: {wrong}")
        if len(seen) == _LONGEST_HEADER:
            raise ProtocolError(f"Protocol error: {too_long}")


@dataclass(frozen=True, slots=True)
class Text:
    """Lines for people to read."""

    text: str


Value: TypeAlias = "int | bytes | Status | Failure | Text | tuple[Value, ...] | dict[bytes, Value] | None"


def encode(value: Value, protocol: int) -> bytes:
    """Return `value` as a reply of this version of the protocol, 2 or 3."""
    match value:
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case None:
            return b"_\r\n" if protocol == 3 else b"$-1\r\n"
        case Status(text) | Failure(text):
            return b"%c%b\r\n" % (b"-" if isinstance(value, Failure) else b"+", _one_line(text))
        case Text(text):
            data = text.encode()
            return b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data) if protocol == 3 else encode(data, protocol)
        case tuple() | dict():
            return _encode_several(value, protocol)
        case _:
            assert_never(value)


def _encode_several(values: "tuple[Value, ...] | dict[bytes, Value]", protocol: int) -> bytes:
    if isinstance(values, dict):
        head = b"%%%d\r\n" % len(values) if protocol == 3 else b"*%d\r\n" % (2 * len(values))
        return head + b"".join(encode(each, protocol) for pair in values.items() for each in pair)
    return encode_array([encode(each, protocol) for each in values])


def encode_array(encoded: Sequence[bytes]) -> bytes:
    """Return an array of replies, which are encoded already."""
    return b"*%d\r\n" % len(encoded) + b"".join(encoded)


def _one_line(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape")


def quoted(data: bytes) -> str:
    """Return bytes of a client as they can stand in the text of an error, and be sent back unchanged."""
    return data.decode("utf-8", "surrogateescape")
