"""The map does what a dictionary would, the same everywhere and after every snapshot, whatever bytes it is given."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightly import examples
from quorate.store import keyspace, limits, machine, operations, replies
from quorate.store.limits import parse_integer
from quorate.store.machine import KeyValueMachine
from quorate.store.operation_types import Query
from quorate.store.operations import Batch, Command, InSession, OpenSession, QueryBatch, Transaction, Write
from quorate.store.queries import Exists, Get, MultiGet, Scan, Size, StringLength
from quorate.store.replies import Failure, Reply, SimpleString
from quorate.store.writes import Append, Delete, GetSet, Increment, MultiSet, Only, Set

often = examples(100)

OK = SimpleString("OK")
NOT_AN_INTEGER = Failure("ERR value is not an integer or out of range")
KEYS = st.sampled_from([b"a", b"b", b"c"])
VALUES = st.sampled_from([b"", b"0", b"7", b"-3", b"007", b"x", b"9223372036854775807"])
INTEGERS = st.sampled_from([1, -1, 5, 2**63 - 1, -(2**63)])
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.builds(Set, KEYS, VALUES, st.one_of(st.none(), st.sampled_from(Only), VALUES), st.booleans()),
    st.builds(GetSet, KEYS, VALUES),
    st.builds(Delete, st.lists(KEYS, max_size=3).map(tuple)),
    st.builds(Increment, KEYS, INTEGERS),
    st.builds(Append, KEYS, VALUES),
    st.builds(MultiSet, st.lists(st.tuples(KEYS, VALUES), max_size=3).map(tuple)),
)
STEPS = WRITES | st.builds(InSession, st.integers(0, 4), st.integers(0, 4), WRITES)
COMMANDS: st.SearchStrategy[Command] = (
    STEPS | st.builds(OpenSession) | st.builds(Batch, st.lists(STEPS, max_size=4).map(tuple))
)


def apply(subject: KeyValueMachine, index: int, command: Command) -> Reply:
    """The reply to one command."""
    return replies.decode(subject.apply(index, operations.encode(command)))


def ask(subject: KeyValueMachine, query: Query) -> Reply:
    """The reply to one query."""
    return replies.decode(subject.query(operations.encode(query)))


def after(commands: Sequence[Command]) -> KeyValueMachine:
    """A machine that has applied these."""
    subject = KeyValueMachine()
    for index, command in enumerate(commands, start=1):
        subject.apply(index, operations.encode(command))
    return subject


class Model(dict[bytes, bytes]):
    """What Redis does, with a dictionary and Python's own integers."""

    def write(self, write: Write) -> Reply:
        """Do it, and return the reply."""
        match write:
            case Set():
                return self.set(write)
            case GetSet(key, value):
                before = self.get(key)
                self[key] = value
                return before
            case Delete(keys):
                return len([key for key in keys if self.pop(key, None) is not None])
            case Increment(key, by):
                return self.add(key, by)
            case Append(key, suffix):
                self[key] = self.get(key, b"") + suffix
                return len(self[key])
            case MultiSet(pairs):
                self.update(pairs)
                return OK

    def set(self, write: Set) -> Reply:
        """SET with its conditions."""
        before = self.get(write.key)
        match write.condition:
            case None:
                holds = True
            case Only.IF_ABSENT:
                holds = before is None
            case Only.IF_PRESENT:
                holds = before is not None
            case wanted:
                holds = before == wanted
        if holds:
            self[write.key] = write.value
        if write.get:
            return before
        return OK if holds else None

    def add(self, key: bytes, by: int) -> Reply:
        """INCRBY: an integer is written in one way only."""
        text = self.get(key, b"0")
        try:
            value = int(text)
        except ValueError:
            return NOT_AN_INTEGER
        if str(value).encode() != text or not -(2**63) <= value < 2**63:
            return NOT_AN_INTEGER
        if not -(2**63) <= value + by < 2**63:
            return Failure("ERR increment or decrement would overflow")
        self[key] = str(value + by).encode()
        return value + by


@often
@given(st.lists(WRITES, max_size=30))
def test_the_map_does_what_a_dictionary_does(writes: list[Write]) -> None:
    """Every reply, and afterwards every answer, is that of a model that shares nothing with the machine."""
    subject, model = KeyValueMachine(), Model()
    for index, write in enumerate(writes, start=1):
        assert apply(subject, index, write) == model.write(write)
    keys = (b"a", b"b", b"nobody", b"a")
    assert ask(subject, MultiGet(keys)) == tuple(model.get(key) for key in keys)
    assert ask(subject, Get(b"c")) == model.get(b"c")
    assert ask(subject, Exists(keys)) == sum(key in model for key in keys)
    assert ask(subject, StringLength(b"a")) == len(model.get(b"a", b""))
    assert ask(subject, Size()) == len(model)
    cursor, found = ask(subject, Scan(0, None, 100))
    assert (cursor, sorted(found)) == (b"0", sorted(model))


