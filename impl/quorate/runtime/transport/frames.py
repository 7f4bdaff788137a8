"""Frames of a stream: four bytes of length, big-endian, then the payload.

A payload of more than PIECE_BYTES is sent in pieces, each a frame whose length has the bit PIECE set, the last also
LAST. Other frames may come between two pieces, so that small messages don't wait for large ones.

Memory grows with the bytes that have arrived, not with announced lengths. A byte is moved at most once, plus once to
join pieces.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

HEADER_BYTES: Final = 4
PIECE_BYTES: Final = 1 << 17
PIECE: Final = 1 << 31
LAST: Final = 1 << 30
MOST_LENGTH: Final = LAST - 1
_TLS_HANDSHAKE: Final = 0x1603  # the first bytes of every connection under TLS, which are no valid length here


class WireError(Exception):
    """A message can't be sent, or bytes are no message; `str(error)` is one line that says why."""


def header(payload: bytes) -> bytes:
    """The header of a payload that is sent as one frame."""
    return len(payload).to_bytes(HEADER_BYTES, "big")


def pieces(parts: Sequence[bytes]) -> Iterator[tuple[bytes, memoryview]]:
    """The frames, each a header and its bytes, of a large payload in parts."""
    cuts = [(part, at) for part in parts for at in range(0, len(part), PIECE_BYTES)]
    for number, (part, at) in enumerate(cuts, 1):
        piece = memoryview(part)[at : at + PIECE_BYTES]
        yield (len(piece) | PIECE | (LAST if number == len(cuts) else 0)).to_bytes(HEADER_BYTES, "big"), piece


class FrameBuffer:
    """The receive buffer of a connection: write into `space()`, call `filled`, then take the `payloads()`.

    `limit` is the largest payload allowed, in bytes; it may be changed between two frames.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray(self._capacity)
        self._start = self._end = 0
        self._joined = bytearray()  # the pieces of a large payload that have arrived

    def space(self) -> memoryview:
        """Room for at least one more byte, valid until the next call."""
        if self._start > 0 or self._end == len(self._data):
            self._make_room()
        return memoryview(self._data)[self._end :]

    def filled(self, count: int) -> None:
        """Record that `count` bytes were written into `space()`."""
        self._end += count

    @property
    def holds_part_of_large(self) -> bool:
        """Whether some pieces of a payload have arrived, and others haven't."""
        return bool(self._joined)

    def payloads(self) -> Iterator[memoryview]:
        """The complete payloads, each once, valid until `space` is called.

        Raises WireError at a header with too large a length, before any byte of that payload.
        """
        data = memoryview(self._data)
        while (announced := self._announced()) is not None:
            length = self._allowed(announced)
            begin = self._start + HEADER_BYTES
            if begin + length > self._end:
                return
            self._start = begin + length
            payload = data[begin : begin + length]
            if not announced & PIECE:
                yield payload
                continue
            self._joined += payload
            if announced & LAST:
                whole, self._joined = self._joined, bytearray()
                yield memoryview(whole)

    def _allowed(self, announced: int) -> int:
        """The length in a header; raises WireError if it is too large."""
        if not announced & PIECE:
            length = whole = announced
            most = min(self.limit, PIECE_BYTES)
        else:
            length = announced & MOST_LENGTH
            whole, most = len(self._joined) + length, self.limit
        if length <= PIECE_BYTES and whole <= most:
            return length
        if announced >> 16 == _TLS_HANDSHAKE:
            raise WireError("it speaks TLS, which is not set up here")
        raise WireError(f"a frame of {whole} bytes is larger than the {most} allowed here")

    @property
    def _capacity(self) -> int:
        return HEADER_BYTES + min(PIECE_BYTES, self.limit)

    def _announced(self) -> int | None:
        """The header of the next frame, None if it is incomplete."""
        begin = self._start + HEADER_BYTES
        return int.from_bytes(self._data[self._start : begin], "big") if begin <= self._end else None

    def _make_room(self) -> None:
        waiting = self._data[self._start : self._end]
        if self._capacity > len(self._data):
            self._data = bytearray(self._capacity)
        self._data[: len(waiting)] = waiting
        self._start, self._end = 0, len(waiting)


class Departures:
    """The send queue of a connection: small payloads leave at once, large ones a few pieces at a time."""

    def __init__(self) -> None:
        """Begin with an empty queue."""
        self._small: list[bytes] = []
        self._large: deque[tuple[int, Iterator[tuple[bytes, memoryview]]]] = deque()
        self.small_bytes = 0
        self.large_bytes = 0

    def add(self, parts: Sequence[bytes], size: int) -> None:
        """Queue a payload of `size` bytes in parts."""
        if size > PIECE_BYTES:
            self._large.append((size, pieces(parts)))
            self.large_bytes += size
        else:
            self._small += (size.to_bytes(HEADER_BYTES, "big"), *parts)
            self.small_bytes += size

    def small(self) -> list[bytes]:
        """Remove and return the frames of all small payloads."""
        leaving, self._small, self.small_bytes = self._small, [], 0
        return leaving

    def next_piece(self) -> tuple[bytes, memoryview] | None:
        """Remove and return the next piece of the oldest large payload, None if there is none."""
        while self._large:
            size, rest = self._large[0]
            piece = next(rest, None)
            if piece is not None:
                return piece
            self._large.popleft()
            self.large_bytes -= size
        return None
