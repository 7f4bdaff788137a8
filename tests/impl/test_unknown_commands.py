"""A committed command that a program can't read stops it: to go on would be another state than the others'."""

import asyncio

import pytest

from impl_cluster import server
from quorate.kv.machine import KeyValueMachine
from quorate.raft import Entry, Output, Snapshot
from quorate.server.applier import Applier
from quorate.server.forwarding import Forwarding
from quorate.server.interfaces import Loss, PeerMessage, Receiver, UnknownCommandError
from quorate.server.messages import Answer, Forward, Unknown
from quorate.server.requests import Proposals
from quorate.server.settings import Settings
from quorate.server.snapshots import Snapshots

FROM_LATER = b"\x93\xcc\x99\x01\x02"


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
        self.failures: list[Exception] = []
        machine = KeyValueMachine(strict=True)
        snapshots = Snapshots(Settings(), machine)
        self.applier = Applier(machine, Proposals(), snapshots, lambda _: None, self.failures.append)

    def take(self, *entries: Entry, install: Snapshot | None = None) -> None:
        """Commit these, and apply them."""
        state = server()
        last = self.applier.index + len(entries)
        object.__setattr__(state, "last_applied", last)

        async def turn() -> None:
            self.applier.take(Output(state, apply=entries, install=install))
            self.applier.apply()
            await asyncio.sleep(0)

        asyncio.run(turn())


def test_what_comes_after_an_unknown_command_is_not_applied() -> None:
    """Neither in the same turn, nor in later ones."""
    applying = Applying()
    applying.take(Entry(1, None), Entry(1, FROM_LATER), Entry(1, None))
    assert applying.applier.index == 1
    (failure,) = applying.failures
    assert "the committed command 2 is none that this version of Quorate knows" in str(failure)
    assert "\n" not in str(failure)
    applying.take(Entry(1, None))
    assert (applying.applier.index, len(applying.failures)) == (1, 1)


def test_an_unknown_snapshot_is_not_installed() -> None:
    """It would replace the state by nothing."""
    applying = Applying()
    applying.take(install=Snapshot(5, 1, FROM_LATER))
    assert applying.applier.index == 0 or applying.applier.has_failed
    (failure,) = applying.failures
    assert isinstance(failure, UnknownCommandError)


def test_a_leader_proposes_nothing_that_it_does_not_know() -> None:
    """What a node of a later version passes on would stop every node, the leader among them."""
    cable = Cable()
    forwarding = Forwarding(1, cable, 0, lambda *_: None, KeyValueMachine().knows)
    forwarding.serve(2, Forward(7, write=True, payload=FROM_LATER), lambda *_: pytest.fail("it was proposed"))
    (answer,) = cable.sent
    assert isinstance(answer, Answer)
    assert isinstance(answer.outcome, Unknown)
    assert "upgrade" in answer.outcome.why
