"""Large entries are sent once while they are on their way, and a leader is believed to be there meanwhile."""

import asyncio

from impl_cluster import leader, server
from quick_loop import run
from quorate.raft import AppendEntries, Config, ElectionTimeout, Entry, HeartbeatTimeout, NodeId, Propose, Role, step
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.raft_server.messages import SignOfLife
from quorate.raft_server.repeats import SLOWEST_BYTES_PER_S, PatientTransport, shows_leader, understood
from quorate.runtime.interfaces import Arriving, Loss


class Noting:
    """A transport that notes what it is given, and takes it if `takes`."""

    def __init__(self) -> None:
        """Take everything."""
        self.sent: list[PeerMessage] = []
        self.takes = True
        self.lost: Loss = lambda _: None

    async def start(self, receive: Receiver, lost: Loss) -> None:  # noqa: ARG002
        """Keep whom to tell."""
        self.lost = lost

    def send(self, peer: NodeId, message: PeerMessage) -> bool:  # noqa: ARG002
        """Note it."""
        if self.takes:
            self.sent.append(message)
        return self.takes

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def connected(self) -> frozenset[NodeId]:
        """Everybody."""
        return frozenset({2, 3})

    async def close(self) -> None:
        """Nothing is open."""


def entries(size: int, prev: int = 0) -> AppendEntries:
    """A message with one entry of so many bytes."""
    return AppendEntries(1, 2, 1, prev, 0, (Entry(1, bytes(size)),), 0)


HEARTBEAT = SignOfLife(1, reply=False)


def test_large_entries_are_repeated_when_they_could_have_arrived() -> None:
    """Heartbeats take their place until then; small ones are repeated with every heartbeat, as the core asks."""

    async def main() -> None:
        inner = Noting()
        patient = PatientTransport(inner)
        large, small = entries(SLOWEST_BYTES_PER_S), entries(10, prev=1)
        assert patient.send(2, large)
        assert patient.send(2, large)
        await asyncio.sleep(0.9)
        assert patient.send(2, large)
        await asyncio.sleep(0.2)
        assert patient.send(2, large)
        assert inner.sent == [large, HEARTBEAT, HEARTBEAT, large]
        inner.sent.clear()
        for _ in range(2):
            await asyncio.sleep(0.05)
            assert patient.send(2, small)
        assert inner.sent == [small, small]

    run(main)


def test_entries_that_cannot_have_left_or_were_lost_are_sent_again_at_once() -> None:
    """What a full queue dropped, and what was on a connection that ended; another peer is another matter."""

    async def main() -> None:
        inner, large = Noting(), entries(SLOWEST_BYTES_PER_S)
        lost: list[NodeId] = []
        patient = PatientTransport(inner)
        await patient.start(lambda _peer, _message: None, lost.append)
        inner.takes = False
        assert not patient.send(2, large)
        inner.takes = True
        assert patient.send(2, large)
        assert patient.send(3, large)
        inner.lost(2)
        assert patient.send(2, large)
        assert inner.sent == [large] * 3
        assert lost == [2]

    run(main)


def test_what_the_core_repeats_is_recognised() -> None:
    """The core's own messages, which are equal in term and place, though more entries may have come."""

    async def main() -> None:
        inner = Noting()
        patient = PatientTransport(inner)
        state = leader()
        output = step(state, Propose((bytes(SLOWEST_BYTES_PER_S),)))
        for message in output.send_now:
            patient.send(message.dest, message)
        more = step(step(output.state, Propose((b"x",))).state, HeartbeatTimeout())
        for message in more.send_now:
            patient.send(message.dest, message)
        assert inner.sent == [*output.send_now, *[HEARTBEAT] * len(more.send_now)]

    run(main)


def test_only_its_own_leader_shows_a_server_that_it_is_there() -> None:
    """In the server's own term; parts of large messages count, whatever they will be."""
    follower = step(leader(term=1), HeartbeatTimeout()).state
    assert shows_leader(follower, 1, HEARTBEAT)
    assert not shows_leader(follower, 2, HEARTBEAT)
    assert not shows_leader(follower, 1, SignOfLife(1, reply=True))
    assert not shows_leader(follower, 1, SignOfLife(2, reply=False))
    assert shows_leader(follower, 1, understood(follower, 1, Arriving()))
    assert not shows_leader(follower, 2, understood(follower, 2, Arriving()))
    assert not shows_leader(follower, 1, entries(1))


def test_a_server_that_has_given_its_leader_up_sees_that_it_is_there_again() -> None:
    """Signs of life leave with each heartbeat, while entries, by which the core would know, are long on their way."""
    asking = step(server(term=1, config=Config((1, 2, 3), pre_vote=True)), ElectionTimeout()).state
    assert (asking.role, asking.leader_id) == (Role.PRE_CANDIDATE, None)
    assert shows_leader(asking, 2, HEARTBEAT)
    assert not shows_leader(asking, 2, SignOfLife(2, reply=False))
    assert understood(asking, 2, Arriving()) == Arriving(), "whose part this is, nobody knows"
