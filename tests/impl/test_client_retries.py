"""Whatever goes wrong on the way, a write is done once, or the caller is told the truth about it."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quick_loop import run
from quorate.client.client import Client
from quorate.client.retries import CommandError, NodeConnection, Reply, UnavailableError, UnknownOutcomeError
from quorate.runtime.addresses import Address

T = TypeVar("T")
NODES = [("a", 1), ("b", 2), ("c", 3)]


class Fate(Enum):
    """What becomes of one attempt."""

    SERVED = auto()
    NOT_CONNECTED = auto()
    NO_LEADER = auto()  # answered: surely not done
    REQUEST_LOST = auto()
    REPLY_LOST = auto()
    HANGS = auto()
    HANGS_AFTERWARDS = auto()
    REFUSED_BY_THE_NODE = auto()
    REFUSED_BY_THE_MACHINE = auto()
    UNKNOWN = auto()
    DONE_BUT_UNKNOWN = auto()
    UNKNOWN_AND_DONE_LATER = auto()
    SESSIONS_EXPIRE_FIRST = auto()
    SESSIONS_EXPIRE_AFTERWARDS = auto()


@dataclass
class Cluster:
    """A counter behind nodes whose attempts meet the fates in turn, the last of them for ever."""

    fates: list[Fate]
    applied: int = 0
    asked: list[tuple[Address, bytes]] = field(default_factory=list)
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    _last_session: int = 0
    _sessions: dict[int, tuple[int, int]] = field(default_factory=dict)
    _later: list[tuple[bytes, ...]] = field(default_factory=list)

    def fate(self) -> Fate:
        """What happens next."""
        return self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]

    def apply(self, args: tuple[bytes, ...]) -> Reply:
        """Do it as the real state machine does."""
        match args:
            case [b"PING"] | [b"GET", _]:
                return self.applied
            case [b"QUORATE.SESSION"]:
                self._last_session += 1
                self._sessions[self._last_session] = (0, 0)
                return self._last_session
            case [b"QUORATE.DO", number, sequence, *_]:
                return self._apply_in_session(int(number), int(sequence))
            case _:
                raise AssertionError(args)

    def _apply_in_session(self, number: int, sequence: int) -> int:
        if number not in self._sessions:
            raise CommandError("NOSESSION the session has expired")
        last, reply = self._sessions[number]
        if sequence == last:
            return reply
        if sequence != last + 1:
            raise CommandError("BADSEQUENCE the last was another")
        self.applied += 1
        self._sessions[number] = (sequence, self.applied)
        return self.applied

    def refuse_in_session(self, args: tuple[bytes, ...]) -> None:
        """Use the number up, and change nothing."""
        match args:
            case [b"QUORATE.DO", number, sequence, *_] if self._sessions.get(int(number), (-1, 0))[0] + 1 == int(
                sequence
            ):
                self._sessions[int(number)] = (int(sequence), self.applied)
            case _:
                pass

    def what_was_delayed_arrives(self) -> None:
        """And is applied, or refused, with nobody listening."""
        while self._later:
            try:
                self.apply(self._later.pop())
            except CommandError:
                continue

    async def connect(self, address: Address) -> NodeConnection:
        """Connect, unless that is the fate."""
        if self.fates[0] is Fate.NOT_CONNECTED:
            self.fate()
            raise ConnectionRefusedError("nobody listens")
        return NodeConnection(self, address)


@dataclass
class NodeConnection:
    """A connection to one of the cluster's nodes."""

    cluster: Cluster
    address: Address
    closed: bool = False

    def close(self) -> None:
        """Nothing more is sent."""
        self.closed = True

    async def request(self, *args: bytes) -> Reply:  # noqa: C901, PLR0912 - one case for each fate
        """Meet the next fate."""
        cluster = self.cluster
        cluster.asked.append((self.address, args[0]))
        match cluster.fate():
            case Fate.SERVED:
                await asyncio.sleep(0.01)
                return cluster.apply(args)
            case Fate.NO_LEADER:
                raise CommandError("CLUSTERDOWN no leader")
            case Fate.REQUEST_LOST | Fate.NOT_CONNECTED:
                raise ConnectionResetError("reset")
            case Fate.REPLY_LOST:
                cluster.apply(args)
                raise ConnectionResetError("reset")
            case Fate.HANGS:
                await asyncio.get_running_loop().create_future()
            case Fate.HANGS_AFTERWARDS:
                cluster.apply(args)
                cluster.hangs.set()
                await asyncio.get_running_loop().create_future()
            case Fate.REFUSED_BY_THE_NODE:
                raise CommandError("ERR no")
            case Fate.REFUSED_BY_THE_MACHINE:
                cluster.refuse_in_session(args)
                raise CommandError("ERR no")
            case Fate.DONE_BUT_UNKNOWN:
                cluster.apply(args)
                raise CommandError("UNKNOWN timed out")
            case Fate.UNKNOWN:
                raise CommandError("UNKNOWN timed out")
            case Fate.UNKNOWN_AND_DONE_LATER:
                cluster._later.append(args)
                raise CommandError("UNKNOWN timed out")
            case Fate.SESSIONS_EXPIRE_FIRST:
                cluster._sessions.clear()
                return cluster.apply(args)
            case Fate.SESSIONS_EXPIRE_AFTERWARDS:
                cluster.apply(args)
                cluster._sessions.clear()
                raise ConnectionResetError("reset")
        raise AssertionError("unreachable")


