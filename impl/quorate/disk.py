"""The contract between a core and its disk, as code: the order in which writes become durable and messages leave.

The output of a step has at most one write, and messages (raft/output.py, bft/output.py). The program around a core
keeps a queue of writes, with three operations:

- `add`: the write of a step goes to the end of the queue. Messages that may leave at once do; the others wait for the
  write of the step and all earlier ones. The messages of a step without a write vouch for earlier writes, so they wait
  for the latest of these, if there is one.
- `flush`: the oldest write is durable, and the messages that waited for it leave. Several writes in one transaction are
  flushed together.
- `crash`: any number of the oldest writes in the queue are on the disk, each as a whole; their messages never left.

The servers run this code in front of SQLite, the explorer with its Flush and Restart events, the trace checker by the
lines of a trace, and tests in front of disks of their own. A queue is a tuple of writes, oldest first, so that it can
be part of a local state that is hashed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeAlias, TypeVar

P = TypeVar("P")  # what a write contains
M = TypeVar("M")  # messages
D = TypeVar("D")  # the contents of a disk


@dataclass(frozen=True, slots=True)
class Write(Generic[P, M]):
    """A write that is not durable yet, and the messages that wait for it and all earlier writes."""

    persist: P
    messages: tuple[M, ...]


Queue: TypeAlias = tuple[Write[P, M], ...]


def add(
    queue: Queue[P, M], persist: P | None, send_now: tuple[M, ...], send_when_durable: tuple[M, ...]
) -> tuple[Queue[P, M], tuple[M, ...]]:
    """Return the queue after a step, and the messages that may leave now."""
    if persist is not None:
        return (*queue, Write(persist, send_when_durable)), send_now
    if not queue:
        return queue, send_now + send_when_durable
    if not send_when_durable:
        return queue, send_now
    latest = queue[-1]
    return (*queue[:-1], Write(latest.persist, latest.messages + send_when_durable)), send_now


def flush(queue: Queue[P, M], count: int = 1) -> tuple[Queue[P, M], Queue[P, M]]:
    """Return the `count` oldest writes, now durable, whose messages may leave, and the rest of the queue."""
    return queue[:count], queue[count:]


def crash(durable: D, queue: Queue[P, M], after: Callable[[D, P], D]) -> tuple[D, ...]:
    """Return all contents that the disk may have after a crash, the fewest writes first.

    The disk has `durable`, and `queue` waits; `after` returns the contents of a disk after one more write.
    """
    return tuple(accumulate((write.persist for write in queue), after, initial=durable))
