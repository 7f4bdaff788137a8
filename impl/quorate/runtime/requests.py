"""Requests: each gets exactly one outcome in bounded time, and none is called failed that may still take effect."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from quorate.runtime.outcomes import NotDone, Outcome, Unknown

BYTES_AT_ONCE: Final = 1 << 20


class RequestPhase(Enum):
    """The phase of a request, which decides its outcome if there is no answer."""

    WAITING = "waiting for a leader"
    PROPOSED = "proposed to the log"
    READING = "waiting for the leader to be confirmed"
    FORWARDED = "passed on to the leader"


@dataclass(slots=True, eq=False)
class Request:
    """One client's request at this server; `done` is called once. Times are the event loop's."""

    write: bool
    payload: bytes
    done: Callable[[Outcome], None]
    arrived: float
    deadline: float
    phase: RequestPhase = RequestPhase.WAITING
    why: str = "no leader is known"
    finished: bool = False

    def finish(self, outcome: Outcome) -> None:
        """Give the client this outcome, unless it has one."""
        if not self.finished:
            self.finished = True
            self.done(outcome)

    def give_up(self, why: str) -> None:
        """Give the client the outcome that is certain in this phase."""
        match self.phase:
            case RequestPhase.WAITING:
                self.finish(NotDone(f"{why}: {self.why}"))
            case RequestPhase.READING:
                self.finish(NotDone(f"{why}: no majority confirmed the leader"))
            case RequestPhase.PROPOSED:
                self.finish(Unknown(f"{why}: it was not seen to be committed"))
            case RequestPhase.FORWARDED:
                reason = f"{why}: the leader has not answered"
                self.finish(Unknown(reason) if self.write else NotDone(reason))
            case _:
                assert_never(self.phase)

    def wait_again(self, why: str) -> None:
        """Return to waiting, since the request has surely not taken effect and may be tried again."""
        self.phase, self.why = RequestPhase.WAITING, why


def first_of(requests: Sequence[Request]) -> tuple[list[Request], list[Request]]:
    """Return the first requests, at least one, up to BYTES_AT_ONCE, and the rest."""
    size = 0
    for number, request in enumerate(requests):
        if size >= BYTES_AT_ONCE:
            return [*requests[:number]], [*requests[number:]]
        size += len(request.payload)
    return [*requests], []


class Deadlines:
    """Requests in the order of their deadlines, which is that of their arrival."""

    def __init__(self) -> None:
        """Begin empty."""
        self._queue: deque[Request] = deque()

    def __len__(self) -> int:
        """The number of requests that were unfinished at the last `expire` or were added since."""
        return len(self._queue)

    def add(self, request: Request) -> None:
        """Add a request, whose deadline must not be before any other."""
        self._queue.append(request)

    def expire(self, now: float) -> None:
        """Give up overdue requests, and forget finished ones."""
        while self._queue and (self._queue[0].finished or self._queue[0].deadline <= now):
            self._queue.popleft().give_up("timed out")
        self._queue = deque(request for request in self._queue if not request.finished)

    def close(self) -> None:
        """Give up all requests."""
        while self._queue:
            self._queue.popleft().give_up("the server is stopping")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A request in the log, the term in which it was put there, and the reply if its entry has none of its own."""

    term: int
    request: Request
    reply: bytes = b""


class Proposals:
    """Requests that this server proposed as leader, by index.

    An index and a term identify one proposal. So a committed entry at the index either is this request, or proves that
    the request will never be committed.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._by_index: dict[int, Proposed] = {}

    def add(self, first_index: int, term: int, requests: Iterable[Request], reply: bytes = b"") -> None:
        """Record that the entries from `first_index` on, of `term`, are these requests.

        Earlier requests at these indexes are of earlier terms and have been overwritten here; whether they are
        committed elsewhere is unknown.
        """
        for index, request in enumerate(requests, start=first_index):
            request.phase = RequestPhase.PROPOSED
            before = self._by_index.get(index)
            if before is not None:
                before.request.give_up("the leader changed")
            self._by_index[index] = Proposed(term, request, reply)

    def take(self, index: int) -> Proposed | None:
        """Remove and return the proposal at `index`, whose committed entry is known now."""
        return self._by_index.pop(index, None)

    def installed(self, index: int) -> None:
        """Give up all requests up to `index`: a snapshot replaced them, and doesn't show which of them are in it."""
        for covered in [i for i in self._by_index if i <= index]:
            self._by_index.pop(covered).request.give_up("a snapshot was installed")

    def forget_finished(self) -> None:
        """Forget requests that have an outcome already."""
        self._by_index = {i: proposed for i, proposed in self._by_index.items() if not proposed.request.finished}
