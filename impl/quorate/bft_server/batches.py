"""Batches of requests, whose digests are decided, and the rule that no batch is applied twice.

A traitor can propose an old batch again, whose digest is known and whose commands are genuine. So the latest WINDOW
digests are part of the replicated state, and a batch has the index after which it was made; WINDOW decisions later it
is void. Both are functions of the log, so all members agree on the effect of a decision.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from quorate.runtime.requests import Request

WINDOW: Final = 10_000  # decisions
# The limits fit together: a request has room for the largest value, and a batch for the largest request.
MOST_VALUE_BYTES: Final = 4 << 20
MOST_REQUEST_BYTES: Final = 5 << 20
ENOUGH_BATCH_BYTES: Final = 1 << 20
MOST_BATCH_BYTES: Final = 7 << 20
MOST_REQUESTS: Final = 4_096


class BatchedRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One request: a command to apply, or a query to answer, at its place in the log."""

    write: bool
    payload: bytes


class Batch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Requests that one member gathered after the decision at index `after`; `nonce` makes the batch unique."""

    after: int
    nonce: bytes
    requests: tuple[BatchedRequest, ...]


class Machine(Protocol):
    """The part of a state machine that is needed here (quorate.runtime.interfaces.StateMachine)."""

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply a command and return its reply."""
        ...

    def query(self, query: bytes) -> bytes:
        """Return the reply to a query, which changes nothing."""
        ...


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """Return the payload that members vote for."""
    return _ENCODER.encode(batch)


def decode_batch(data: bytes) -> Batch | None:
    """Return the batch in a payload, None if it is invalid."""
    if len(data) > MOST_BATCH_BYTES:
        return None
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return None


def gather(requests: Sequence[Request]) -> tuple[int, tuple[BatchedRequest, ...]]:
    """Return the number of first requests that go into one batch, and their form in the batch."""
    count = size = 0
    while count < min(len(requests), MOST_REQUESTS) and size < ENOUGH_BATCH_BYTES:
        size += len(requests[count].payload)
        count += 1
    return count, tuple(BatchedRequest(request.write, request.payload) for request in requests[:count])


def digest_of(data: bytes) -> bytes:
    """Return the digest of a payload, for votes."""
    return sha256(data).digest()


class AppliedBatches:
    """The state machine after the decided log, and the digests of the latest batches."""

    def __init__(self, machine: Machine) -> None:
        """Begin before the first decision."""
        self._machine = machine
        self._lately: OrderedDict[bytes, None] = OrderedDict()
        self.index = 0
        self.requests = 0  # applied so far; their numbers are the indexes for the state machine

    def has(self, digest: bytes) -> bool:
        """Whether a batch was decided lately."""
        return digest in self._lately

    def apply(self, data: bytes) -> list[tuple[BatchedRequest, bytes]] | None:
        """Apply the payload decided at the next index; return requests and replies in order, None if it is void."""
        self.index += 1
        digest, batch = digest_of(data), decode_batch(data)
        fresh = batch is not None and digest not in self._lately and batch.after < self.index <= batch.after + WINDOW
        self._lately[digest] = None
        if len(self._lately) > WINDOW:
            self._lately.popitem(last=False)
        if batch is None or not fresh:
            return None
        return [(request, self._do(request)) for request in batch.requests]

    def _do(self, request: BatchedRequest) -> bytes:
        self.requests += 1
        if request.write:
            return self._machine.apply(self.requests, request.payload)
        return self._machine.query(request.payload)
