"""The contract between a core and its disk, as code: in which order writes become durable, and what may leave when.

A core says in its output what one step asks to have written and what it sends (raft/output.py, bft/output.py). Whoever
runs a core keeps what is asked in a queue, and does three things with it:

- `add`: a step's write goes behind those that wait already. Messages that may leave at once do; the others wait for
  the step's write and every earlier one. A step that writes nothing vouches for earlier writes, so its messages wait
  for the latest of them, if there is one.
- `flush`: the oldest write is durable, and what waited for it leaves. Several in one transaction are flushed together.
- `crash`: of the writes that waited any number of the oldest are on the disk, each whole; their messages never left.

The servers run this in front of SQLite, the explorer with its Flush and Restart events, the trace checker by the lines
of a trace, and tests in front of disks of their own. A queue is a tuple of writes, oldest first: it can be part of a
local state that is hashed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeAlias, TypeVar

P = TypeVar("P")  # what one step asks to have written
M = TypeVar("M")  # messages
D = TypeVar("D")  # what a disk holds


@dataclass(frozen=True, slots=True)
class Write(Generic[P, M]):
    """A write that the disk hasn't got yet, and the messages that wait for it and all before it."""

    persist: P
    messages: tuple[M, ...]


Queue: TypeAlias = tuple[Write[P, M], ...]


def add(
    queue: Queue[P, M], persist: P | None, send_now: tuple[M, ...], send_when_durable: tuple[M, ...]
) -> tuple[Queue[P, M], tuple[M, ...]]:
    """Return the queue with what one step asks for, and the messages that may leave now."""
    if persist is not None:
        return (*queue, Write(persist, send_when_durable)), send_now
    if not queue:
        return queue, send_now + send_when_durable
    if not send_when_durable:
        return queue, send_now
    latest = queue[-1]
    return (*queue[:-1], Write(latest.persist, latest.messages + send_when_durable)), send_now


def flush(queue: Queue[P, M], count: int = 1) -> tuple[Queue[P, M], Queue[P, M]]:
    """Return the `count` oldest writes, which are durable and whose messages may leave, and the queue after them."""
    return queue[:count], queue[count:]


def crash(durable: D, queue: Queue[P, M], after: Callable[[D, P], D]) -> tuple[D, ...]:
    """Return all that a crash may leave of a disk that holds `durable` while `queue` waits, the fewest writes first.

    `after` says what a disk holds once it has written something.
    """
    return tuple(accumulate((write.persist for write in queue), after, initial=durable))
