"""Keys expire as the log says, on all members alike: time never goes back, and no clock but a leader's counts."""

from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightly import examples
from quorate.store import keyspace, operations, replies
from quorate.store.clock import MOST_MS, Clock, steady_ms, wall_ms
from quorate.store.expiring import Expire, ExpireIf, GetExpire, Persist, When
from quorate.store.machine import KeyValueMachine
from quorate.store.operation_types import PlainWrite, Query
from quorate.store.operations import Command, QueryBatch, Transaction
from quorate.store.queries import Exists, Get, Size, TimeLeft
from quorate.store.replies import Failure, Reply
from quorate.store.writes import Append, Copy, Delete, GetSet, Increment, MultiSet, Rename, Set, SetRange

often = examples(100)
NOW = 1_800_000_000_000


@dataclass
class Member:
    """A machine with clocks that a test sets; as a leader it puts into its log what it is asked."""

    wall: int = NOW
    steady: int = 0

    def __post_init__(self) -> None:
        self.machine = KeyValueMachine(Clock(lambda: self.wall, lambda: self.steady))
        self.log: list[bytes] = []

    def passes(self, ms: int) -> None:
        """Let time pass."""
        self.wall += ms
        self.steady += ms

    def write(self, command: Command) -> Reply:
        """Put a command into the log, and apply it."""
        return self.append(self.machine.stamped(operations.encode(command)))

    def append(self, stamped: bytes) -> Reply:
        """Apply an entry of the log."""
        self.log.append(stamped)
        return replies.decode(self.machine.apply(len(self.log), stamped))

    def read(self, query: Query) -> Reply:
        """Answer as a leader does: from the log, if the machine is late."""
        data = operations.encode(query)
        if self.machine.is_late(data):
            return self.append(self.machine.stamped(data))
        return replies.decode(self.machine.query(data))

    def follow(self, leader: "Member") -> None:
        """Apply what the leader's log has, and this one's lacks."""
        for entry in leader.log[len(self.log) :]:
            self.append(entry)

    def ttl(self, key: bytes = b"a") -> Reply:
        """How many milliseconds a key has."""
        return self.read(TimeLeft(key, milliseconds=True, absolute=False))


def test_a_key_expires_at_its_time_and_not_before() -> None:
    """A millisecond counts."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.passes(999)
    assert (member.read(Get(b"a")), member.ttl()) == (b"1", 1)
    member.passes(1)
    assert (member.read(Get(b"a")), member.ttl(), member.read(Size())) == (None, -2, 0)


def test_a_read_that_needs_no_time_puts_nothing_into_the_log() -> None:
    """Neither of a key that isn't due, nor of one that never expires; one that says what time is left does."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.write(Set(b"b", b"1"))
    length = len(member.log)
    member.passes(10)
    assert member.read(Get(b"a")) == member.read(Get(b"b")) == b"1"
    assert len(member.log) == length
    assert member.ttl() == 990
    assert len(member.log) == length + 1
    member.passes(1_000)
    assert member.read(Get(b"a")) is None
    assert len(member.log) == length + 2
    assert member.read(Get(b"a")) is None
    assert len(member.log) == length + 2


def test_what_has_gone_does_not_come_back_under_a_leader_whose_clock_is_slow() -> None:
    """And what is left of a key's time doesn't grow; afterwards time goes on at its pace."""
    fast, slow = Member(wall=NOW + 3_600_000), Member(wall=NOW)
    fast.write(Set(b"a", b"1", when=When(1_000)))
    fast.write(Set(b"b", b"1", when=When(5_000)))
    fast.passes(2_000)
    assert (fast.read(Get(b"a")), fast.ttl(b"b")) == (None, 3_000)
    slow.follow(fast)
    assert (slow.read(Get(b"a")), slow.ttl(b"b")) == (None, 3_000)
    slow.passes(1_000)
    assert slow.ttl(b"b") == 2_000
    slow.passes(2_000)
    assert slow.read(Get(b"b")) is None
    fast.follow(slow)
    assert fast.machine.capture()() == slow.machine.capture()()


def test_a_clock_that_is_put_back_does_not_stop_time() -> None:
    """What has been promised for a second lasts a second, by the clock that can't be set."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.wall -= 86_400_000
    assert member.ttl() == 1_000
    member.passes(400)
    assert member.ttl() == 600
    member.passes(600)
    assert member.read(Get(b"a")) is None


def test_a_clock_that_is_put_forward_is_followed_and_not_back() -> None:
    """Keys are gone early, as in Redis; when the clock is put right again new ones last as long as they should."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.wall += 86_400_000
    assert member.read(Get(b"a")) is None
    member.wall -= 86_400_000
    assert member.read(Get(b"a")) is None
    member.write(Set(b"b", b"1", when=When(1_000)))
    member.passes(999)
    assert member.read(Get(b"b")) == b"1"
    member.passes(1)
    assert member.read(Get(b"b")) is None


