"""What is committed is applied in order and once, and answers its requests; no turn of the event loop takes long."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from threading import Event

import pytest

from impl_cluster import THREE, leader, server
from patience import PATIENCE_S
from quorate.raft import Entry, Log, Output, Snapshot
from quorate.raft_server.agreement import Agreement
from quorate.raft_server.applier import APPLIED_AT_ONCE, APPLIED_BYTES_AT_ONCE, Applier
from quorate.raft_server.messages import StateDigest
from quorate.raft_server.settings import Settings
from quorate.raft_server.snapshots import ENTRY_OVERHEAD, Snapshots
from quorate.runtime.interfaces import DIGEST_BYTES, DamagedStateError, UnknownCommandError
from quorate.runtime.outcomes import Done, Outcome, Unknown
from quorate.runtime.requests import Proposals, Request
from servers import Disk

INTERVAL = 4  # entries from one digest to the next
MINE, OTHER = b"m" * DIGEST_BYTES, b"o" * DIGEST_BYTES
UNKNOWN, DAMAGED = b"unknown", b"damaged"
LATE, IN_TIME = b"late", b"in time"


@dataclass
class Machine:
    """A state machine that notes what is applied, whose snapshots contain a name; a name in `blocks` waits for it."""

    applied: list[tuple[int, bytes]] = field(default_factory=list)
    blocks: dict[bytes, Event] = field(default_factory=dict)
    has_expired: bool = False

    def apply(self, index: int, command: bytes) -> bytes:
        """Note it; the reply names the command."""
        if command == UNKNOWN:
            raise UnknownCommandError("what is it?")
        self.applied.append((index, command))
        return b"reply to " + command

    def read(self, data: bytes) -> Callable[[], None]:
        """Wait, if it must."""
        if data in self.blocks:
            assert self.blocks[data].wait(PATIENCE_S)
        if data == DAMAGED:
            raise ValueError("no snapshot")
        return lambda: self.applied.append((0, data))

    def digest(self) -> bytes:
        """The same always."""
        return MINE

    def capture(self) -> Callable[[], bytes]:
        """Nothing that could be serialised."""

        def serialise() -> bytes:
            raise DamagedStateError("not what was applied")

        return serialise

    def is_late(self, query: bytes) -> bool:
        """Whether it says so."""
        return query == LATE

    def query(self, query: bytes) -> bytes:
        """The reply names the query."""
        return b"reply to " + query

    def passing(self) -> bytes:
        """An entry."""
        return b"passing"

    def stamped(self, command: bytes) -> bytes:
        """As it is."""
        return command

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whatever it is."""
        del write
        return request != UNKNOWN


class Applying:
    """An applier, and all that it says; `entries` are committed one after the other."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.machine, self.proposals = Machine(), Proposals()
        self.overtaken: list[Request] = []
        self.failures: list[BaseException] = []
        self.snapshots = Snapshots(settings or Settings(), self.machine, Disk(), self.failures.append)
        self.agreement = Agreement(1, THREE.members, INTERVAL)
        self.applier = Applier(
            self.machine,
            self.proposals,
            self.snapshots,
            self.agreement,
            self.overtaken.append,
            self.failures.append,
        )
        self.last = 0

    def commit(self, *commands: bytes | None, term: int = 1, install: Snapshot | None = None) -> None:
        """Commit entries with these commands, after a snapshot if there is one."""
        self.last = (self.last if install is None else install.last_included_index) + len(commands)
        state = replace(server(), last_applied=self.last)
        self.applier.take(Output(state, install=install, apply=tuple(Entry(term, each) for each in commands)))

    def turns(self) -> list[int]:
        """Apply what is committed; return the index that is reached after each turn, of at most ten."""
        ends: list[int] = []
        while self.applier.is_behind and len(ends) < 10:
            self.applier.apply()
            ends.append(self.applier.index)
        return ends

    def digests(self) -> list[int]:
        """The indexes of the digests that were made since the last call."""
        return [message.index for message in self.agreement.due()]

    async def settled(self) -> None:
        """Wait until the latest snapshot is read."""
        async with asyncio.timeout(PATIENCE_S):
            while (reading := self.applier._reading) is not None:
                await asyncio.wait([reading])
                await asyncio.sleep(0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in an event loop of its own."""

    async def main() -> None:
        await scenario()

    asyncio.run(main())


def request(outcomes: list[Outcome], payload: bytes = b"", arrived: float = 0.0, *, write: bool = True) -> Request:
    """A request whose outcome is noted."""
    return Request(write, payload, outcomes.append, arrived, 99.0)


