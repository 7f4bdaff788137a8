"""Applies decided payloads, in order and once, when they have arrived."""

from collections import deque
from collections.abc import Iterable, Iterator

from quorate.bft_server.batches import AppliedBatches, BatchedRequest
from quorate.bft_server.payloads import Payloads
from quorate.bft_server.storage import BftStorage
from quorate.runtime.interfaces import StateMachine


class DecidedLog:
    """The decided log of one member, and its state machine."""

    def __init__(self, machine: StateMachine, storage: BftStorage, payloads: Payloads) -> None:
        """Begin before the first decision."""
        self._applied = AppliedBatches(machine)
        self._storage = storage
        self._payloads = payloads
        self._waiting: deque[bytes] = deque()

    @property
    def index(self) -> int:
        """The number of decisions that have been applied."""
        return self._applied.index

    @property
    def is_stuck(self) -> bool:
        """Whether a decided payload is missing."""
        return bool(self._waiting)

    def replay(self, decided: int) -> None:
        """Apply the payloads on the disk; `decided` is the number of decisions."""
        for data in self._storage.payloads():
            self._applied.apply(data)
        while self.index + len(self._waiting) < decided:
            rest = self._storage.history(self.index + len(self._waiting) + 1, 1_000)
            self._waiting.extend(item.certificate.digest for item in rest)

    def decided(self, digests: Iterable[bytes]) -> None:
        """Record the digests at the next indexes."""
        self._waiting.extend(digests)

    def has(self, digest: bytes) -> bool:
        """Whether a digest was decided lately, applied or not."""
        return self._applied.has(digest) or digest in self._waiting

    def lacks(self, digest: bytes) -> bool:
        """Whether a digest is decided and its payload is missing."""
        return digest in self._waiting and self._payload(digest) is None

    def apply(self) -> Iterator[tuple[bytes, list[tuple[BatchedRequest, bytes]] | None]]:
        """Apply decisions up to the first missing payload; yield digests with requests and replies, None if void."""
        while self._waiting and (data := self._payload(self._waiting[0])) is not None:
            digest = self._waiting.popleft()
            done = self._applied.apply(data)
            self._payloads.forget(digest)
            yield digest, done

    def _payload(self, digest: bytes) -> bytes | None:
        return self._payloads.get(digest) or self._storage.payload(digest)
