"""A stream is cut into the frames that were put into it, however it arrives, and holds no more memory than arrived."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.raft_server.wire import WireError
from quorate.runtime.transport.frames import FrameBuffer, header

LIMIT = 1000


def feed(buffer: FrameBuffer, data: bytes) -> list[bytes]:
    """The frames that `data` completes, put in as fast as there is room."""
    frames = []
    while data:
        space = buffer.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        buffer.filled(count)
        frames += [bytes(frame) for frame in buffer.frames()]
        data = data[count:]
    return frames


@given(st.lists(st.binary(max_size=40) | st.binary(min_size=LIMIT, max_size=LIMIT)), st.lists(st.integers(0, 5000)))
def test_frames_come_out_as_they_went_in(payloads: list[bytes], cuts: list[int]) -> None:
    """Whatever pieces the network makes of them, empty ones and ones of the largest size among them."""
    buffer = FrameBuffer(LIMIT)
    stream = b"".join(header(payload) + payload for payload in payloads)
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[begin:end] for begin, end in pairwise(ends)]
    assert [frame for piece in pieces for frame in feed(buffer, piece)] == payloads


def test_a_frame_that_is_announced_too_large_is_refused_at_its_header() -> None:
    """Nothing of it is waited for; the frames before it are good."""
    buffer = FrameBuffer(LIMIT)
    data = header(b"good") + b"good" + (LIMIT + 1).to_bytes(4, "big")
    buffer.space()[: len(data)] = data
    buffer.filled(len(data))
    frames = buffer.frames()
    assert bytes(next(frames)) == b"good"
    with pytest.raises(WireError, match=f"a frame of {LIMIT + 1} bytes is larger than the {LIMIT} allowed"):
        next(frames)


def test_memory_follows_what_arrived_and_not_what_was_announced() -> None:
    """At most twice as much as arrived, or 64 KiB."""
    buffer = FrameBuffer(1 << 30)
    feed(buffer, (1 << 30).to_bytes(4, "big"))
    for arrived in range(4, 1 << 20, 9_999):
        feed(buffer, bytes(9_999))
        assert len(buffer._data) <= max(2 * (arrived + 9_999), 1 << 16)


def test_a_large_frame_that_trickles_in_is_not_copied_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of copies is the number of doublings: what arrives is moved only so many times."""
    copies = []
    make_room = FrameBuffer._make_room

    def counting(self: FrameBuffer) -> None:
        copies.append(self._end - self._start)
        make_room(self)

    monkeypatch.setattr(FrameBuffer, "_make_room", counting)
    size, buffer = 4 << 20, FrameBuffer(4 << 20)
    data = header(bytes(size)) + bytes(size)
    frames = [frame for begin in range(0, len(data), 1000) for frame in feed(buffer, data[begin : begin + 1000])]
    assert [len(frame) for frame in frames] == [size]
    assert sum(copies) < 2 * size


def test_the_memory_of_a_large_frame_is_given_back() -> None:
    """A snapshot now and then costs nothing in between."""
    buffer = FrameBuffer(1 << 20)
    feed(buffer, header(bytes(1 << 20)) + bytes(1 << 20))
    feed(buffer, header(b"small") + b"small")
    assert len(buffer._data) <= 1 << 16


def test_the_limit_may_rise_between_two_frames() -> None:
    """A hello is small, what follows need not be."""
    buffer = FrameBuffer(LIMIT)
    assert feed(buffer, header(b"hello") + b"hello") == [b"hello"]
    buffer.limit = 1 << 20
    assert feed(buffer, header(bytes(1 << 20)) + bytes(1 << 20)) == [bytes(1 << 20)]