def client_of(cluster: Cluster, seed: int = 0) -> Client:
    """A client with a short patience, in the loop's time."""
    return Client(NODES, connect=cluster.connect, rng=Random(seed), timeout_s=5.0, attempt_timeout_s=1.0)


FATES = st.lists(st.sampled_from(Fate), max_size=12)


@given(FATES, st.sampled_from([Fate.SERVED, Fate.NO_LEADER, Fate.HANGS, Fate.NOT_CONNECTED]), st.integers(0, 3))
def test_a_write_is_done_once_or_its_caller_is_told_what_is_certain(fates: list[Fate], last: Fate, seed: int) -> None:
    """Delayed attempts arrive at last, too: who was told that it isn't done must never find that it is."""
    cluster = Cluster([*fates, last])

    async def writes() -> None:
        client = client_of(cluster, seed)
        known, doubtful = 0, 0
        for _ in range(3):
            try:
                await client.incr("n")
            except UnknownOutcomeError:
                doubtful += 1
            except (UnavailableError, CommandError):
                pass
            else:
                known += 1
        cluster.what_was_delayed_arrives()
        assert known <= cluster.applied <= known + doubtful

    run(writes)


@given(FATES)
def test_a_read_is_repeated_until_it_is_answered(fates: list[Fate]) -> None:
    """A read may be asked any number of times, so only time and a refusal end it."""
    refusals = (Fate.REFUSED_BY_THE_NODE, Fate.REFUSED_BY_THE_MACHINE)
    cluster = Cluster([*(fate for fate in fates[:4] if fate not in refusals), Fate.SERVED])
    assert run(lambda: client_of(cluster).read("GET", "n")) == 0


def outcome_of(fates: list[Fate]) -> int:
    """Write once, and return the reply."""
    return run(lambda: client_of(Cluster(fates)).incr("n"))


def test_a_lost_reply_is_got_by_asking_again() -> None:
    """The stored reply, from another node: the write isn't done twice."""
    cluster = Cluster([Fate.SERVED, Fate.REPLY_LOST, Fate.SERVED])
    assert run(lambda: client_of(cluster).incr("n")) == 1
    assert cluster.applied == 1
    (first, _), (second, _) = cluster.asked[-2:]
    assert first != second


def test_a_write_that_no_node_took_is_called_unavailable() -> None:
    """CLUSTERDOWN and a refused connection leave nothing behind."""
    with pytest.raises(UnavailableError, match="CLUSTERDOWN"):
        outcome_of([Fate.SERVED, Fate.NO_LEADER, Fate.NOT_CONNECTED, Fate.NO_LEADER])


def test_one_doubtful_attempt_makes_the_outcome_unknown_whatever_later_ones_are_told() -> None:
    """It may still be on its way when the others are refused."""
    with pytest.raises(UnknownOutcomeError, match="may or may not have happened"):
        outcome_of([Fate.SERVED, Fate.REQUEST_LOST, Fate.NO_LEADER])


def test_a_write_whose_session_expired_before_anything_was_sent_is_done_in_another() -> None:
    """It was never done, and the caller needn't know."""
    assert outcome_of([Fate.SERVED, Fate.SESSIONS_EXPIRE_FIRST, Fate.SERVED]) == 1


def test_a_write_whose_session_expired_after_a_doubtful_attempt_is_unknown() -> None:
    """It may have been done before the session expired: to do it in another session could be twice."""
    with pytest.raises(UnknownOutcomeError, match="NOSESSION"):
        outcome_of([Fate.SERVED, Fate.SESSIONS_EXPIRE_AFTERWARDS, Fate.SERVED])


@pytest.mark.parametrize("refused", [Fate.REFUSED_BY_THE_NODE, Fate.REFUSED_BY_THE_MACHINE])
def test_a_write_after_a_refused_one_is_done(refused: Fate) -> None:
    """Whether the refused one used up its number or not."""
    cluster = Cluster([Fate.SERVED, refused, Fate.SERVED])

    async def writes() -> int:
        client = client_of(cluster)
        with pytest.raises(CommandError, match="ERR no"):
            await client.incr("n")
        return await client.incr("n")

    assert run(writes) == 1
    sessions = sum(command == b"QUORATE.SESSION" for _, command in cluster.asked)
    assert sessions == (2 if refused is Fate.REFUSED_BY_THE_NODE else 1)


def test_writes_at_once_take_sessions_of_their_own() -> None:
    """A session has one write outstanding; a later write uses it again."""
    cluster = Cluster([Fate.SERVED])

    async def writes() -> list[int]:
        client = client_of(cluster)
        results = await asyncio.gather(*(client.incr("n") for _ in range(5)))
        return [*results, await client.incr("n")]

    assert sorted(run(writes)) == [1, 2, 3, 4, 5, 6]
    assert sum(command == b"QUORATE.SESSION" for _, command in cluster.asked) == 5


def test_a_cancelled_write_leaves_its_session() -> None:
    """Its number may have been used: the next write in that session would be given the cancelled one's reply."""
    cluster = Cluster([Fate.SERVED, Fate.HANGS_AFTERWARDS, Fate.SERVED])

    async def writes() -> int:
        client = client_of(cluster)
        cancelled = asyncio.ensure_future(client.incr("n"))
        await cluster.hangs.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        return await client.incr("n")

    assert run(writes) == 2


def test_a_client_needs_an_address() -> None:
    """Or it could ask nobody."""
    with pytest.raises(ValueError, match="addresses: at least one is needed"):
        Client([])
