"""What is sent arrives equal, and nothing else arrives."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate import raft
from quorate.raft import Configuration, Entry, Snapshot
from quorate.raft_server.interfaces import Spoken
from quorate.raft_server.messages import (
    Answer,
    ChunkTaken,
    Farewell,
    Forward,
    SignOfLife,
    SnapshotChunk,
    StateDigest,
)
from quorate.raft_server.wire import (
    LARGE_BYTES,
    MAX_ENTRIES,
    WIRE_VERSION,
    decode,
    decode_from,
    encode,
    encode_parts,
)
from quorate.runtime.outcomes import Done, NotDone, Unknown
from quorate.runtime.transport import WireError

MAX_NUMBER = 2**62

naturals = st.integers(0, MAX_NUMBER)
payloads = st.binary(max_size=20)
ids = st.binary(max_size=16)
texts = st.text(max_size=20)
groups = st.lists(st.integers(0, 3), unique=True, max_size=2).map(sorted).map(tuple)
voters, learners = st.sampled_from([(1,), (2, 3)]), st.sampled_from([(), (4, MAX_NUMBER)])
configurations = st.none() | st.builds(Configuration, voters, groups, learners)
entries = st.lists(st.builds(Entry, naturals, payloads | st.none(), configurations), max_size=5).map(tuple)
vote_replies = (raft.PreVoteReply, raft.RequestVoteReply)
messages: st.SearchStrategy[Spoken] = st.one_of(
    st.builds(raft.PreVote, *[naturals] * 5),
    st.builds(raft.RequestVote, *[naturals] * 5, st.booleans()),
    *(st.builds(kind, *[naturals] * 3, st.booleans()) for kind in vote_replies),
    st.builds(raft.AppendEntries, *[naturals] * 5, entries, naturals),
    st.builds(raft.AppendEntriesReply, *[naturals] * 3, st.booleans(), *[naturals] * 2, naturals | st.none(), naturals),
    st.builds(raft.InstallSnapshot, *[naturals] * 3, st.builds(Snapshot, naturals, naturals, payloads, configurations)),
    st.builds(raft.InstallSnapshotReply, *[naturals] * 4),
    st.builds(raft.ConfirmLeadership, *[naturals] * 4),
    st.builds(raft.LeadershipConfirmed, *[naturals] * 4),
    st.builds(Forward, naturals, st.booleans(), payloads),
    st.builds(Answer, naturals, st.builds(Done, payloads) | st.builds(NotDone, texts) | st.builds(Unknown, texts)),
    st.builds(SignOfLife, naturals, st.booleans()),
    st.builds(raft.TimeoutNow, *[naturals] * 3),
    st.builds(Farewell, st.booleans()),
    st.builds(SnapshotChunk, *[naturals] * 4, payloads, naturals, payloads, configurations),
    st.builds(ChunkTaken, payloads, naturals),
    st.builds(StateDigest, naturals, ids),
)

ONE_OF_EACH: list[Spoken] = [
    raft.PreVote(1, 2, 3, 4, 5),
    raft.PreVoteReply(1, 2, 3, vote_granted=False),
    raft.RequestVote(1, 2, 3, 4, 5, transfer=True),
    raft.RequestVoteReply(1, 2, 3, vote_granted=True),
    raft.AppendEntries(1, 2, 3, 4, 5, (Entry(6, b"x"), Entry(7, None, Configuration((1, 2), (1,), (3,)))), 8),
    raft.AppendEntriesReply(1, 2, 3, False, 4, 5, None, 6),  # noqa: FBT003  # positions, as on the wire
    raft.InstallSnapshot(1, 2, 3, Snapshot(4, 5, b"data", Configuration((1,)))),
    raft.InstallSnapshotReply(1, 2, 3, 4),
    Forward(1, write=True, payload=b"x"),
    Answer(1, Done(b"x")),
    Answer(1, NotDone("why")),
    Answer(1, Unknown("why")),
    raft.ConfirmLeadership(1, 2, 3, 4),
    raft.LeadershipConfirmed(1, 2, 3, 4),
    raft.TimeoutNow(1, 2, 3),
    Farewell(reply=True),
    SignOfLife(1, reply=True),
    SnapshotChunk(1, 2, 3, 4, b"digest", 5, b"data"),
    ChunkTaken(b"digest", 1),
    StateDigest(1, b"digest"),
]
# As they have been since version 1; in version 2 a claim has a field more, 3 has farewells, in 4 confirmations of
# leadership are the core's, and signs of life kinds of their own, in 5 a request for a vote has a flag, in 6
# entries and snapshots have configurations, and 7 has TimeoutNow. Who changes this changes WIRE_VERSION.
ON_THE_WIRE = [
    [1, 1, 2, 3, 4, 5],
    [2, 1, 2, 3, False],
    [3, 1, 2, 3, 4, 5, True],
    [4, 1, 2, 3, True],
    [5, 1, 2, 3, 4, 5, [6, 7], [b"x", None], [[1, b'[[1, 2], [1], [3], ""]']], 8],
    [6, 1, 2, 3, False, 4, 5, None, 6],
    [7, 1, 2, 3, 4, 5, b"data", b'[[1], [], [], ""]'],
    [8, 1, 2, 3, 4],
    [9, 1, True, b"x"],
    [10, 1, b"x"],
    [11, 1, "why"],
    [12, 1, "why"],
    [13, 1, 2, 3, 4],
    [14, 1, 2, 3, 4],
    [15, 1, 2, 3],
    [16, True],
    [17, 1, True],
    [18, 1, 2, 3, 4, b"digest", 5, b"data", None],
    [19, b"digest", 1],
    [20, 1, b"digest"],
]


def refusal(decoder: Callable[[bytes], object], payload: bytes) -> str | None:
    """Why `payload` is refused, None if it isn't; every other error is the test's failure."""
    try:
        decoder(payload)
    except WireError as error:
        return str(error)
    return None


def check_refused_or_decoded(payload: bytes) -> None:
    """`payload` is refused in one line, or is a message, which arrives as itself if it is sent on."""
    reason = refusal(decode, payload)
    if reason is None:
        message = decode(payload)
        assert decode(encode(message)) == message
    else:
        assert is_one_line(reason)


def is_one_line(reason: str | None) -> bool:
    """There is a reason, and it doesn't spill over into the next line of a log."""
    return bool(reason) and len(str(reason).splitlines()) == 1


