"""No command makes a value that is longer than the cluster's values may be, whatever it is made from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.store import operations
from quorate.store.bits import SetBit
from quorate.store.clock import Clock
from quorate.store.limits import TOO_LONG_VALUE
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import Command
from quorate.store.replies import decode
from quorate.store.writes import Append, Copy, Increment, Rename, Set, SetRange

MOST = 8
KEYS = st.sampled_from([b"a", b"b"])
SHORT = st.binary(max_size=MOST)
WRITES: st.SearchStrategy[Command] = st.one_of(
    st.builds(Set, KEYS, SHORT),
    st.builds(Append, KEYS, SHORT),
    st.builds(SetRange, KEYS, st.integers(0, 2 * MOST), SHORT),
    st.builds(SetBit, KEYS, st.integers(0, 16 * MOST), st.integers(0, 1)),
    st.builds(Increment, KEYS, st.integers(-9, 9)),
    st.builds(Rename, KEYS, KEYS),
    st.builds(Copy, KEYS, KEYS, st.booleans()),
)


def done(machine: KeyValueMachine, index: int, command: Command) -> bytes:
    """Apply a command; return its reply."""
    return machine.apply(index, operations.entry(index, operations.encode(command)))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(WRITES, max_size=20))
def test_no_sequence_of_commands_makes_a_longer_value(commands: list[Command]) -> None:
    """And what a snapshot is read into has the same limit."""
    machine = KeyValueMachine(Clock(), most_value_bytes=MOST)
    for index, command in enumerate(commands, start=1):
        if index == len(commands) // 2:
            data = machine.capture()()
            machine.restore(data)
        done(machine, index, command)
        assert all(len(machine._keys.get(key) or b"") <= MOST for key in machine._keys)


@pytest.mark.parametrize("command", [Append(b"k", b"56789"), SetRange(b"k", MOST, b"x"), SetBit(b"k", 8 * MOST, 1)])
def test_what_would_be_longer_is_refused_and_changes_nothing(command: Command) -> None:
    """As Redis refuses what exceeds proto-max-bulk-len."""
    machine = KeyValueMachine(Clock(), most_value_bytes=MOST)
    done(machine, 1, Set(b"k", b"1234"))
    assert decode(done(machine, 2, command)) == TOO_LONG_VALUE
    assert machine._keys.get(b"k") == b"1234"
