"""The digest of a state is what would be made of it anew, whatever led to it, and damage shows in it."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightly import examples
from quorate.runtime.interfaces import DamagedStateError
from quorate.store import digest, operations, sessions
from quorate.store.clock import Clock
from quorate.store.digest import Record
from quorate.store.expiring import Expire, Persist, When
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import Batch, Command, InSession, OpenSession, Transaction
from quorate.store.sessions import sum_of
from quorate.store.writes import Append, Clear, Delete, Increment, MultiSet, Rename, Set

often = examples(200)
KEYS = st.sampled_from([b"a", b"b", b"c"])
VALUES = st.sampled_from([b"", b"7", b"x", b"y" * digest.LARGE, b"z" * (digest.LARGE + 1)])
WRITES = st.one_of(
    st.builds(Set, KEYS, VALUES),
    st.builds(Delete, st.lists(KEYS, max_size=3).map(tuple)),
    st.builds(Increment, KEYS, st.integers(-3, 3)),
    st.builds(Append, KEYS, VALUES),
    st.builds(MultiSet, st.lists(st.tuples(KEYS, VALUES), max_size=3).map(tuple)),
    st.builds(Expire, KEYS, st.builds(When, st.integers(0, 100))),
    st.builds(Persist, KEYS),
    st.builds(Rename, KEYS, KEYS),
    st.builds(Clear),
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    WRITES,
    st.builds(InSession, st.integers(0, 4), st.integers(0, 4), WRITES),
    st.builds(OpenSession),
    st.builds(Batch, st.lists(WRITES, max_size=4).map(tuple)),
    st.builds(Transaction, st.just(()), st.lists(WRITES, max_size=4).map(tuple)),
)
LOGS = st.lists(st.tuples(st.integers(0, 50), COMMANDS), max_size=30)


def anew(machine: KeyValueMachine) -> bytes:
    """The digest, made of all that is there."""
    keys = machine._keys
    return digest.whole(sum(map(keys.sum_of, keys.copy())), sum_of(machine._sessions), keys.now, keys.deleted)


def applied(log: list[tuple[int, Command]], first: int = 1, into: KeyValueMachine | None = None) -> KeyValueMachine:
    """A machine that has applied these, each so many milliseconds after the one before."""
    machine = KeyValueMachine(Clock()) if into is None else into
    now = 1_000 + (machine._keys.now or 0)
    for index, (ms, command) in enumerate(log, start=first):
        now += ms
        machine.apply(index, operations.entry(now, operations.encode(command)))
    return machine


@often
@given(LOGS, st.integers(0, 30))
def test_the_digest_kept_is_the_digest_made_anew(log: list[tuple[int, Command]], middle: int) -> None:
    """After any commands, sessions that end and keys that expire among them, and with a snapshot in between."""
    with patch.object(sessions, "MOST_SESSIONS", 2):
        machine = applied(log[:middle])
        assert machine.digest() == anew(machine)
        restored = KeyValueMachine(Clock())
        restored.restore(machine.capture()())
        for each in (machine, restored):
            applied(log[middle:], middle + 1, each)
            assert each.digest() == anew(each)
        assert machine.digest() == restored.digest()


@often
@given(LOGS, LOGS)
def test_states_that_differ_have_different_digests(
    one: list[tuple[int, Command]], two: list[tuple[int, Command]]
) -> None:
    """And equal ones have equal digests."""
    first, second = applied(one), applied(two)
    parts = [(m._keys.copy(), sorted(m._sessions), m._keys.now, m._keys.deleted) for m in (first, second)]
    assert (first.digest() == second.digest()) == (parts[0] == parts[1])


@pytest.mark.parametrize("length", [5, digest.LARGE + 5])
@pytest.mark.parametrize("what", ["value", "version", "deadline", "key", "reply"])
def test_damage_in_memory_is_seen_in_a_snapshot_and_when_it_is_changed(what: str, length: int) -> None:
    """One bit of anything that is kept: nothing is serialised, and the digest never comes right again by itself."""
    log: list[tuple[int, Command]] = [
        (1, OpenSession()),
        (1, InSession(1, 1, Set(b"k", b"v" * length))),
        (1, Set(b"l", b"")),
    ]
    good, bad = applied(log), applied(log)
    if what == "reply":
        bad._sessions._sessions[1] = sessions.Session(1, b"damaged")
        change: Command = InSession(1, 2, Set(b"l", b""))
    else:
        (bucket,) = (bucket for bucket in bad._keys._buckets.values() if b"k" in bucket)
        record = bucket.pop(b"k")
        damaged = {
            "value": Record(b"w" + record.value[1:], record.version, record.deadline),
            "version": Record(record.value, record.version ^ 1, record.deadline),
            "deadline": Record(record.value, record.version, 1 << 60),
        }
        bucket[b"j" if what == "key" else b"k"] = damaged.get(what, record)
        change = Set(b"k", b"")
    with pytest.raises(DamagedStateError, match="isn't what it has applied"):
        bad.capture()()
    for each in (good, bad):
        applied([(1, change)], 4, each)
    assert good.digest() == anew(good)
    assert bad.digest() != good.digest()


def test_a_snapshot_with_another_digest_is_refused() -> None:
    """A value that was changed in a snapshot, consistently with everything else that it says."""
    data = applied([(1, Set(b"k", b"good"))]).capture()()
    machine = KeyValueMachine()
    with pytest.raises(ValueError, match="quorate replace"):
        machine.restore(data.replace(b"good", b"gooe"))
    assert machine.digest() == KeyValueMachine().digest()
