"""Bits, and numbers with a point: what Redis makes of them, without one beside."""

import pytest

from quorate.store import operations, replies
from quorate.store.bits import GetBit, SetBit
from quorate.store.floats import IncrementByFloat
from quorate.store.limits import INFINITE, NOT_A_FLOAT
from quorate.store.machine import KeyValueMachine
from quorate.store.queries import Get
from quorate.store.replies import Reply
from quorate.store.writes import Set


def apply(machine: KeyValueMachine, operation: operations.Write) -> Reply:
    """The reply of the only member."""
    return replies.decode(machine.apply(1, operations.encode(operation)))


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        (None, b"1.1", b"1.1"),
        (b"3", b"1.1", b"4.1"),
        (b"0.1", b"0.2", b"0.3"),
        (b"5.0e3", b"2.0e2", b"5200"),
        (b"1", b"-1.1", b"-0.1"),
        (b"1e-18", b"-3e-18", b"0"),
        (b"18446744073709551616", b"0.5", b"18446744073709551616"),
        (b"18446744073709551615", b"0.25", b"18446744073709551615"),
        (b"12", b"1e30", b"1000000000000000000024696061952"),
        (b" 1", b"1", NOT_A_FLOAT),
        (b"", b"1", NOT_A_FLOAT),
        (b"1", b"nan", NOT_A_FLOAT),
        (b"1", b"1e99999", NOT_A_FLOAT),
        (b"1", b"-inf", INFINITE),
        (b"1e4932", b"1e4932", INFINITE),
    ],
)
def test_a_number_with_a_point_is_added_as_redis_does(before: bytes | None, by: bytes, after: Reply) -> None:
    """These are replies of Redis 7.0.15 on x86."""
    machine = KeyValueMachine()
    if before is not None:
        apply(machine, Set(b"k", before))
    assert apply(machine, IncrementByFloat(b"k", by)) == after
    left = replies.decode(machine.query(operations.encode(Get(b"k"))))
    assert left == (after if isinstance(after, bytes) else before)


def test_a_bit_is_set_and_read() -> None:
    """The first is the most significant of the first byte; what is not there is 0, and made when it is set."""
    machine = KeyValueMachine()
    assert apply(machine, SetBit(b"k", 1, 1)) == 0
    assert apply(machine, SetBit(b"k", 1, 1)) == 1
    assert apply(machine, SetBit(b"k", 23, 1)) == 0
    assert replies.decode(machine.query(operations.encode(Get(b"k")))) == b"\x40\0\x01"
    assert apply(machine, SetBit(b"k", 1, 0)) == 1
    bits = [replies.decode(machine.query(operations.encode(GetBit(b"k", at)))) for at in (1, 22, 23, 24, 2**62)]
    assert bits == [0, 0, 1, 0, 0]