@often
@given(st.lists(COMMANDS, max_size=30), st.integers(0, 30))
def test_a_snapshot_in_the_middle_changes_nothing(commands: list[Command], middle: int) -> None:
    """Replies, states and their bytes are those of a machine that went through all commands by itself."""
    straight, first = KeyValueMachine(), after(commands[:middle])
    second = KeyValueMachine()
    second.restore(first.capture()())
    for index, command in enumerate(commands, start=1):
        data = operations.encode(command)
        reply = straight.apply(index, data)
        if index > middle:
            assert second.apply(index, data) == reply
    assert second.capture()() == straight.capture()()


@often
@given(st.lists(COMMANDS, max_size=10), st.lists(COMMANDS, min_size=1, max_size=10))
def test_a_capture_is_of_its_moment(before: list[Command], later: list[Command]) -> None:
    """What is applied between the capture and its serialisation isn't in it."""
    subject = after(before)
    at_once, serialise = subject.capture()(), subject.capture()
    for index, command in enumerate(later, start=len(before) + 1):
        subject.apply(index, operations.encode(command))
    assert serialise() == at_once


@often
@given(st.lists(STEPS, max_size=8))
def test_a_batch_is_its_steps_in_order(steps: list[Write | InSession]) -> None:
    """It leaves the same state and the same replies as one command for each."""
    opened = [OpenSession(), OpenSession()]
    together, apart = after(opened), after(opened)
    data = together.apply(3, operations.encode(Batch(tuple(steps))))
    one_by_one = [apart.apply(3, operations.encode(step)) for step in steps]
    assert list(replies.decode_batch(data)) == one_by_one
    assert together.capture()() == apart.capture()()
    encoded = [operations.encode(step) for step in steps]
    assert operations.encode_batch(Batch, encoded) == operations.encode(Batch(tuple(steps)))


def test_a_batch_stops_where_its_reply_is_full() -> None:
    """What wasn't answered wasn't done; the first is always done."""
    large = bytes(limits.ENOUGH_BATCH_REPLY_BYTES)
    subject = after([Set(b"a", large), Set(b"b", large), Set(b"c", b"small")])
    steps = (GetSet(b"a", b"1"), GetSet(b"b", b"2"), GetSet(b"c", b"3"))
    answered = replies.decode_batch(subject.apply(4, operations.encode(Batch(steps))))
    assert [replies.decode(each) for each in answered] == [large]
    assert ask(subject, MultiGet((b"a", b"c"))) == (b"1", b"small")
    queries = operations.encode(QueryBatch((Get(b"c"), Get(b"b"), Get(b"c"))))
    assert [replies.decode(each) for each in replies.decode_batch(subject.query(queries))] == [b"small", large]


def test_a_transaction_whose_watched_keys_have_changed_does_nothing() -> None:
    """A key has the version of the entry that changed it last."""
    subject = after([Set(b"a", b"1"), Set(b"b", b"2"), Set(b"b", b"3")])
    for index, (watched, is_done) in enumerate(
        [(((b"a", 1), (b"b", 2)), False), (((b"a", 1), (b"b", 3)), True), (((b"a", 1),), False)], start=4
    ):
        reply = subject.apply(index, operations.encode(Transaction(watched, (Append(b"a", b"x"), Get(b"a")))))
        assert (reply == replies.NOTHING) is not is_done
        assert ask(subject, Get(b"a")) == (b"1" if index < 5 else b"1x")


def test_a_transaction_does_no_step_whose_reply_has_no_room() -> None:
    """All replies together have a limit, which the last of them may pass."""
    value = b"v" * 91
    size = len(replies.encode(value))
    steps = tuple(GetSet(key, b"new") for key in (b"a", b"b", b"c"))
    for limit, last in ((2 * size, b"new"), (2 * size - 1, value)):
        subject = after([Set(key, value) for key in (b"a", b"b", b"c")])
        with patch.object(machine, "MOST_REPLY_BYTES", limit):
            data = subject.apply(4, operations.encode(Transaction((), steps)))
        answers = [replies.decode(each) for each in replies.decode_batch(data)]
        assert answers == [value, value, value if last == b"new" else limits.TOO_LONG_REPLY]
        assert ask(subject, Get(b"c")) == last


