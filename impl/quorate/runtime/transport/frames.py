"""A stream cut into frames: four bytes of length, big-endian, then so many bytes of payload.

A payload of more than PIECE_BYTES travels in pieces, each a frame whose length has the bit PIECE set, and the last one
LAST beside it. Whole frames may stand between two pieces, so that what is small doesn't wait behind what is large.

Memory follows what has arrived, not what was announced. A byte is moved at most once, plus once to join a piece to
those before it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

HEADER_BYTES: Final = 4
PIECE_BYTES: Final = 1 << 17
PIECE: Final = 1 << 31
LAST: Final = 1 << 30
MOST_LENGTH: Final = LAST - 1
_TLS_HANDSHAKE: Final = 0x1603  # how every connection under TLS begins: no length that is allowed here


class WireError(Exception):
    """A message that cannot be sent, or bytes that are none; `str(error)` is one line that says why."""


def header(payload: bytes) -> bytes:
    """What goes before a `payload` that travels whole."""
    return len(payload).to_bytes(HEADER_BYTES, "big")


def pieces(parts: Sequence[bytes]) -> Iterator[tuple[bytes, memoryview]]:
    """The frames, each a header and its bytes, in which a large payload travels that is these parts joined."""
    cuts = [(part, at) for part in parts for at in range(0, len(part), PIECE_BYTES)]
    for number, (part, at) in enumerate(cuts, 1):
        piece = memoryview(part)[at : at + PIECE_BYTES]
        yield (len(piece) | PIECE | (LAST if number == len(cuts) else 0)).to_bytes(HEADER_BYTES, "big"), piece


class FrameBuffer:
    """Where a connection's bytes arrive: write into `space()`, say how many to `filled`, then take the `payloads()`.

    `limit` is the largest payload allowed, in bytes; it may be changed between two frames.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray(self._capacity)
        self._start = self._end = 0
        self._joined = bytearray()  # the pieces of a large payload, as far as they have come

    def space(self) -> memoryview:
        """Room for at least one more byte; good until the next call."""
        if self._start > 0 or self._end == len(self._data):
            self._make_room()
        return memoryview(self._data)[self._end :]

    def filled(self, count: int) -> None:
        """Note that `count` bytes were written into `space()`."""
        self._end += count

    @property
    def holds_part_of_large(self) -> bool:
        """Whether some pieces of a payload have arrived, and others haven't."""
        return bool(self._joined)

    def payloads(self) -> Iterator[memoryview]:
        """The payloads that are complete, each once, and good until `space` is called.

        WireError at a header that announces more than is allowed, before any of that payload is waited for.
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
        """The length of the frame that was announced."""
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
        """The header of the first frame that wasn't taken yet, None if it isn't complete."""
        begin = self._start + HEADER_BYTES
        return int.from_bytes(self._data[self._start : begin], "big") if begin <= self._end else None

    def _make_room(self) -> None:
        waiting = self._data[self._start : self._end]
        if self._capacity > len(self._data):
            self._data = bytearray(self._capacity)
        self._data[: len(waiting)] = waiting
        self._start, self._end = 0, len(waiting)


class Departures:
    """Payloads that wait to leave on one connection: small ones leave at once, of large ones a few pieces at a time."""

    def __init__(self) -> None:
        """Begin with none."""
        self._small: list[bytes] = []
        self._large: deque[tuple[int, Iterator[tuple[bytes, memoryview]]]] = deque()
        self.small_bytes = 0
        self.large_bytes = 0

    def add(self, parts: Sequence[bytes], size: int) -> None:
        """Have a payload leave that is these parts joined, of `size` bytes."""
        if size > PIECE_BYTES:
            self._large.append((size, pieces(parts)))
            self.large_bytes += size
        else:
            self._small += (size.to_bytes(HEADER_BYTES, "big"), *parts)
            self.small_bytes += size

    def small(self) -> list[bytes]:
        """Return what is to leave now, and keep it no more."""
        leaving, self._small, self.small_bytes = self._small, [], 0
        return leaving

    def next_piece(self) -> tuple[bytes, memoryview] | None:
        """Return the next piece of the oldest large payload, if there is one."""
        while self._large:
            size, rest = self._large[0]
            piece = next(rest, None)
            if piece is not None:
                return piece
            self._large.popleft()
            self.large_bytes -= size
        return None
