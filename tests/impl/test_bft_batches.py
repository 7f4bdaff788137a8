"""What a decision does is a function of the log: each batch once, whatever a traitor has decided again."""

from hypothesis import given
from hypothesis import strategies as st

from quorate.bft_server import batches
from quorate.bft_server.batches import (
    AppliedBatches,
    Batch,
    BatchedRequest,
    decode_batch,
    digest_of,
    encode_batch,
    gather,
)
from quorate.runtime.outcomes import Outcome
from quorate.runtime.requests import Request
from quorate.store.front import REQUEST_OVERHEAD
from quorate.store.pipeline import ENOUGH_RUN_BYTES


class Recorder:
    """A state machine that remembers what it was told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[tuple[int, bytes]] = []

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply."""
        self.told.append((index, command))
        return b"applied " + command

    def query(self, query: bytes) -> bytes:
        """Answer."""
        return b"%d %s" % (len(self.told), query)


def batch(after: int, *commands: bytes, nonce: bytes = b"n") -> bytes:
    """A payload of writes."""
    return encode_batch(Batch(after, nonce, tuple(BatchedRequest(True, command) for command in commands)))  # noqa: FBT003


def test_a_batch_is_applied_in_order_and_its_reads_see_what_is_before_them() -> None:
    """Each write has a place of its own in the log, so that sessions have different numbers."""
    machine = Recorder()
    applied = AppliedBatches(machine)
    requests = (BatchedRequest(True, b"a"), BatchedRequest(False, b"how many?"), BatchedRequest(True, b"b"))  # noqa: FBT003
    replies = [b"applied a", b"1 how many?", b"applied b"]
    assert applied.apply(encode_batch(Batch(0, b"", requests))) == [*zip(requests, replies, strict=True)]
    assert machine.told == [(1, b"a"), (3, b"b")]


def test_a_batch_that_is_decided_again_does_nothing() -> None:
    """Its place in the log is used up all the same."""
    machine = Recorder()
    applied = AppliedBatches(machine)
    assert applied.apply(batch(0, b"x")) is not None
    assert applied.apply(batch(0, b"x")) is None
    assert (machine.told, applied.index) == ([(1, b"x")], 2)


def test_what_is_no_batch_or_claims_a_later_origin_does_nothing() -> None:
    """A batch made after a later index could be decided again when it is forgotten."""
    applied = AppliedBatches(Recorder())
    assert applied.apply(b"rubbish") is None
    assert applied.apply(batch(2, b"x")) is None
    assert applied.apply(batch(2, b"y")) is not None


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 4))
def test_no_batch_is_ever_applied_twice_however_often_it_is_decided(decided: list[int], window: int) -> None:
    """Also when it has been forgotten: then it is too old. All members agree, for all have the same log."""
    before, batches.WINDOW = batches.WINDOW, window  # type: ignore[misc]
    try:
        machine = Recorder()
        applied = AppliedBatches(machine)
        for number in decided:
            applied.apply(batch(number, b"%d" % number))
        done = {command for _, command in machine.told}
        assert len(done) == len(machine.told)
        for index, number in enumerate(decided, start=1):
            if number < index <= number + window and number not in decided[: index - 1]:
                assert b"%d" % number in done
    finally:
        batches.WINDOW = before  # type: ignore[misc]


@given(st.binary(max_size=60), st.binary(max_size=3))
def test_any_bytes_are_a_batch_or_none(rubbish: bytes, end: bytes) -> None:
    """Nothing is raised, also if a batch is changed; and two payloads never share a digest."""
    whole = batch(1, b"x")
    assert decode_batch(whole) == Batch(1, b"n", (BatchedRequest(True, b"x"),))  # noqa: FBT003
    assert decode_batch(rubbish + whole) is None or not rubbish
    for data in (rubbish, whole[: -len(end) or None] + end):
        found = decode_batch(data)
        assert found is None or decode_batch(encode_batch(found)) == found
    assert digest_of(rubbish) != digest_of(rubbish + b"x")


def test_a_batch_takes_no_more_than_it_may() -> None:
    """What doesn't fit waits for the next."""

    def done(_: Outcome) -> None:
        """Nobody waits."""

    large = [Request(True, bytes(600_000), done, 0, 0) for _ in range(4)]  # noqa: FBT003
    assert gather(large)[0] == 2
    small = [Request(True, b"x", done, 0, 0) for _ in range(5_000)]  # noqa: FBT003
    taken, asked = gather(small)
    assert taken == len(asked) == batches.MOST_REQUESTS


def test_the_largest_request_has_room_in_a_batch_behind_others() -> None:
    """A batch that no member takes would never be decided, and what its member is asked afterwards neither."""
    small = Request(True, b"x" * (batches.ENOUGH_BATCH_BYTES // 2), lambda _: None, 0.0, 1.0)  # noqa: FBT003
    large = Request(True, bytes(batches.MOST_REQUEST_BYTES), lambda _: None, 0.0, 1.0)  # noqa: FBT003
    taken, asked = gather([small, large, large])
    assert taken == 2
    assert decode_batch(encode_batch(Batch(2**62, bytes(16), asked))) is not None


def test_the_largest_value_has_room_in_a_request() -> None:
    """With all that may be in the same request, or in the same run of a client's requests."""
    largest = batches.MOST_VALUE_BYTES + REQUEST_OVERHEAD + ENOUGH_RUN_BYTES
    assert largest + 64 * 1024 < batches.MOST_REQUEST_BYTES
