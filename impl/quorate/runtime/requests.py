"""Every request gets exactly one outcome, in bounded time, and none is called failed that may yet take effect."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from quorate.runtime.outcomes import NotDone, Outcome, Unknown

BYTES_AT_ONCE: Final = 1 << 20


class RequestPhase(Enum):
    """How far a request has come, which decides what can be said if nothing more is heard of it."""

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
        """Tell the client, unless it has been told."""
        if not self.finished:
            self.finished = True
            self.done(outcome)

    def give_up(self, why: str) -> None:
        """Tell the client as much as is certain."""
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
        """Note that the request has surely not taken effect, and may be tried once more."""
        self.phase, self.why = RequestPhase.WAITING, why


def first_of(requests: Sequence[Request]) -> tuple[list[Request], list[Request]]:
    """Return those for which one turn of the event loop has time, at least one, and the rest."""
    size = 0
    for number, request in enumerate(requests):
        if size >= BYTES_AT_ONCE:
            return [*requests[:number]], [*requests[number:]]
        size += len(request.payload)
    return [*requests], []


class Deadlines:
    """Requests in the order of their deadlines, which is that of their arrival: all may take equally long."""

    def __init__(self) -> None:
        """Begin empty."""
        self._queue: deque[Request] = deque()

    def __len__(self) -> int:
        """As many as there were unfinished requests when `expire` was last called, and those that came since."""
        return len(self._queue)

    def add(self, request: Request) -> None:
        """Watch a request; its deadline is not before any other's."""
        self._queue.append(request)

    def expire(self, now: float) -> None:
        """Give up what is overdue, and forget what is finished."""
        while self._queue and (self._queue[0].finished or self._queue[0].deadline <= now):
            self._queue.popleft().give_up("timed out")
        self._queue = deque(request for request in self._queue if not request.finished)

    def close(self) -> None:
        """Give up everything."""
        while self._queue:
            self._queue.popleft().give_up("the server is stopping")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A request in the log, and the term in which it was put there."""

    term: int
    request: Request


class Proposals:
    """Requests that this server put into its log as a leader, by index.

    An index and a term belong to one proposal only. So what is committed there is either this request, or proof that
    it never will be.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._by_index: dict[int, Proposed] = {}

    def add(self, first_index: int, term: int, requests: Iterable[Request]) -> None:
        """Note that the entries from `first_index` on, of `term`, are these requests.

        What was noted at these indices before was of an earlier term and has been overwritten here; whether it is
        committed elsewhere is unknown.
        """
        for index, request in enumerate(requests, start=first_index):
            request.phase = RequestPhase.PROPOSED
            before = self._by_index.get(index)
            if before is not None:
                before.request.give_up("the leader changed")
            self._by_index[index] = Proposed(term, request)

    def take(self, index: int) -> Proposed | None:
        """Return what was proposed at `index`, now that it is known what is committed there."""
        return self._by_index.pop(index, None)

    def installed(self, index: int) -> None:
        """Give up all up to `index`: a snapshot took their place, and doesn't say which of them are in it."""
        for covered in [i for i in self._by_index if i <= index]:
            self._by_index.pop(covered).request.give_up("a snapshot was installed")

    def forget_finished(self) -> None:
        """Drop those whose clients have been told already."""
        self._by_index = {i: proposed for i, proposed in self._by_index.items() if not proposed.request.finished}
