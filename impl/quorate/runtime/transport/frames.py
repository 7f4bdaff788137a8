"""A stream cut into frames: four bytes of length, big-endian, then so many bytes of payload.

Memory follows what has arrived, not what was announced. A byte is moved at most once, plus what doubling costs.
"""

from collections.abc import Iterator
from typing import Final

from quorate.raft_server.wire import WireError

HEADER_BYTES: Final = 4
_USUAL_BYTES: Final = 1 << 16
_TLS_HANDSHAKE: Final = 0x1603  # how every connection under TLS begins: no length that is allowed here


def header(payload: bytes) -> bytes:
    """What goes before `payload`."""
    return len(payload).to_bytes(HEADER_BYTES, "big")


class FrameBuffer:
    """Where a connection's bytes arrive: write into `space()`, say how many to `filled`, then take the `frames()`.

    `limit` is the largest payload allowed, in bytes; it may be changed between two frames.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray(self._usual_capacity)
        self._start = self._end = 0

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
        """Whether what has arrived of a frame is more than most frames have."""
        return self._end - self._start > _USUAL_BYTES

    def frames(self) -> Iterator[memoryview]:
        """The payloads that are complete, each once, and good until `space` is called.

        WireError at a header that announces more than `limit`, before any of that payload is waited for.
        """
        data = memoryview(self._data)
        while (length := self._announced()) is not None:
            if length > self.limit and length >> 16 == _TLS_HANDSHAKE:
                raise WireError("it speaks TLS, which is not set up here")
            if length > self.limit:
                raise WireError(f"a frame of {length} bytes is larger than the {self.limit} allowed here")
            begin = self._start + HEADER_BYTES
            if begin + length > self._end:
                return
            self._start = begin + length
            yield data[begin : begin + length]

    @property
    def _usual_capacity(self) -> int:
        return min(_USUAL_BYTES, HEADER_BYTES + self.limit)

    def _announced(self) -> int | None:
        """The length of the first payload that wasn't taken yet, None if its header isn't complete."""
        begin = self._start + HEADER_BYTES
        return int.from_bytes(self._data[self._start : begin], "big") if begin <= self._end else None

    def _make_room(self) -> None:
        waiting = self._data[self._start : self._end]
        capacity = self._usual_capacity
        if len(waiting) >= capacity:
            # The beginning of one large frame.
            capacity = min(2 * len(waiting), HEADER_BYTES + (self._announced() or 0))
        if capacity != len(self._data):
            self._data = bytearray(capacity)
        self._data[: len(waiting)] = waiting
        self._start, self._end = 0, len(waiting)
