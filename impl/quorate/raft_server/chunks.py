"""A large snapshot travels in chunks, between the core that sends it and the core that takes it (§7).

The core's InstallSnapshot has the whole of it. What doesn't fit in one message is cut here, and put together again
before the receiver's core sees it: one chunk is under way at a time, so that heartbeats and all else travel between
them, and memory follows what has arrived. The receiver says how much it has. Whatever got lost, a connection among it,
the sender asks, by a chunk of nothing, and goes on from there. A snapshot is known by a digest of all of it, which is
judged at the end; another one that is newer takes its place.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO

from quorate.raft import InstallSnapshot, NodeId, Snapshot, State
from quorate.raft_server.interfaces import Spoken
from quorate.raft_server.messages import ChunkTaken, SnapshotChunk, Transferred
from quorate.raft_server.settings import Settings

log = logging.getLogger("quorate.server")


def digest_of(snapshot: Snapshot) -> bytes:
    """Return what a snapshot is known by."""
    whole = _begin_digest(snapshot)
    whole.update(snapshot.data)
    return whole.digest()


def _begin_digest(place: Snapshot | SnapshotChunk) -> blake2b:
    text = f"{place.last_included_index} {place.last_included_term} {place.configuration} "
    return blake2b(text.encode(), digest_size=16)


@dataclass
class _Outgoing:
    """One peer's snapshot: how much of it the peer has, when it was last sent something, when the core last asked."""

    message: InstallSnapshot
    digest: "asyncio.Future[bytes]"
    has: int = 0
    sent: float | None = None
    under_way: int | None = None  # from where on data was sent, and not answered yet
    wanted: float = 0.0

    def chunk(self, size: int) -> SnapshotChunk:
        """The next so many bytes."""
        snapshot = self.message.snapshot
        place = snapshot.last_included_index, snapshot.last_included_term, len(snapshot.data)
        data = snapshot.data[self.has : self.has + size]
        return SnapshotChunk(self.message.term, *place, self.digest.result(), self.has, data, snapshot.configuration)


class SnapshotSender:
    """Snapshots on their way to followers; `send` hands one message over, and says whether it could."""

    def __init__(self, settings: Settings, send: Callable[[NodeId, Spoken], bool]) -> None:
        """Begin with none."""
        self._settings = settings
        self._send = send
        self._outgoing: dict[NodeId, _Outgoing] = {}

    def offer(self, peer: NodeId, message: InstallSnapshot, now: float) -> None:
        """Take what the core repeats with every heartbeat; send it, or ask how far the peer is, when it is time to."""
        outgoing = self._outgoing.get(peer)
        if outgoing is None or outgoing.message.snapshot is not message.snapshot:
            outgoing = self._outgoing[peer] = _Outgoing(message, self._digest(message.snapshot))
        outgoing.message, outgoing.wanted = message, now
        if outgoing.sent is not None and now - outgoing.sent < self._settings.snapshot_retry_s:
            return
        if len(message.snapshot.data) <= self._settings.chunk_bytes:
            self._send(peer, message)
            outgoing.sent = now
        elif outgoing.digest.done() and self._send(peer, outgoing.chunk(0)):
            outgoing.sent, outgoing.under_way = now, None

    def taken(self, peer: NodeId, answer: ChunkTaken, now: float) -> None:
        """Send what comes after that which the peer says it has."""
        outgoing = self._outgoing.get(peer)
        if outgoing is None or not outgoing.digest.done() or outgoing.digest.result() != answer.digest:
            return
        length = len(outgoing.message.snapshot.data)
        outgoing.has = min(answer.length, length)
        if outgoing.has in (outgoing.under_way, length):
            return
        if self._send(peer, outgoing.chunk(self._settings.chunk_bytes)):
            outgoing.sent, outgoing.under_way = now, outgoing.has

    def lost(self, peer: NodeId) -> None:
        """Ask at once: what was under way on a connection that has ended is lost."""
        if peer in self._outgoing:
            self._outgoing[peer].sent = None

    def forget(self, now: float) -> None:
        """Keep no snapshot for whom the core sends none any more."""
        since = now - self._settings.snapshot_retry_s
        self._outgoing = {peer: outgoing for peer, outgoing in self._outgoing.items() if outgoing.wanted >= since}

    def _digest(self, snapshot: Snapshot) -> "asyncio.Future[bytes]":
        for outgoing in self._outgoing.values():
            if outgoing.message.snapshot is snapshot:
                return outgoing.digest
        return asyncio.get_running_loop().run_in_executor(None, lambda: digest_of(snapshot))


