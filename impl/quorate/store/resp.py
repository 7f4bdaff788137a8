"""The Redis protocol, versions 2 and 3: decodes requests and encodes replies.

hiredis decodes requests, but it trusts their headers: it allocates a list of a billion elements before the first has
arrived. So it gets a request only when the request is complete, within its limits, and an array of bulk strings. The
texts of errors are Redis's where Redis has one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import hiredis

from quorate.store.inline import split_words
from quorate.store.replies import Failure, SimpleString

Request: TypeAlias = list[bytes]

# The limits on requests of clients that haven't given the password yet, as in Redis.
MOST_STRINGS_OF_A_STRANGER: Final = 10
MOST_STRING_BYTES_OF_A_STRANGER: Final = 16_384
MOST_INLINE_BYTES: Final = 65_536

_LONGEST_HEADER: Final = 16
_CUT_BYTES: Final = 1 << 16
_ARRAY = re.compile(rb"\*(0|-?[1-9][0-9]{0,8})\r\n")
_STRING = re.compile(rb"\$(0|[1-9][0-9]{0,8})\r\n")


class ProtocolError(Exception):
    """The bytes are no request, and nobody knows where the next one begins; the text is for the client."""


class TooLongError(Exception):
    """A request was too long, and was dropped up to its end; the text is for the client."""


class RequestReader:
    """Cuts a stream of bytes into requests; keeps only the incomplete request and the bytes that were fed last.

    No request may have more than `most_bytes`, headers included, and no string in it more than `most_string_bytes`; the
    limits for clients that aren't `trusted` are lower. The bytes of a longer request are dropped as they arrive, up to
    its end, so that its client can get an error.
    """

    def __init__(self, most_bytes: int, *, trusted: bool, most_string_bytes: int | None = None) -> None:
        """Begin at the beginning of a request; without `most_string_bytes` strings may be as long as requests."""
        self.trusted = trusted
        self._most_bytes = most_bytes
        self._most_string_bytes = most_bytes if most_string_bytes is None else most_string_bytes
        self._hiredis = hiredis.Reader()
        self._buffer = bytearray()
        self._start = 0  # of the current request
        self._at = 0  # the bytes before this position have been examined
        self._strings_left = 0  # of the current request, once its array has begun
        self._too_long = False
        self._bytes_left = 0  # of the current string, if it is being dropped

    @property
    def size(self) -> int:
        """The number of bytes that are kept."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._start:
            del self._buffer[: self._start]
            self._at -= self._start
            self._start = 0
        self._buffer += data

    def next(self) -> Request | None:
        """Return the next request, None if it is incomplete.

        Raises TooLongError for a request that was too long, and ProtocolError, from then on at each call.
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
        # hiredis takes any buffer, but its stub doesn't say so.
        self._hiredis.feed(self._buffer, self._start, self._at - self._start)  # type: ignore[arg-type]
        self._start = self._at
        request: Request = self._hiredis.gets()
        return request

    def _cut(self) -> Request:
        """Return the current request and copy each of its strings once; hiredis would copy them twice."""
        header = _ARRAY.match(self._buffer, self._start)
        assert header is not None, "the header of the array was checked before"
        at, strings = header.end(), []
        with memoryview(self._buffer) as view:
            while at < self._at:
                header = _STRING.match(self._buffer, at)
                assert header is not None, "the header of each string was checked before"
                end = header.end() + int(header[1])
                strings.append(bytes(view[header.end() : end]))
                at = end + 2
        self._start = self._at
        return strings

    def _pass_line(self) -> Request | None:
        """Return the words of an inline request, None until the line ends."""
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
        # As in Redis, an array of no elements, or of a negative number of them, is no request.
        strings = max(int(header[1]), 0)
        if strings > MOST_STRINGS_OF_A_STRANGER and not self.trusted:
            raise ProtocolError("Protocol error: unauthenticated multibulk length")
        self._strings_left = strings
        self._at = header.end()
        if self._strings_left == 0:
            self._start = self._at
        return True

    def _pass_strings(self) -> bool:
        """Pass all strings of the current request that have arrived; return whether all have."""
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
        """Drop the bytes of the current string that have arrived; return whether all have."""
        thrown = min(self._bytes_left, len(self._buffer) - self._at)
        self._bytes_left -= thrown
        self._at += thrown
        self._start = self._at
        return self._bytes_left == 0

    def _check_begun(self, *, too_long: str, wrong: str) -> None:
        """Raise ProtocolError if the current header can't become valid."""
        header = self._buffer[self._at : self._at + _LONGEST_HEADER]
        if b"\n" in header:
            raise ProtocolError(f"Protocol error: {wrong}")
        if len(header) == _LONGEST_HEADER:
            raise ProtocolError(f"Protocol error: {too_long}")


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of text for people."""

    text: str


Value: TypeAlias = "int | bytes | SimpleString | Failure | Text | tuple[Value, ...] | dict[bytes, Value] | None"


def encode(value: Value, protocol: int) -> bytes:
    """Return the bytes of a reply in this version of the protocol, 2 or 3."""
    match value:
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case None:
            return b"_\r\n" if protocol == 3 else b"$-1\r\n"
        case SimpleString(text) | Failure(text):
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
    """Return the bytes of an array of replies that are encoded already."""
    return b"*%d\r\n" % len(encoded) + b"".join(encoded)


def _one_line(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape")


def quoted(data: bytes) -> str:
    """Return bytes of a client as text for an error message, which encodes to the same bytes."""
    return data.decode("utf-8", "surrogateescape")
