"""A committed command that a program can't read stops it: to go on would be another state than the others'."""

import asyncio

import pytest

from impl_cluster import server
from quorate.raft import Entry, Output, Snapshot
from quorate.raft_server.agreement import Agreement
from quorate.raft_server.applier import Applier
from quorate.raft_server.forwarding import Forwarding
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.raft_server.messages import Answer, Forward
from quorate.raft_server.settings import Settings
from quorate.raft_server.snapshots import Snapshots
from quorate.runtime.interfaces import Loss, UnknownCommandError
from quorate.runtime.outcomes import Unknown
from quorate.runtime.requests import Proposals
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import FORMAT, Batch, Transaction, encode, entry
from quorate.store.queries import Size
from quorate.store.writes import Set
from servers import Disk

FROM_LATER = bytes([FORMAT + 1]) + b"\x93\x01\x02\x03"
NONE = (b"", b"\x93\xcc\x99\x01\x02", bytes([FORMAT]), bytes([FORMAT]) + b"\x93\x99\x01\x02", b"\0", b"\xff")

LATER = rf"the committed entry 2 was written by format {FORMAT + 1}, this node knows up to {FORMAT}; upgrade it"


class Cable:
    """A transport that notes what is sent."""

    def __init__(self) -> None:
        self.connected: frozenset[int] = frozenset({2})
        self.sent: list[PeerMessage] = []

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Nothing comes."""

    def send(self, peer: int, message: PeerMessage) -> bool:
        """Note it."""
        del peer
        self.sent.append(message)
        return True

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


class Applying:
    """An applier with a strict machine, and how it failed."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        machine = KeyValueMachine(Clock())
        snapshots = Snapshots(Settings(), machine, Disk(), self.failures.append)
        agreement = Agreement(1, (1, 2, 3), Settings().digest_entries)
        self.applier = Applier(machine, Proposals(), snapshots, agreement, lambda _: None, self.failures.append)

    def take(self, *entries: Entry, install: Snapshot | None = None) -> None:
        """Commit these, and apply them."""
        state = server()
        last = self.applier.index + len(entries)
        object.__setattr__(state, "last_applied", last)

        async def turn() -> None:
            self.applier.take(Output(state, apply=entries, install=install))
            self.applier.apply()
            async with asyncio.timeout(10):
                while self.applier._reading is not None:  # a snapshot, in a thread
                    await asyncio.wait([self.applier._reading])
            await asyncio.sleep(0)

        asyncio.run(turn())


@pytest.mark.parametrize("command", [FROM_LATER, *NONE])
def test_what_comes_after_an_unknown_command_is_not_applied(command: bytes) -> None:
    """Neither in the same turn, nor in later ones."""
    applying = Applying()
    applying.take(Entry(1, None), Entry(1, command), Entry(1, None))
    assert applying.applier.index == 1
    (failure,) = applying.failures
    assert isinstance(failure, UnknownCommandError)
    assert str(failure).startswith("the committed entry 2 ")
    assert "\n" not in str(failure)
    applying.take(Entry(1, None))
    assert (applying.applier.index, len(applying.failures)) == (1, 1)


def test_a_command_of_a_later_format_says_which() -> None:
    """So that whoever reads it knows that nothing is damaged, and what to do."""
    with pytest.raises(UnknownCommandError, match=f"^{LATER}$"):
        KeyValueMachine(Clock()).apply(2, FROM_LATER)


def test_all_that_a_leader_puts_into_the_log_begins_with_its_format() -> None:
    """Commands, queries and the time: no version can mistake one of another."""
    machine = KeyValueMachine(Clock())
    entries = [machine.stamped(encode(each)) for each in (Set(b"a", b"1"), Batch((Set(b"a", b"1"),)), Size())]
    assert {each[0] for each in (*entries, machine.passing())} == {FORMAT}


def test_an_unknown_snapshot_is_not_installed() -> None:
    """It would replace the state by nothing."""
    applying = Applying()
    applying.take(install=Snapshot(5, 1, FROM_LATER))
    assert (applying.applier.index, applying.applier.has_failed) == (0, True)
    (failure,) = applying.failures
    assert isinstance(failure, UnknownCommandError)


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("asked", [FROM_LATER, *NONE, entry(1, encode(Set(b"a", b"1")))])
def test_a_leader_takes_nothing_that_it_does_not_know(write: bool, asked: bytes) -> None:  # noqa: FBT001
    """What a node of a later version passes on would stop every node; a read that is put into the log, too."""
    cable = Cable()
    forwarding = Forwarding(1, cable, 0, lambda *_: None, KeyValueMachine().knows)
    forwarding.serve(2, Forward(7, write, asked), lambda *_: pytest.fail("it was taken"))
    (answer,) = cable.sent
    assert isinstance(answer, Answer)
    assert isinstance(answer.outcome, Unknown)
    assert "upgrade" in answer.outcome.why


@pytest.mark.parametrize(
    ("write", "asked"),
    [(True, encode(Set(b"a", b"1"))), (True, encode(Transaction((), (Size(),)))), (False, encode(Size()))],
)
def test_whatever_a_leader_knows_it_can_read_from_the_log(write: bool, asked: bytes) -> None:  # noqa: FBT001
    """With the time beside it."""
    machine = KeyValueMachine(Clock())
    assert machine.knows(write, asked)
    machine.apply(1, machine.stamped(asked))
