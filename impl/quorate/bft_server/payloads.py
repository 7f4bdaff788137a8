"""Payloads that are not decided yet: a digest can only be voted for by who has what it stands for."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quorate.bft import NodeId
from quorate.bft_server.batches import decode_batch, digest_of


@dataclass
class Payloads:
    """By digest, with the peer that brought each; of one peer at most `most`, so that a traitor takes no more memory.

    What this member gathered itself, and what it voted for before it started again, is its own.
    """

    own: NodeId
    most: int
    _data: dict[bytes, bytes] = field(default_factory=dict, init=False)
    _from: dict[bytes, NodeId] = field(default_factory=dict, init=False)
    _written: set[bytes] = field(default_factory=set, init=False)

    def get(self, digest: bytes) -> bytes | None:
        """Return the payload, None if it isn't here."""
        return self._data.get(digest)

    def take(self, peer: NodeId, data: bytes) -> bytes | None:
        """Keep a payload; return its digest if it is new, None if it isn't, is none, or there are too many."""
        digest = digest_of(data)
        if digest in self._data or decode_batch(data) is None:
            return None
        if peer != self.own and sum(source == peer for source in self._from.values()) >= self.most:
            return None
        self._data[digest], self._from[digest] = data, peer
        return digest

    def take_unwritten(self, digests: Iterable[bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """Return what of these is here and wasn't returned before, as it is written to the disk, in order."""
        found = tuple((d, self._data[d]) for d in sorted(digests) if d in self._data and d not in self._written)
        self._written.update(digest for digest, _ in found)
        return found

    def forget(self, digest: bytes) -> None:
        """Let go of what is decided."""
        self._data.pop(digest, None)
        self._from.pop(digest, None)
        self._written.discard(digest)
