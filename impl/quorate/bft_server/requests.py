"""Requests of this member's clients, which wait, or are in this member's batch, until they are decided or overdue."""

from collections.abc import Callable
from dataclasses import dataclass

from quorate.bft_server.batches import Batch, BatchedRequest, digest_of, encode_batch, gather
from quorate.runtime.outcomes import Done
from quorate.runtime.requests import Deadlines, Request, RequestPhase


@dataclass(frozen=True, slots=True)
class Own:
    """The batch of this member that isn't decided yet."""

    digest: bytes
    data: bytes
    requests: list[Request]


class Requests:
    """One batch is under way at a time; requests that arrive meanwhile form the next.

    A BFT client sends its write to all members, in a session. `is_repeatable` recognises such commands: the first copy
    that is applied answers all.
    """

    def __init__(self, is_repeatable: Callable[[bytes], bool]) -> None:
        """Begin without requests."""
        self._is_repeatable = is_repeatable
        self._deadlines = Deadlines()
        self._waiting: list[Request] = []
        self._repeatable: dict[bytes, list[Request]] = {}
        self._own: Own | None = None

    def __len__(self) -> int:
        """About the number of requests without an outcome (see Deadlines)."""
        return len(self._deadlines)

    @property
    def undecided(self) -> bytes | None:
        """The payload of the batch under way, None if there is none."""
        return None if self._own is None else self._own.data

    def add(self, request: Request) -> None:
        """Add a request."""
        self._deadlines.add(request)
        self._waiting.append(request)
        if request.write and self._is_repeatable(request.payload):
            self._repeatable.setdefault(request.payload, []).append(request)

    def gather(self, after: int, nonce: bytes) -> bytes | None:
        """Make a batch of waiting requests; return its payload, None if one is under way or nothing waits."""
        waiting = [request for request in self._waiting if not request.finished]
        if self._own is not None or not waiting:
            return None
        count, batched = gather(waiting)
        requests, self._waiting = waiting[:count], waiting[count:]
        for request in requests:
            request.phase = RequestPhase.PROPOSED if request.write else RequestPhase.READING
        data = encode_batch(Batch(after, nonce, batched))
        self._own = Own(digest_of(data), data, requests)
        return data

    def applied(self, digest: bytes, done: list[tuple[BatchedRequest, bytes]] | None) -> list[Request]:
        """Answer the requests of a decision (`done` is None if it was void); return those of this member's batch."""
        for batched, reply in done or ():
            for request in self._repeatable.pop(batched.payload, ()):
                request.finish(Done(reply))
        if self._own is None or digest != self._own.digest:
            return []
        requests, self._own = self._own.requests, None
        if done is None:  # void because of its age: nothing of it took effect, and nothing will
            for request in requests:
                request.wait_again("it took too long to be decided")
            self._waiting = requests + self._waiting
            return []
        for request, (_, reply) in zip(requests, done, strict=True):
            request.finish(Done(reply))
        return requests

    def expire(self, now: float) -> None:
        """Give up overdue requests, and forget finished ones."""
        self._deadlines.expire(now)
        self._waiting = [request for request in self._waiting if not request.finished]
        unfinished = {payload: [r for r in each if not r.finished] for payload, each in self._repeatable.items()}
        self._repeatable = {payload: each for payload, each in unfinished.items() if each}

    def close(self) -> None:
        """Give up all requests."""
        self._deadlines.close()