def test_a_clock_that_is_broken_says_no_more_than_the_log_takes() -> None:
    """Beyond that time stands still; nothing fails."""
    member = Member(wall=2**80)
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.passes(2_000)
    assert member.ttl() == 1_000
    assert member.read(TimeLeft(b"a", milliseconds=True, absolute=True)) == MOST_MS + 1_000


def test_where_members_may_lie_keys_do_not_expire() -> None:
    """A time in the log is no command there, and what needs one is refused; nothing is changed."""
    machine = KeyValueMachine()
    for command in (Set(b"a", b"1", when=When(1)), Expire(b"a", When(1)), Persist(b"a"), GetExpire(b"a")):
        reply = replies.decode(machine.apply(1, machine.stamped(operations.encode(command))))
        assert isinstance(reply, Failure)
        assert "members who may lie have no clock that all can trust" in reply.text
    reply = replies.decode(machine.apply(1, operations.entry(NOW, operations.encode(Set(b"a", b"1")))))
    assert isinstance(reply, Failure)
    assert replies.decode(machine.query(operations.encode(Size()))) == 0


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (Set(b"a", b"2"), -1),
        (Set(b"a", b"2", keep=True), 1_000),
        (Set(b"a", b"2", when=When(NOW + 50, absolute=True)), 50),
        (Set(b"a", b"2", when=When(NOW, absolute=True)), -2),
        (GetSet(b"a", b"2"), -1),
        (MultiSet(((b"a", b"2"),)), -1),
        (Append(b"a", b"2"), 1_000),
        (SetRange(b"a", 0, b"2"), 1_000),
        (Increment(b"a", 1), 1_000),
        (Persist(b"a"), -1),
        (GetExpire(b"a"), 1_000),
        (GetExpire(b"a", When(5)), 5),
        (GetExpire(b"a", When(1, absolute=True)), -2),
        (GetExpire(b"a", persist=True), -1),
        (Rename(b"b", b"a"), 7_000),
        (Copy(b"b", b"a"), 1_000),
        (Copy(b"b", b"a", replace=True), 7_000),
        (Expire(b"a", When(0)), -2),
        (Expire(b"a", When(-5)), -2),
        (Expire(b"a", When(2_000), (ExpireIf.HAS_NONE,)), 1_000),
        (Expire(b"a", When(2_000), (ExpireIf.HAS_ONE, ExpireIf.LATER)), 2_000),
        (Expire(b"a", When(1_000), (ExpireIf.LATER,)), 1_000),
        (Expire(b"a", When(999), (ExpireIf.EARLIER,)), 999),
        (Expire(b"a", When(1_001), (ExpireIf.EARLIER,)), 1_000),
    ],
)
def test_every_write_keeps_a_key_s_time_or_takes_it_away_as_redis_does(change: PlainWrite, left: int) -> None:
    """What makes a new value makes one that stays; what changes a value leaves it its time."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.write(Set(b"b", b"1", when=When(7_000)))
    member.write(change)
    assert member.ttl() == left


KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
TIMES = st.builds(When, st.integers(-2, 30)) | st.builds(When, st.integers(NOW - 5, NOW + 60), st.just(value=True))
WRITES: st.SearchStrategy[PlainWrite] = st.one_of(
    st.builds(Set, KEYS, st.just(b"1"), when=st.none() | TIMES, keep=st.booleans()),
    st.builds(Expire, KEYS, TIMES, st.lists(st.sampled_from(ExpireIf), max_size=1).map(tuple)),
    st.builds(Persist, KEYS),
    st.builds(Rename, KEYS, KEYS),
    st.builds(Copy, KEYS, KEYS, st.booleans()),
    st.builds(Delete, KEYS.map(lambda key: (key,))),
    st.builds(GetExpire, KEYS, TIMES),
)
READS = st.builds(Exists, KEYS.map(lambda key: (key,))) | st.builds(
    TimeLeft, KEYS, milliseconds=st.just(value=True), absolute=st.booleans()
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(-100, 100) | st.just(0), WRITES | READS), max_size=30
)


@often
@given(EVENTS, st.integers(1, 3), st.integers(0, 30))
def test_all_members_agree_whoever_leads_and_whatever_the_clocks_do(
    events: list[tuple[int, int, int, PlainWrite | Query]], at_once: int, restored_at: int
) -> None:
    """Each event is asked of another leader, whose clock jumps before: time grows, and states are equal to the byte.

    Also that of a member that began with a snapshot, and however few keys may expire at once.
    """
    with patch.object(keyspace, "MOST_EXPIRED_AT_ONCE", at_once):
        members = [Member(), Member(wall=NOW - 40), Member(wall=NOW + 40)]
        late = Member()
        reached = 0
        for number, (leading, passes, jump, asked) in enumerate(events):
            leader = members[leading]
            for member in members:
                member.follow(max(members, key=lambda each: len(each.log)))
                member.passes(passes)
            leader.wall += jump
            if isinstance(asked, Exists | TimeLeft):
                leader.read(asked)
            else:
                leader.write(asked)
            if number == restored_at:
                late.machine.restore(leader.machine.capture()())
                late.log = list(leader.log)
            now = leader.machine._keys.now or 0
            assert now >= reached
            reached = now
        latest = max(members, key=lambda each: len(each.log))
        if restored_at < len(events):
            members.append(late)
        for member in members:
            member.follow(latest)
        assert len({member.machine.capture()() for member in members}) == 1


@often
@given(st.lists(st.tuples(KEYS, st.integers(1, 50), st.integers(0, 30)), max_size=30))
def test_a_key_is_there_until_its_time_and_nothing_is_kept_of_it_after(sets: list[tuple[bytes, int, int]]) -> None:
    """A model that looks at all keys each time says the same."""
    member = Member()
    model: dict[bytes, int] = {}
    for key, ms, passes in sets:
        member.write(Set(key, b"1", when=When(ms)))
        model[key] = member.wall + ms
        member.passes(passes)
        there = {key for key, deadline in model.items() if deadline > member.wall}
        assert {key for key in model if member.read(Exists((key,)))} == there
        assert member.read(Size()) == len(there)


def test_a_key_whose_time_is_set_again_and_again_takes_no_more_memory() -> None:
    """Of its earlier deadlines only so many are kept."""
    member = Member()
    for ms in range(1_000, 1_500):
        member.write(Set(b"a", b"1", when=When(ms)))
        assert len(member.machine._keys._deadlines) <= 2 + 64
    member.passes(1_498)
    assert member.ttl() == 1


def test_a_thousand_keys_that_are_due_at_once_hold_up_no_command() -> None:
    """So many expire with one command, and the rest with the next ones; none is there when no more are due."""
    member = Member()
    for number in range(2_500):
        member.write(Set(b"%d" % number, b"1", when=When(100_000)))
    member.write(Set(b"stays", b"1"))
    member.passes(100_000)
    sizes = []
    while member.machine.has_expired:
        member.append(member.machine.passing())
        sizes.append(replies.decode(member.machine.query(operations.encode(Size()))))
    assert sizes == [1_501, 501, 1]
    assert member.machine._keys.now == member.wall


def test_within_a_transaction_time_stands_still() -> None:
    """All of it is done at one moment."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.passes(500)
    left = TimeLeft(b"a", milliseconds=True, absolute=False)
    steps = (left, Expire(b"a", When(70)), left, Get(b"a"))
    data = member.machine.apply(2, member.machine.stamped(operations.encode(Transaction((), steps))))
    assert [replies.decode(each) for each in replies.decode_batch(data)] == [500, 1, 70, b"1"]


