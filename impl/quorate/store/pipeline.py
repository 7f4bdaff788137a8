"""The requests of one client take effect and are answered in the order in which they were sent.

Requests that the front can answer by itself are answered in their turn. The others go to the cluster in runs:
consecutive writes become one command of the log, consecutive reads one query, and a run is sent when the one before it
has been answered. So the order of a client that doesn't wait for replies is kept, also when the leader changes, and
each run carries all requests that arrived meanwhile.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.store import operations, replies
from quorate.store.operations import Batch, QueryBatch
from quorate.store.replies import Failure
from quorate.store.resp import encode

MOST_IN_A_RUN: Final = 100
ENOUGH_RUN_BYTES: Final = 256 * 1024

Submit: TypeAlias = Callable[[bool, bytes, Callable[[Outcome], None]], None]


def _encode(reply: bytes, protocol: int) -> bytes:
    if reply == replies.OK:
        return b"+OK\r\n"
    if (value := replies.long_value(reply)) is not None:
        return b"".join((b"$%d\r\n" % len(value), value, b"\r\n"))
    return encode(replies.decode(reply), protocol)


@dataclass(slots=True, eq=False)
class Ready:
    """A reply that waits for its turn."""

    reply: bytes

    @property
    def size(self) -> int:
        """The bytes of the reply."""
        return len(self.reply)


@dataclass(slots=True, eq=False)
class ClusterRequest:
    """An encoded request to the cluster; the reply to the client is in this version of the Redis protocol.

    A request that is `alone` can't be part of a batch. `prepare` encodes a request that depends on the replies before
    it, when its turn has come. `render` makes the reply to the client from that of the cluster, and raises ValueError
    if the latter is invalid. With `submit` this node answers instead of the cluster; such a request is alone.
    """

    write: bool
    payload: bytes
    protocol: int
    alone: bool = False
    prepare: Callable[[], bytes] | None = None
    render: Callable[[bytes, int], bytes] = _encode
    submit: Submit | None = None

    @property
    def size(self) -> int:
        """The bytes of the request."""
        return len(self.payload)


class Pipeline:
    """The unanswered requests of one client, and the run that is under way."""

    def __init__(self, submit: Submit, answered: Callable[[], None]) -> None:
        """`submit` sends a request to the cluster; `answered` is called when `advance` may return new replies."""
        self._submit = submit
        self._answered = answered
        self._queue: deque[Ready | ClusterRequest] = deque()
        self._run: list[ClusterRequest] = []
        # The number of requests without a reply, and their bytes.
        self.count = 0
        self.size = 0

    def add(self, item: Ready | ClusterRequest) -> None:
        """Queue a request behind all others."""
        self._queue.append(item)
        self.count += 1
        self.size += item.size

    def advance(self) -> bytes:
        """Return the replies whose turn has come, and submit the next run if none is under way."""
        due: list[bytes] = []
        while self._queue and not self._run:
            item = self._queue[0]
            if isinstance(item, ClusterRequest):
                self._begin_run(item)
            else:
                self._queue.popleft()
                self.count -= 1
                self.size -= len(item.reply)
                due.append(item.reply)
        return b"".join(due)

    def _begin_run(self, first: ClusterRequest) -> None:
        run, size = self._run, 0
        while self._queue and len(run) < MOST_IN_A_RUN and size < ENOUGH_RUN_BYTES:
            item = self._queue[0]
            if not isinstance(item, ClusterRequest) or item.write != first.write or (item.alone and run):
                break
            self._queue.popleft()
            if item.prepare is not None:
                before, item.payload = item.payload, item.prepare()
                self.size += len(item.payload) - len(before)
            run.append(item)
            size += len(item.payload)
            if item.alone:
                break
        if len(run) == 1:
            payload = first.payload
        else:
            kind = Batch if first.write else QueryBatch
            payload = operations.encode_batch(kind, (item.payload for item in run))
        (first.submit or self._submit)(first.write, payload, self._done)

    def _done(self, outcome: Outcome) -> None:
        run, self._run = self._run, []
        answers = _answers(run, outcome)
        # Requests that had no room in the reply were not executed; they are sent again.
        self._queue.extendleft(reversed(run[len(answers) :]))
        self._queue.extendleft(reversed(answers))
        for item, ready in zip(run, answers, strict=False):
            self.size += len(ready.reply) - len(item.payload)
        self._answered()


def _answers(run: list[ClusterRequest], outcome: Outcome) -> list[Ready]:
    """Return the replies to the first requests of a run, at least one."""
    match outcome:
        case Done(reply):
            try:
                each = (reply,) if len(run) == 1 else replies.decode_batch(reply)
                return [Ready(item.render(data, item.protocol)) for item, data in zip(run, each, strict=False)]
            except ValueError:
                return _answers(run, Unknown("the reply is not understood (do all servers run the same version?)"))
        case NotDone(why):
            return [Ready(encode(_not_done(why, write=item.write), item.protocol)) for item in run]
        case Unknown(why):
            return [Ready(encode(_unknown(why, write=item.write), item.protocol)) for item in run]
        case _:
            assert_never(outcome)


def _not_done(why: str, *, write: bool) -> Failure:
    return Failure(f"CLUSTERDOWN {why}; {'nothing was written, ' if write else ''}try again")


def _unknown(why: str, *, write: bool) -> Failure:
    if not write:  # nothing can have changed
        return _not_done(why, write=False)
    return Failure(f"UNKNOWN {why}: the write may or may not have happened")