@pytest.mark.parametrize(("room", "done"), [(0, 2), (1, 3)])
def test_a_batch_goes_on_while_its_reply_has_room(room: int, done: int) -> None:
    """For a byte at least."""
    subject = after([Set(b"a", b"1")])
    query = operations.encode(QueryBatch((Get(b"a"),) * 4))
    with patch.object(machine, "ENOUGH_BATCH_REPLY_BYTES", 2 * len(replies.encode(b"1")) + room):
        assert len(replies.decode_batch(subject.query(query))) == done


def test_a_value_and_a_reply_have_limits() -> None:
    """APPEND can't grow a value, nor MGET a reply, beyond what travels between servers."""
    largest = bytes(keyspace.MOST_VALUE_BYTES)
    subject = after([Append(b"a", largest)])
    refused = Failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    assert apply(subject, 2, Append(b"a", b"x")) == refused
    assert ask(subject, StringLength(b"a")) == len(largest)
    fits = limits.MOST_REPLY_BYTES // len(largest)
    assert ask(subject, MultiGet((b"a",) * fits)) == (largest,) * fits
    too_many = ask(subject, MultiGet((b"a",) * (fits + 1)))
    assert isinstance(too_many, Failure)
    assert "ask for fewer keys" in too_many.text


@often
@given(
    st.binary(max_size=200)
    | COMMANDS.map(operations.encode).flatmap(lambda data: st.binary(max_size=3).map(data.__add__))
)
def test_any_bytes_get_a_reply(data: bytes) -> None:
    """Commands and queries that mean nothing are failures that change nothing, the same on every server."""
    one, other = KeyValueMachine(), KeyValueMachine()
    before = one.capture()()
    assert one.apply(1, data) == other.apply(1, data)
    assert one.query(data) == other.query(data)
    try:
        operations.decode_command(data)
    except ValueError:
        reply = replies.decode(one.apply(2, data))
        assert isinstance(reply, Failure)
        assert reply.text.startswith("ERR malformed command")
        assert one.capture()() == before


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xdd\xff\xff\xff\xff" * 3, id="arrays of four billion"),
        pytest.param(b"\x92\x12\xdd\xff\xff\xff\xff", id="a batch of four billion"),
        pytest.param(b"\x91" * 100_000, id="a hundred thousand arrays in each other"),
        pytest.param(b"\x93\x04\xc4\x01a\xcf" + b"\xff" * 8, id="an increment beyond 64 bits"),
        pytest.param(b"\x95\x01\xc4\x01a\xc4\x01b\x03\xc2", id="an unknown condition"),
    ],
)
def test_hostile_commands_are_malformed(data: bytes) -> None:
    """What claims to be huge, or is nested without end, is refused as quickly as anything else."""
    reply = replies.decode(KeyValueMachine().apply(1, data))
    assert isinstance(reply, Failure)
    assert reply.text.startswith("ERR malformed command")


@given(st.binary(max_size=60))
def test_a_damaged_snapshot_is_refused_whole(data: bytes) -> None:
    """Bytes that aren't a snapshot raise ValueError and leave the state as it was."""
    subject = after([Set(b"a", b"1")])
    before = subject.capture()()
    with pytest.raises(ValueError, match=r"."):
        subject.restore(data)
    with pytest.raises(ValueError, match=r"."):
        subject.restore(before[:-1])
    assert subject.capture()() == before


def test_a_snapshot_of_another_version_is_refused() -> None:
    """The error says which version this program reads."""
    with pytest.raises(ValueError, match="version 3, not 1"):
        KeyValueMachine().restore(b"\x96\x01\x90\x90\xc0\x80\xc4\x00")


def test_a_snapshot_with_more_fields_is_refused() -> None:
    """Who ignored one would begin with another state than that which was serialised."""
    data = KeyValueMachine().capture()()
    assert data[:1] == b"\x96", "six fields"
    with pytest.raises(ValueError, match="length"):
        KeyValueMachine().restore(b"\x97" + data[1:] + b"\xc0")


@given(st.integers() | st.integers(-(2**63) - 2, -(2**63) + 2) | st.integers(2**63 - 2, 2**63 + 2))
def test_an_integer_has_64_bits_and_one_spelling(number: int) -> None:
    """Only the shortest decimal text is an integer, as Redis has it."""
    text = str(number).encode()
    assert parse_integer(text) == (number if -(2**63) <= number < 2**63 else None)
    for other in (b"+" + text, b" " + text, text + b" ", b"0" + text, text + b"\n", b"", b"-", b"-0"):
        assert parse_integer(other) is None