class _Incoming:
    """What has arrived of one snapshot, from whom in which term, and when last; `whole` once it is."""

    def __init__(self, first: SnapshotChunk) -> None:
        self.first = first
        self.whole: Snapshot | None = None
        self.begin()

    def begin(self) -> None:
        """Hold nothing of it."""
        self._data = BytesIO()  # gives its bytes away without a copy of them
        self._digest = _begin_digest(self.first)

    @property
    def length(self) -> int:
        """How many bytes are here."""
        return self._data.tell() if self.whole is None else self.first.length

    def add(self, peer: NodeId, chunk: SnapshotChunk, now: float) -> None:
        """Take what comes next; anything else is here already, or not yet to be."""
        self.source, self.term, self.heard = peer, chunk.term, now
        if self.whole is not None or chunk.offset != self.length or chunk.offset + len(chunk.data) > self.first.length:
            return
        self._data.write(chunk.data)
        self._digest.update(chunk.data)
        if self.length < self.first.length:
            return
        if self._digest.digest() == self.first.digest:
            place = self.first.last_included_index, self.first.last_included_term
            self.whole = Snapshot(*place, self._data.getvalue(), self.first.configuration)
            self._data = BytesIO()
        else:
            log.warning("a snapshot arrived damaged, and is asked for again", extra={"peer": self.source})
            self.begin()


class SnapshotReceiver:
    """The one snapshot that arrives in chunks at node `me`, or arrived last."""

    def __init__(self, me: NodeId, settings: Settings) -> None:
        """Begin with none."""
        self._me = me
        self._patience_s = settings.election_timeout_s
        self._incoming: _Incoming | None = None

    def take(self, peer: NodeId, chunk: SnapshotChunk, now: float) -> tuple[ChunkTaken | None, InstallSnapshot | None]:
        """Return what to answer, and what the core is to receive if the snapshot is whole; older ones get no answer."""
        incoming = self._incoming
        if incoming is None or incoming.first.digest != chunk.digest:
            if incoming is not None and self._arrives(now) and _place(chunk) < _place(incoming.first):
                return None, None
            incoming = self._incoming = _Incoming(chunk)
        incoming.add(peer, chunk, now)
        answer = ChunkTaken(chunk.digest, incoming.length)
        if incoming.whole is None:
            return answer, None
        return answer, InstallSnapshot(peer, self._me, chunk.term, incoming.whole)

    def hear(self, peer: NodeId, now: float, *, is_staged: bool) -> None:
        """Note that who has sent a snapshot is there, if it is being staged."""
        if is_staged and self._incoming is not None and self._incoming.source == peer:
            self._incoming.heard = now

    def leader(self, now: float) -> tuple[NodeId, int] | None:
        """Return who sends a snapshot just now: it leads that term, though the core can't know before it is whole."""
        if self._incoming is None or not self._arrives(now):
            return None
        return self._incoming.source, self._incoming.term

    def forget(self, snapshot_index: int) -> None:
        """Keep nothing that this node has no use for, since it has a later one."""
        if self._incoming is not None and self._incoming.first.last_included_index < snapshot_index:
            self._incoming = None

    def _arrives(self, now: float) -> bool:
        return self._incoming is not None and now - self._incoming.heard < self._patience_s


class Transfers:
    """Snapshots that come and go at node `me`."""

    def __init__(self, me: NodeId, settings: Settings, send: Callable[[NodeId, Spoken], bool]) -> None:
        """Begin with none."""
        self._send = send
        self._sender = SnapshotSender(settings, send)
        self._receiver = SnapshotReceiver(me, settings)
        self.offer, self.lost, self.sender = self._sender.offer, self._sender.lost, self._receiver.leader
        self.hear = self._receiver.hear

    def leader(self, state: State, now: float) -> tuple[NodeId, int] | None:
        """Return who leads which term, as far as can be known: perhaps who sends what the core hasn't seen yet."""
        return self.sender(now) if state.leader_id is None else (state.leader_id, state.current_term)

    def receive(self, peer: NodeId, message: Transferred, now: float) -> InstallSnapshot | None:
        """Answer, and return what the core is to receive, if something is whole."""
        if isinstance(message, ChunkTaken):
            self._sender.taken(peer, message, now)
            return None
        answer, whole = self._receiver.take(peer, message, now)
        if answer is not None:
            self._send(peer, answer)
        return whole

    def forget(self, now: float, snapshot_index: int) -> None:
        """Keep what somebody has a use for."""
        self._sender.forget(now)
        self._receiver.forget(snapshot_index)


def _place(chunk: SnapshotChunk) -> tuple[int, int]:
    return chunk.term, chunk.last_included_index
