"""What a server needs of the world whatever its protocol; what its protocol adds stands beside its driver."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

NodeId: TypeAlias = int
M = TypeVar("M")  # the messages of one protocol
P_contra = TypeVar("P_contra", contravariant=True)  # what one step asks to be written


@dataclass(frozen=True, slots=True)
class Arriving:
    """A part of a large message has come from a peer: said by a transport, and never sent."""


Receiver: TypeAlias = Callable[[NodeId, M | Arriving], None]
Loss: TypeAlias = Callable[[NodeId], None]


class Transport(Protocol[M]):
    """A network that may lose, delay and reorder; what it may repeat is for a protocol to say."""

    async def start(self, receive: Receiver[M], lost: Loss) -> None:
        """Begin to listen and to connect; every message from a peer goes to `receive`, in the event loop.

        `lost` is called when a connection to or from a peer has ended, and with it what was on its way there.
        """
        ...

    def send(self, peer: NodeId, message: M) -> bool:
        """Hand over a message without waiting; False says that it was dropped here and has surely not left."""
        ...

    def flush(self) -> None:
        """Let all that was handed over leave now, not only when the event loop comes to it."""
        ...

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers that `send` has a connection to."""
        ...

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        ...


class DiskFullError(Exception):
    """Nothing of the batch was written for want of room; the same batch may be tried again."""


class Storage(Protocol[P_contra]):
    """A disk, as far as every server writes to it alike; how it is read is a protocol's."""

    def write(self, batch: Sequence[P_contra], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin at once to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        `may_block` allows it to be done before this returns, if that is quick: for whoever has nothing else to do.
        The future is done when the disk holds it. The caller waits for one write before it begins the next. The
        future's exception is DiskFullError if nothing was written and it may be tried again; after any other
        nobody knows what the disk holds, and the server must stop.
        """
        ...

    def close(self) -> None:
        """Release the files."""
        ...


DIGEST_BYTES: Final = 16  # of a state


class UnknownCommandError(Exception):
    """A committed command that this program can't read: to go on without it would be another state than the others'."""


class DamagedStateError(Exception):
    """What a state machine has in memory isn't what it has applied, or what a majority has; one line."""


class StateMachine(Protocol):
    """What the log is for. Replies and states are bytes; equal commands in equal order give equal ones.

    What only a leader may decide, as the time, it puts into the log beside a command (`stamped`).
    """

    def stamped(self, command: bytes) -> bytes:
        """Return `command`, or a query, as it is put into the log now."""
        ...

    def is_late(self, query: bytes) -> bool:
        """Whether `query` can't be answered before the log says what time it is; put it into the log, then."""
        ...

    @property
    def has_expired(self) -> bool:
        """Whether something should be done that only waits for the log to say what time it is."""
        ...

    def passing(self) -> bytes:
        """Return a command that does nothing but say what time it is."""
        ...

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply.

        Raises UnknownCommandError, and nothing else, on bytes that are no command here.
        """
        ...

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whether `request` is a command (`write`) or a query that `apply` doesn't raise at when it is `stamped`."""
        ...

    def query(self, query: bytes) -> bytes:
        """Answer without changing anything; never raises on any bytes."""
        ...

    def capture(self) -> Callable[[], bytes]:
        """Return what serialises the state as it is now, however much later and in whatever thread it is called.

        What it returns raises DamagedStateError if the state isn't what was applied.
        """
        ...

    def read(self, data: bytes) -> Callable[[], None]:
        """Return what takes the state that `capture` serialised; this changes nothing, and runs in any thread.

        Raises ValueError on any other bytes.
        """
        ...

    def digest(self) -> bytes:
        """Return DIGEST_BYTES bytes that are equal on two members if, and practically only if, their states are."""
        ...


class Metrics(Protocol):
    """Where a server counts."""

    def committed(self, seconds: float, entries: int) -> None:
        """Note that so many entries were committed and applied, the oldest so long after it was proposed."""
        ...

    def dropped(self, peer: NodeId) -> None:
        """Note that the transport had no room or no connection for a message."""
        ...