def check_no_message(payload: bytes) -> None:
    """`payload` is refused with one line that says why."""
    assert is_one_line(refusal(decode, payload))


@given(messages)
def test_a_message_arrives_as_it_was_sent(message: Spoken) -> None:
    """Every kind, up to the largest numbers; also out of a buffer that is written over later."""
    buffer = bytearray(encode(message))
    decoded = decode(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert decoded == message


def test_every_kind_of_message_has_its_place_on_the_wire() -> None:
    """A kind that is added to the protocol and forgotten here is noticed."""
    assert {type(message) for message in ONE_OF_EACH} == set(get_args(Spoken))


@pytest.mark.parametrize(("message", "array"), list(zip(ONE_OF_EACH, ON_THE_WIRE, strict=True)))
def test_the_format_is_the_one_of_this_version(message: Spoken, array: object) -> None:
    """Two programs of one WIRE_VERSION understand each other."""
    assert WIRE_VERSION == 7
    assert msgspec.msgpack.decode(encode(message)) == array
    assert decode(msgspec.msgpack.encode(array)) == message


@pytest.mark.parametrize(
    "message",
    [
        *ONE_OF_EACH,
        raft.AppendEntries(1, 2, 3, 4, 5, (Entry(6, bytes(LARGE_BYTES)),), 7),
        raft.AppendEntries(1, 2, 3, 4, 5, (Entry(6, b"x"), Entry(6, bytes(LARGE_BYTES))), 7),
        Forward(1, write=True, payload=bytes(LARGE_BYTES)),
        Answer(1, Done(bytes(LARGE_BYTES))),
    ],
)
def test_the_parts_of_a_message_are_what_it_is_encoded_as(message: Spoken) -> None:
    """Joined they are the same bytes, and what is large, and alone in its message, isn't copied."""
    parts = encode_parts(message)
    assert b"".join(parts) == encode(message)
    is_large = [len(each) >= LARGE_BYTES for each in _bytes_of(message)] == [True]
    assert (len(parts) > 1) == any(each is part for each in _bytes_of(message) for part in parts) == is_large


def _bytes_of(message: Spoken) -> list[bytes]:
    match message:
        case raft.AppendEntries(entries=entries):
            return [entry.command or b"" for entry in entries]
        case Forward(payload=payload):
            return [payload]
        case Answer(outcome=Done(reply)):
            return [reply]
        case _:
            return []


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_decoded(payload: bytes) -> None:
    """Nothing but WireError is ever raised."""
    check_refused_or_decoded(payload)


@given(messages, st.data())
def test_a_mutated_message_is_refused_or_decoded(message: Spoken, data: st.DataObject) -> None:
    """Some bytes are replaced: nothing but WireError is ever raised."""
    payload = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    check_refused_or_decoded(bytes(payload))


@given(messages, st.data())
def test_a_part_of_a_message_is_refused(message: Spoken, data: st.DataObject) -> None:
    """Nothing is taken for granted that was cut off."""
    payload = encode(message)
    check_no_message(payload[: data.draw(st.integers(0, len(payload) - 1))])


@given(messages, st.binary(min_size=1, max_size=5))
def test_what_follows_a_message_is_refused(message: Spoken, more: bytes) -> None:
    """A frame is one message."""
    check_no_message(encode(message) + more)


RUBBISH = (-1, 1.0, "1", b"1", True, None, [], {}, [1], msgspec.msgpack.Ext(1, b""))


def fits(value: object, place: object) -> bool:
    """Whether `value` may stand for `place`, which it is not equal to; no number of RUBBISH may stand anywhere."""
    return type(value) is type(place) and isinstance(value, bool | str | bytes | None)


@pytest.mark.parametrize("array", ON_THE_WIRE, ids=repr)
def test_an_element_of_another_type_is_refused(array: list[object]) -> None:
    """True is no number and a text no bytes; a negative number is none of ours; and unknown kinds are not for us."""
    for at, place in enumerate(array):
        for value in RUBBISH:
            if not fits(value, place) and (array[0], at, value) not in ((5, 8, []), (7, 7, None)):
                check_no_message(msgspec.msgpack.encode([*array[:at], value, *array[at + 1 :]]))


@pytest.mark.parametrize("array", ON_THE_WIRE, ids=repr)
def test_a_message_with_fields_missing_or_too_many_is_refused(array: list[object]) -> None:
    """Peers of one version agree on how many there are."""
    check_no_message(msgspec.msgpack.encode(array[:-1]))
    check_no_message(msgspec.msgpack.encode([*array, 1]))


@pytest.mark.parametrize(
    "payload",
    [
        b"\x91" * 100_000,
        b"\x92\x09" + b"\x91" * 100_000,
        b"\x81" * 100_000,
        b"\x9a\x09" + b"\xdd\xff\xff\xff\xff",
        b"\x99\x05\x01\x02\x03\x04\x05\xdd\x7f\xff\xff\xff",
        b"\x94\x09\x01\xc3\xc6\xff\xff\xff\xff",
    ],
)
def test_depth_and_announced_length_exhaust_nothing(payload: bytes) -> None:
    """Neither the stack nor, for what is announced and never comes, the memory."""
    check_no_message(payload)


def test_entries_need_as_many_terms_as_commands() -> None:
    """Otherwise the longer list would be cut silently."""
    check_no_message(msgspec.msgpack.encode([5, 1, 2, 3, 4, 5, [6, 7], [b"x"], 8]))
    check_no_message(msgspec.msgpack.encode([5, 1, 2, 3, 4, 5, [6], [b"x", b"y"], 8]))


def test_the_entries_of_a_message_are_bounded_at_both_ends() -> None:
    """A small frame cannot become a large list."""
    message = raft.AppendEntries(1, 2, 3, 4, 5, (Entry(6, b""),) * MAX_ENTRIES, 8)
    assert decode(encode(message)) == message
    with pytest.raises(WireError, match=f"{MAX_ENTRIES + 1} entries"):
        encode(replace(message, entries=(*message.entries, Entry(6, b""))))
    check_no_message(
        msgspec.msgpack.encode([5, 1, 2, 3, 4, 5, [6] * (MAX_ENTRIES + 1), [b""] * (MAX_ENTRIES + 1), [], 8])
    )


@pytest.mark.parametrize(
    "message", [raft.PreVote(1, 2, 2**64, 4, 5), Answer(1, NotDone("\ud800")), Answer(2**70, Done(b""))]
)
def test_what_has_no_place_on_the_wire_is_refused_by_name(message: Spoken) -> None:
    """The core's numbers have no limit; a text may hold what Unicode doesn't encode."""
    with pytest.raises(WireError, match=f"^{type(message).__name__} cannot be encoded: "):
        encode(message)


@pytest.mark.parametrize(("source", "dest"), [(2, 1), (1, 3), (3, 2)])
def test_a_message_of_the_core_is_taken_only_from_who_it_says_and_for_whom(source: int, dest: int) -> None:
    """A peer speaks for itself, and to this node."""
    payload = memoryview(encode(raft.RequestVote(1, 2, 1, 0, 0)))
    assert decode_from(payload, 1, 2) == raft.RequestVote(1, 2, 1, 0, 0)
    with pytest.raises(WireError, match=f"^a message from node 1 to node 2 came from node {source}"):
        decode_from(payload, source, dest)


@pytest.mark.parametrize("term", [MAX_NUMBER + 1, 2**63, 2**64 - 1])
def test_a_term_that_the_disk_couldnt_follow_is_refused(term: int) -> None:
    """A broken peer must not bring a node to a term that its disk can't hold, now or after elections of its own."""
    with pytest.raises(WireError, match=r"malformed message: .* `int` <= 4611686018427387904"):
        decode(encode(raft.RequestVote(1, 2, term, 0, 0)))
