"""A snapshot of any size arrives whole or not at all, between other messages, and goes on where it was interrupted."""

import asyncio
from dataclasses import replace
from random import Random

import quick_loop
from quorate.raft import InstallSnapshot, NodeId, Snapshot
from quorate.raft_server.chunks import SnapshotReceiver, SnapshotSender, digest_of
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.messages import ChunkTaken, SnapshotChunk
from quorate.raft_server.settings import Settings
from quorate.runtime.outcomes import Done
from servers import Servers

SETTINGS = Settings(chunk_bytes=100)
DATA = Random(1).randbytes(1_050)
MESSAGE = InstallSnapshot(1, 2, 3, Snapshot(40, 2, DATA))


class Pair:
    """A sender and a receiver, and the messages between them that a test passes on; made in an event loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self.sent: list[PeerMessage] = []
        self.sender = SnapshotSender(SETTINGS, self._send)
        self.receiver = SnapshotReceiver(2, SETTINGS)
        self.largest = 0

    def _send(self, peer: NodeId, message: PeerMessage) -> bool:
        assert peer == 2
        self.sent.append(message)
        return True

    async def offer(self, message: InstallSnapshot = MESSAGE, now: float = 0.0) -> None:
        """What the core says with each heartbeat; the digest takes a thread a moment."""
        self.sender.offer(2, message, now)
        await self.sender._outgoing[2].digest
        self.sender.offer(2, message, now)

    def deliver(self, now: float = 0.0, most: int = 1_000) -> list[InstallSnapshot]:
        """Pass messages on until there are none; return what the receiver's core gets."""
        received = []
        while self.sent and most:
            most -= 1
            chunk = self.sent.pop(0)
            assert isinstance(chunk, SnapshotChunk)
            assert not self.sent, "one chunk is under way at a time"
            self.largest = max(self.largest, len(chunk.data))
            answer, whole = self.receiver.take(1, chunk, now)
            if whole is not None:
                received.append(whole)
            if answer is not None:
                self.sender.taken(2, answer, now)
        return received


def test_a_snapshot_arrives_as_the_core_sent_it_in_chunks() -> None:
    """None is larger than is set."""

    async def main() -> None:
        pair = Pair()
        await pair.offer()
        assert pair.deliver() == [MESSAGE]
        assert pair.largest == SETTINGS.chunk_bytes

    asyncio.run(main())


def test_what_was_interrupted_goes_on_from_where_it_was() -> None:
    """Also under a later term of the same leader; what is there already isn't sent again."""

    async def main() -> None:
        pair = Pair()
        await pair.offer()
        assert pair.deliver(most=5) == []
        pair.sent.clear()
        await pair.offer(now=0.1)
        assert pair.sent == [], "perhaps it only takes its time"
        pair.sender.lost(2)
        later = replace(MESSAGE, term=4)
        await pair.offer(later, now=0.2)
        (question,) = pair.sent
        assert isinstance(question, SnapshotChunk)
        assert question.data == b""
        offsets = []
        while pair.sent:
            chunk = pair.sent[0]
            assert isinstance(chunk, SnapshotChunk)
            offsets.append(chunk.offset)
            received = pair.deliver(most=1)
        assert received == [later]
        assert min(offsets[1:]) == 400

    asyncio.run(main())


def test_a_lost_message_is_made_up_for_after_a_while() -> None:
    """A chunk or an answer, without a connection that ends."""

    async def main() -> None:
        pair, now, received = Pair(), 0.0, []
        while not received:
            await pair.offer(now=now)
            received = pair.deliver(now, most=3)
            pair.sent.clear()
            now += SETTINGS.snapshot_retry_s
            assert now < 100
        assert received == [MESSAGE]

    asyncio.run(main())


def test_an_answer_that_was_lost_after_the_end_is_given_again() -> None:
    """The core is given the snapshot once more, and acknowledges it."""

    async def main() -> None:
        pair = Pair()
        await pair.offer()
        assert pair.deliver() == [MESSAGE]
        await pair.offer(now=SETTINGS.snapshot_retry_s)
        assert pair.deliver() == [MESSAGE]
        pair.receiver.forget(MESSAGE.snapshot.last_included_index + 1)
        assert pair.receiver._incoming is None

    asyncio.run(main())


def test_a_damaged_snapshot_reaches_no_core() -> None:
    """A digest of the whole is judged at the end; it is asked for again from its beginning."""
    digest = digest_of(MESSAGE.snapshot)
    receiver = SnapshotReceiver(2, SETTINGS)
    wrong = SnapshotChunk(3, 40, 2, len(DATA), digest, 0, bytes(len(DATA)))
    assert receiver.take(1, wrong, 0.0) == (ChunkTaken(digest, 0), None)
    assert receiver.take(1, replace(wrong, data=DATA), 0.0) == (ChunkTaken(digest, len(DATA)), MESSAGE)
    beyond = SnapshotReceiver(2, SETTINGS)
    assert beyond.take(1, replace(wrong, length=10), 0.0) == (ChunkTaken(digest, 0), None), "more than was announced"


def test_a_newer_snapshot_takes_the_place_of_one_that_arrives_and_an_older_does_not() -> None:
    """A leader that was deposed may still send its own."""
    receiver = SnapshotReceiver(2, SETTINGS)
    new = SnapshotChunk(3, 40, 2, 1_000, b"new", 0, bytes(100))
    old = SnapshotChunk(2, 39, 2, 1_000, b"old", 0, bytes(100))
    assert receiver.take(3, old, 0.0)[0] == ChunkTaken(b"old", 100)
    assert receiver.take(1, new, 0.0)[0] == ChunkTaken(b"new", 100)
    assert receiver.take(3, replace(old, offset=100), 0.1) == (None, None)
    assert receiver.leader(0.1) == (1, 3)
    later = 0.1 + SETTINGS.election_timeout_s
    assert receiver.leader(later) is None
    assert receiver.take(3, old, later)[0] == ChunkTaken(b"old", 100), "who sent the newer one is gone"


def test_a_server_that_missed_a_compaction_catches_up_in_chunks_and_serves_meanwhile() -> None:
    """The drivers of three servers: heartbeats go on, nobody stands for election, clients are served."""
    settings = Settings(snapshot_bytes=5_000, chunk_bytes=50)

    async def main() -> None:
        servers = Servers(settings)
        leader = await servers.start()
        away = leader.status().node_id % 3 + 1
        for n, wire in servers.wires.items():
            wire.passes = lambda peer, _, n=n: away not in (peer, n)
        for number in range(100):
            servers.set(leader, b"k%d" % number, b"v" * 200)
            await asyncio.sleep(0.01)
        await asyncio.sleep(5)
        assert leader.status().snapshot_index > 20
        term = servers.term
        for wire in servers.wires.values():
            wire.passes = lambda _, __: True
        behind = servers.by_id[away]
        await asyncio.sleep(30)
        assert behind.status().machine_index == leader.status().machine_index
        chunks = [m for _, m in servers.wires[leader.status().node_id].sent if isinstance(m, SnapshotChunk)]
        assert len(chunks) > 100
        assert servers.term == term
        servers.set(behind, b"k", b"v")
        await asyncio.sleep(1)
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * 101
        assert servers.machines[away].capture()() == servers.machines[leader.status().node_id].capture()()
        await servers.stop()

    quick_loop.run(main)