def test_a_turn_of_the_event_loop_applies_so_many_bytes_and_one_entry_at_least() -> None:
    """A member that has been away hears its leader while it applies large values."""
    half = bytes(APPLIED_BYTES_AT_ONCE // 2)
    applying = Applying()
    applying.commit(half, half, b"", 4 * half, b"", bytes(APPLIED_BYTES_AT_ONCE - 1), b"1", None)
    assert applying.turns() == [2, 4, 7, 8]


def test_a_turn_of_the_event_loop_applies_so_many_entries() -> None:
    """However small they are."""
    applying = Applying()
    applying.commit(*[None] * (2 * APPLIED_AT_ONCE + 1))
    assert applying.turns() == [APPLIED_AT_ONCE, 2 * APPLIED_AT_ONCE, 2 * APPLIED_AT_ONCE + 1]


def test_an_entry_answers_the_request_that_was_proposed_there_in_its_term() -> None:
    """Another entry in its place shows that the request never takes effect, unless it has its outcome already."""
    outcomes: list[Outcome] = []
    applying = Applying()
    mine, late, overtaken, over = (request(outcomes, arrived=float(n)) for n in range(5, 9))
    applying.proposals.add(2, 1, [mine, late])
    applying.proposals.add(4, 2, [overtaken, over])
    over.finish(Unknown("timed out"))
    applying.commit(b"not mine", b"mine", b"late", b"other", b"other")
    assert applying.applier.apply() == 5.0, "the arrival of the oldest"
    assert outcomes == [Unknown("timed out"), Done(b"reply to mine"), Done(b"reply to late")]
    assert applying.overtaken == [overtaken]
    assert applying.applier.apply() is None


def test_a_reply_that_was_known_before_is_given_in_place_of_the_entrys() -> None:
    """An entry that changes the members has no reply of its own."""
    outcomes: list[Outcome] = []
    applying = Applying()
    applying.proposals.add(1, 1, [request(outcomes)], b"{}")
    applying.commit(None)
    applying.applier.apply()
    assert outcomes == [Done(b"{}")]


def test_an_empty_entry_has_an_empty_reply_and_changes_nothing() -> None:
    """As a leader's first one; entries are counted for the next snapshot."""
    outcomes: list[Outcome] = []
    applying = Applying()
    applying.proposals.add(1, 1, [request(outcomes)])
    applying.commit(None, b"one")
    applying.applier.apply()
    assert outcomes == [Done(b"")]
    assert applying.machine.applied == [(2, b"one")]
    assert applying.snapshots.log_bytes == 2 * ENTRY_OVERHEAD + len(b"one")


def test_a_server_starts_from_the_snapshot_on_its_disk() -> None:
    """And compares its digest, if others do at this index."""
    applying = Applying()
    applying.applier.start(None)
    assert (applying.applier.index, applying.machine.applied) == (0, [])
    assert applying.digests() == []
    applying.applier.start(Snapshot(8, 3, b"state"))
    assert (applying.applier.index, applying.machine.applied) == (8, [(0, b"state")])
    assert applying.digests() == [8]
    between = Applying()
    between.applier.start(Snapshot(9, 3, b"state"))
    assert between.digests() == []


def test_what_is_committed_after_a_snapshot_waits_until_it_is_read() -> None:
    """What was committed before it and isn't applied yet is in it; so is what was proposed, as far as it goes."""

    async def scenario() -> None:
        outcomes: list[Outcome] = []
        applying = Applying()
        applying.commit(b"earlier")
        applying.applier.apply()
        applying.proposals.add(5, 1, [request(outcomes), request(outcomes)])
        applying.commit(b"in the snapshot")
        applying.commit(b"later", install=Snapshot(5, 2, b"state"))
        assert outcomes == [Unknown("a snapshot was installed: it was not seen to be committed")]
        assert applying.snapshots.log_bytes == 0, "of a log that begins after it"
        assert not applying.applier.is_behind
        assert applying.applier.apply() is None
        assert applying.applier.index == 1
        await applying.settled()
        assert applying.applier.index == 5
        assert applying.digests() == []
        assert applying.applier.is_behind
        applying.applier.apply()
        assert applying.machine.applied == [(1, b"earlier"), (0, b"state"), (6, b"later")]
        assert outcomes[1:] == [Done(b"reply to later")]
        applying.commit(install=Snapshot(12, 2, b"next"))
        await applying.settled()
        assert applying.digests() == [12]

    run(scenario)


@pytest.mark.parametrize("first", [b"one", b"two"])
def test_only_the_latest_snapshot_is_installed(first: bytes) -> None:
    """Whichever of two is read first, each in a thread of its own."""

    async def scenario() -> None:
        applying = Applying()
        applying.machine.blocks = blocks = {b"one": Event(), b"two": Event()}
        applying.commit(install=Snapshot(5, 2, b"one"))
        one = applying.applier._reading
        applying.commit(install=Snapshot(7, 2, b"two"))
        two = applying.applier._reading
        assert one is not None
        assert two is not None
        readings = {b"one": one, b"two": two}
        for name in (first, *(blocks.keys() - {first})):
            blocks[name].set()
            await asyncio.wait([readings[name]], timeout=PATIENCE_S)
            await asyncio.sleep(0)
        assert applying.machine.applied == [(0, b"two")]
        assert applying.applier.index == 7

    run(scenario)


def test_a_snapshot_that_cannot_be_read_stops_the_server() -> None:
    """It is not installed, and nothing is applied any more."""

    async def scenario() -> None:
        applying = Applying()
        applying.commit(b"later", install=Snapshot(5, 2, DAMAGED))
        await applying.settled()
        await asyncio.sleep(0)
        assert [type(each) for each in applying.failures] == [UnknownCommandError]
        assert applying.applier.has_failed
        applying.commit(b"later still")
        assert not applying.applier.is_behind
        assert (applying.applier.index, applying.machine.applied) == (0, [])

    run(scenario)


def test_digests_are_made_at_the_same_entries_everywhere() -> None:
    """Of the state after just these."""
    applying = Applying()
    applying.commit(*[None] * 9)
    applying.applier.apply()
    assert applying.digests() == [4, 8]


def test_a_server_whose_state_is_another_than_the_others_stops_before_it_answers() -> None:
    """At the first entry where that shows, and it says so once."""

    async def scenario() -> None:
        outcomes: list[Outcome] = []
        applying = Applying()
        for peer in (2, 3):
            applying.applier.heard(peer, StateDigest(4, OTHER))
        applying.proposals.add(3, 1, [request(outcomes), request(outcomes), request(outcomes)])
        applying.commit(b"1", b"2", b"3", b"4", b"5")
        applying.applier.apply()
        assert outcomes == [Done(b"reply to 3")]
        assert (applying.applier.index, applying.applier.is_behind) == (4, False)
        assert applying.failures == [], "the step that is under way ends first"
        for peer in (2, 3):
            applying.applier.heard(peer, StateDigest(4, b"x" * DIGEST_BYTES))
        await asyncio.sleep(0)
        assert [type(each) for each in applying.failures] == [DamagedStateError]

    run(scenario)


def test_a_server_stops_when_it_hears_that_a_majority_differs() -> None:
    """One peer that differs stops nobody."""

    async def scenario() -> None:
        applying = Applying()
        applying.commit(*[None] * 4)
        applying.applier.apply()
        applying.applier.heard(2, StateDigest(4, OTHER))
        assert not applying.applier.has_failed
        applying.applier.heard(3, StateDigest(4, OTHER))
        assert applying.applier.has_failed
        await asyncio.sleep(0)
        assert [type(each) for each in applying.failures] == [DamagedStateError]

    run(scenario)


def test_a_snapshot_of_a_damaged_state_is_given_up() -> None:
    """The server stops, and the failed attempt is forgotten."""

    async def scenario() -> None:
        applying = Applying(Settings(snapshot_bytes=1))
        applying.commit(b"one")
        applying.applier.apply()
        state = replace(leader(log=Log().append((Entry(1, b"one"),))), last_applied=1)
        async with asyncio.timeout(PATIENCE_S):
            while not applying.applier.has_failed:
                assert applying.applier.snapshot(state) is None
                await asyncio.sleep(0.01)
            await asyncio.sleep(0)
        assert [type(each) for each in applying.failures] == [DamagedStateError]
        assert applying.snapshots.poll(state, 1) is None

    run(scenario)


def test_reads_are_answered_unless_they_need_a_later_time() -> None:
    """Those that do are returned, in their order; those that have an outcome are forgotten."""
    outcomes: list[Outcome] = []
    reads = [request(outcomes, payload, write=False) for payload in (LATE, IN_TIME, LATE, LATE)]
    reads[2].finish(Unknown("timed out"))
    assert Applying().applier.answer(reads) == [reads[0], reads[3]]
    assert outcomes == [Unknown("timed out"), Done(b"reply to " + IN_TIME)]


def test_time_passes_only_where_a_key_waits_for_it_and_no_entry_is_under_way() -> None:
    """The entry that is under way lets time pass, too."""
    applying = Applying()
    applying.commit(b"one")
    applying.applier.apply()
    assert applying.applier.passing(1) is None
    applying.machine.has_expired = True
    assert applying.applier.passing(1) == b"passing"
    assert applying.applier.passing(2) is None
