"""A stream is cut into the frames that were put into it, however it arrives, and holds no more memory than arrived."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.raft_server.wire import WireError
from quorate.runtime.transport.frames import HEADER_BYTES, PIECE_BYTES, Departures, FrameBuffer, header, pieces

LIMIT = 1000


def feed(buffer: FrameBuffer, data: bytes | memoryview) -> list[bytes]:
    """The frames that `data` completes, put in as fast as there is room."""
    frames = []
    while data:
        space = buffer.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        buffer.filled(count)
        frames += [bytes(frame) for frame in buffer.payloads()]
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
    payloads = buffer.payloads()
    assert bytes(next(payloads)) == b"good"
    with pytest.raises(WireError, match=f"a frame of {LIMIT + 1} bytes is larger than the {LIMIT} allowed"):
        next(payloads)


def test_small_payloads_stand_between_the_pieces_of_a_large_one() -> None:
    """Each comes out when it is whole; the large one is cut wherever its parts end, too."""
    data = Random(1).randbytes(3 * PIECE_BYTES + 5)
    cut = [*pieces((data[:7], data[7:]))]
    assert len(cut) == 4
    stream = b"".join(piece_header + piece + header(b"small") + b"small" for piece_header, piece in cut)
    assert feed(FrameBuffer(1 << 20), stream) == [b"small"] * 3 + [data, b"small"]


def test_pieces_that_are_too_much_together_are_refused_at_a_header() -> None:
    """As a frame is: before what is announced is waited for."""
    buffer = FrameBuffer(2 * PIECE_BYTES)
    *begun, (last_header, _) = pieces((bytes(2 * PIECE_BYTES + 1),))
    assert feed(buffer, b"".join(piece_header + piece for piece_header, piece in begun)) == []
    with pytest.raises(WireError, match=f"a frame of {2 * PIECE_BYTES + 1} bytes is larger than the"):
        feed(buffer, last_header)


def test_memory_follows_what_arrived_and_not_what_was_announced() -> None:
    """Room for one piece, and what has arrived of the large payload."""
    buffer = FrameBuffer(1 << 30)
    for arrived, (piece_header, piece) in enumerate(pieces((bytes(1 << 20),))):
        feed(buffer, piece_header + piece[:-1])
        assert len(buffer._data) <= HEADER_BYTES + PIECE_BYTES
        assert len(buffer._joined) == arrived * PIECE_BYTES
        feed(buffer, piece[-1:])
    assert not buffer.holds_part_of_large


def test_the_pieces_of_large_payloads_leave_in_turn_and_small_ones_before_them() -> None:
    """What waits is counted, each kind apart."""
    departures, large = Departures(), bytes(PIECE_BYTES + 1)
    for payload in (large, b"small", large):
        departures.add((payload,), len(payload))
    assert (departures.small_bytes, departures.large_bytes) == (5, 2 * len(large))
    assert departures.small() == [header(b"small"), b"small"]
    left = [departures.next_piece() for _ in range(5)]
    assert [piece and len(piece[1]) for piece in left] == [PIECE_BYTES, 1, PIECE_BYTES, 1, None]
    assert (departures.small_bytes, departures.large_bytes) == (0, 0)


def test_the_limit_may_rise_between_two_frames() -> None:
    """A hello is small, what follows need not be."""
    buffer = FrameBuffer(LIMIT)
    assert feed(buffer, header(b"hello") + b"hello") == [b"hello"]
    buffer.limit = 1 << 20
    assert feed(buffer, header(bytes(PIECE_BYTES)) + bytes(PIECE_BYTES)) == [bytes(PIECE_BYTES)]
