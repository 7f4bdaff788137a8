"""What writes of deadlines reply, and what they leave: the value, its deadline and its version."""

import pytest
from msgspec import DecodeError, Struct, msgpack

from quorate.store import operations
from quorate.store.expiring import DeleteIfEqual, Expire, ExpireIf, ExpireIfEqual, GetExpire, Persist, When
from quorate.store.keyspace import Keyspace
from quorate.store.limits import NO_TIME
from quorate.store.operation_types import MAX_INTEGER, PlainWrite
from quorate.store.replies import Failure, Reply

NOW = 1_000
DUE, STAYS, ABSENT = b"due", b"stays", b"absent"  # a key with the deadline NOW + 100, one without any, and none
OLD, NEW = 1, 2  # the versions of keys before and after a write
CONDITIONS = tuple(ExpireIf)


def keyspace(now: int | None = NOW) -> Keyspace:
    """A map with two of the keys."""
    keys = Keyspace(now)
    keys.version = OLD
    keys.put(DUE, b"v", NOW + 100)
    keys.put(STAYS, b"v")
    keys.version = NEW
    return keys


@pytest.mark.parametrize(
    ("write", "reply", "deadline", "version"),
    [
        (Expire(DUE, When(50)), 1, NOW + 50, NEW),
        (Expire(DUE, When(NOW + 50, absolute=True)), 1, NOW + 50, NEW),
        (Expire(STAYS, When(50)), 1, NOW + 50, NEW),
        (Expire(STAYS, When(MAX_INTEGER)), 1, MAX_INTEGER, NEW),
        (Expire(STAYS, When(50), (ExpireIf.HAS_NONE,)), 1, NOW + 50, NEW),
        (Expire(STAYS, When(50), (ExpireIf.HAS_ONE,)), 0, None, OLD),
        (Expire(DUE, When(50), (ExpireIf.HAS_ONE, ExpireIf.LATER)), 0, NOW + 100, OLD),
        (Expire(DUE, When(200), (ExpireIf.HAS_ONE, ExpireIf.LATER)), 1, NOW + 200, NEW),
        (Persist(DUE), 1, None, NEW),
        (Persist(STAYS), 0, None, OLD),
        (GetExpire(DUE), b"v", NOW + 100, OLD),
        (GetExpire(DUE, When(50)), b"v", NOW + 50, NEW),
        (GetExpire(STAYS, When(50)), b"v", NOW + 50, NEW),
        (GetExpire(DUE, persist=True), b"v", None, NEW),
        (GetExpire(STAYS, persist=True), b"v", None, OLD),
        (GetExpire(STAYS), b"v", None, OLD),
        (GetExpire(DUE, When(50), error="ERR no time"), Failure("ERR no time"), NOW + 100, OLD),
        (DeleteIfEqual(DUE, b"w"), 0, NOW + 100, OLD),
        (ExpireIfEqual(DUE, b"v", 50), 1, NOW + 50, NEW),
        (ExpireIfEqual(STAYS, b"v", 50), 1, NOW + 50, NEW),
        (ExpireIfEqual(STAYS, b"v", MAX_INTEGER), 1, MAX_INTEGER, NEW),
        (ExpireIfEqual(DUE, b"w", 50), 0, NOW + 100, OLD),
        (ExpireIfEqual(DUE, b"v", 50, add=True), 1, NOW + 150, NEW),
        (ExpireIfEqual(STAYS, b"v", 50, add=True), 0, None, OLD),
    ],
)
def test_a_write_of_a_deadline_says_whether_it_was_done(
    write: Expire | Persist | GetExpire | DeleteIfEqual | ExpireIfEqual,
    reply: Reply,
    deadline: int | None,
    version: int,
) -> None:
    """One that wasn't leaves the key's version, so that no watcher sees a change; the value stays in any case."""
    keys = keyspace()
    assert write.do(keys) == reply
    record = keys.record(write.key)
    assert record is not None
    assert (record.value, record.deadline, record.version) == (b"v", deadline, version)


