"""One AppendEntries carries as much as it may, and always something: by entries, and by bytes of commands."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl_cluster import THREE, after, leader, receive
from quorate.raft import AppendEntries, AppendEntriesReply, HeartbeatTimeout, Propose, step

LIMITS = st.integers(1, 12)


def sent(sizes: list[int], max_entries: int, max_bytes: int) -> list[int]:
    """The sizes of the commands that a leader of commands of these sizes sends with its next heartbeat."""
    state = leader(config=replace(THREE, max_entries=max_entries, max_bytes=max_bytes))
    message = step(after(state, Propose(tuple(map(bytes, sizes)))), HeartbeatTimeout()).send_now[0]
    assert isinstance(message, AppendEntries)
    return [len(entry.command or b"") for entry in message.entries]


@pytest.mark.parametrize(
    ("sizes", "max_entries", "max_bytes", "expected"),
    [
        ([3, 3, 3], 9, 9, [3, 3, 3]),
        ([3, 3, 3], 9, 8, [3, 3]),
        ([3, 3, 3], 1, 9, [3]),
        ([3, 3, 3], 9, 2, [3]),
        ([9, 0, 0], 9, 8, [9]),
        ([0, 9, 0], 9, 8, [0]),
        ([8, 0, 0, 1], 9, 8, [8, 0, 0]),
    ],
)
def test_a_message_is_bounded_by_entries_and_by_bytes(
    sizes: list[int], max_entries: int, max_bytes: int, expected: list[int]
) -> None:
    """A command that is too large for any message travels alone, or it would never arrive."""
    assert sent(sizes, max_entries, max_bytes) == expected


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), LIMITS, LIMITS)
def test_a_message_carries_the_most_that_fits(sizes: list[int], max_entries: int, max_bytes: int) -> None:
    """No longer beginning of what is to be sent would fit, and this one does, unless it is a single entry."""
    fitting = [count for count in range(1, len(sizes) + 1) if count <= max_entries and sum(sizes[:count]) <= max_bytes]
    assert sent(sizes, max_entries, max_bytes) == sizes[: max([1, *fitting])]


def test_a_no_op_has_no_bytes() -> None:
    """§8: it fits beside a command that fills the message."""
    state = after(leader(config=replace(THREE, no_op=True, max_bytes=4)), Propose((bytes(4),)))
    message = step(state, HeartbeatTimeout()).send_now[0]
    assert isinstance(message, AppendEntries)
    assert [entry.command for entry in message.entries] == [None, bytes(4)]


def test_what_does_not_fit_follows_when_the_first_part_is_acknowledged() -> None:
    """Everything arrives in the end, in order, message by message."""
    state = after(leader(config=replace(THREE, max_bytes=4)), Propose((b"a",)), Propose((b"bbb", b"cc", b"dd", b"e")))
    carried = []
    for match_index in (1, 2, 4):
        output = receive(state, AppendEntriesReply(2, 1, 1, success=True, match_index=match_index))
        state, (message,) = output.state, output.send_now
        assert isinstance(message, AppendEntries)
        carried.append([entry.command for entry in message.entries])
    assert carried == [[b"bbb"], [b"cc", b"dd"], [b"e"]]
