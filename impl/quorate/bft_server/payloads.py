"""Undecided payloads: a member votes for a digest only if it has the payload."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quorate.bft import NodeId
from quorate.bft_server.batches import decode_batch, digest_of


@dataclass
class Payloads:
    """Payloads by digest, with their peers; at most `most` of each peer, which bounds a traitor's use of memory.

    Payloads that this member gathered itself, or voted for before a restart, are its own.
    """

    own: NodeId
    most: int
    _data: dict[bytes, bytes] = field(default_factory=dict, init=False)
    _from: dict[bytes, NodeId] = field(default_factory=dict, init=False)
    _written: set[bytes] = field(default_factory=set, init=False)

    def get(self, digest: bytes) -> bytes | None:
        """Return the payload, None if it hasn't arrived."""
        return self._data.get(digest)

    def take(self, peer: NodeId, data: bytes) -> bytes | None:
        """Keep a payload; return its digest if it is new, None if it is known, invalid or one too many."""
        digest = digest_of(data)
        if digest in self._data or decode_batch(data) is None:
            return None
        if peer != self.own and sum(source == peer for source in self._from.values()) >= self.most:
            return None
        self._data[digest], self._from[digest] = data, peer
        return digest

    def take_unwritten(self, digests: Iterable[bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """Return the payloads of these digests that weren't returned before, to be written, in the order of digests."""
        payloads = tuple((d, self._data[d]) for d in sorted(digests) if d in self._data and d not in self._written)
        self._written.update(digest for digest, _ in payloads)
        return payloads

    def forget(self, digest: bytes) -> None:
        """Forget a decided payload."""
        self._data.pop(digest, None)
        self._from.pop(digest, None)
        self._written.discard(digest)