@pytest.mark.parametrize(
    ("write", "reply"),
    [
        (Expire(ABSENT, When(50)), 0),
        (Persist(ABSENT), 0),
        (GetExpire(ABSENT), None),
        (GetExpire(ABSENT, persist=True), None),
        (GetExpire(ABSENT, error="ERR no time"), None),
        (DeleteIfEqual(ABSENT, b"v"), 0),
        (ExpireIfEqual(ABSENT, b"v", 50), 0),
        (ExpireIfEqual(ABSENT, b"v", 50, add=True), 0),
        (DeleteIfEqual(DUE, b"v"), 1),
        (Expire(DUE, When(0)), 1),
        (ExpireIfEqual(DUE, b"v", 0), 1),
    ],
)
def test_a_key_that_is_absent_or_due_at_once_is_absent_afterwards(
    write: Expire | Persist | GetExpire | DeleteIfEqual | ExpireIfEqual, reply: Reply
) -> None:
    """No write of a deadline makes a key."""
    keys = keyspace()
    assert write.do(keys) == reply
    assert keys.record(write.key) is None


@pytest.mark.parametrize(
    "write", [Expire(STAYS, When(50)), Persist(DUE), GetExpire(DUE, persist=True), ExpireIfEqual(STAYS, b"v", 50)]
)
def test_without_a_time_no_deadline_is_written(write: PlainWrite) -> None:
    """As where members may lie, whose clocks nobody trusts."""
    keys = keyspace(None)
    before = keys.copy()
    assert write.do(keys) == NO_TIME
    assert keys.copy() == before


@pytest.mark.parametrize(
    ("before", "holding"),
    [
        (None, {ExpireIf.HAS_NONE, ExpireIf.EARLIER}),
        (49, {ExpireIf.HAS_ONE, ExpireIf.LATER}),
        (50, {ExpireIf.HAS_ONE}),
        (51, {ExpireIf.HAS_ONE, ExpireIf.EARLIER}),
    ],
)
def test_a_key_without_a_deadline_counts_as_infinitely_late(before: int | None, holding: set[ExpireIf]) -> None:
    """And a deadline is neither later nor earlier than itself."""
    assert {condition for condition in ExpireIf if condition.holds(before, 50)} == holding


@pytest.mark.parametrize(
    ("write", "fields"),
    [
        (Expire(b"k", When(5, absolute=True), CONDITIONS), [9, b"k", [5, True], [1, 2, 3, 4]]),
        (Expire(b"k", When(5)), [9, b"k", [5, False], []]),
        (Persist(b"k"), [10, b"k"]),
        (GetExpire(b"k", When(5), error="no"), [11, b"k", [5, False], False, "no"]),
        (DeleteIfEqual(b"k", b"v"), [21, b"k", b"v"]),
        (ExpireIfEqual(b"k", b"v", 5), [22, b"k", b"v", 5, False]),
    ],
)
def test_the_log_keeps_its_format(write: PlainWrite, fields: list[object]) -> None:
    """A later version reads what this one wrote."""
    data = operations.encode(write)
    assert msgpack.decode(data) == fields
    assert operations.decode_command(data) == write


@pytest.mark.parametrize("fields", [[9, b"k", [5, False, 0], []], [9, b"k", [5, False], [], 0], [10, b"k", 0]])
def test_a_field_that_no_version_has_is_refused(fields: list[object]) -> None:
    """Who ignored it would do something else than who wrote it meant."""
    with pytest.raises(DecodeError, match="length"):
        operations.decode_command(msgpack.encode(fields))


@pytest.mark.parametrize("kind", [When, Expire, Persist, GetExpire, DeleteIfEqual, ExpireIfEqual])
def test_what_is_in_the_log_is_a_value(kind: type[Struct]) -> None:
    """Nothing that holds one can change it, so that all who apply it apply the same."""
    assert kind.__struct_config__.frozen