def test_a_batch_of_queries_is_late_if_one_of_them_is() -> None:
    """It is answered from the log, of one moment."""
    member = Member()
    member.write(Set(b"a", b"1", when=When(1_000)))
    member.passes(10)
    of: Callable[..., bytes] = lambda *queries: operations.encode(QueryBatch(queries))  # noqa: E731
    assert not member.machine.is_late(of(Get(b"a"), Size()))
    assert member.machine.is_late(of(Get(b"a"), TimeLeft(b"a", milliseconds=True, absolute=False)))
    assert not KeyValueMachine().is_late(b"rubbish")
    assert not member.machine.is_late(b"rubbish")


def test_what_time_is_left_of_a_key_needs_no_time_where_none_expires() -> None:
    """Neither where no key has a deadline, nor where members have no clock."""
    query = operations.encode(TimeLeft(b"a", milliseconds=True, absolute=False))
    for machine in (Member().machine, KeyValueMachine()):
        assert not machine.is_late(query)
        assert replies.decode(machine.query(query)) == -2


def test_a_clock_begins_at_nothing_and_never_goes_back() -> None:
    """Not even if what is called monotonic does."""
    steady = iter([100, 100, 200, 50])
    clock = Clock(lambda: 0, lambda: next(steady))
    assert [clock.propose(0), clock.propose(0), clock.propose(0)] == [0, 100, 100]


def test_an_empty_map_has_reached_no_time() -> None:
    """A leader proposes the time of its clock, whatever that is."""
    machine = KeyValueMachine(Clock(lambda: 0, lambda: 0))
    assert machine.passing() == operations.entry(0, None)


def test_times_are_in_milliseconds() -> None:
    """Of both clocks."""
    with patch("time.time_ns", return_value=10**15), patch("time.monotonic_ns", return_value=10**16):
        assert (wall_ms(), steady_ms()) == (10**9, 10**10)
