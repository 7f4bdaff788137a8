"""The interfaces of a server to the network, the disk and the state machine; protocols add their own."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

NodeId: TypeAlias = int
M = TypeVar("M")  # the messages of one protocol
P_contra = TypeVar("P_contra", contravariant=True)  # the write of one step


@dataclass(frozen=True, slots=True)
class Arriving:
    """A transport's notice that a part of a large message has arrived from a peer."""


Receiver: TypeAlias = Callable[[NodeId, M | Arriving], None]
Loss: TypeAlias = Callable[[NodeId], None]


class Transport(Protocol[M]):
    """A network that may lose, delay and reorder messages; each protocol says whether it may repeat them."""

    async def start(self, receive: Receiver[M], lost: Loss) -> None:
        """Listen and connect; every message from a peer goes to `receive`, in the event loop.

        `lost` is called when a connection to or from a peer has ended, and the messages on it are lost.
        """
        ...

    def send(self, peer: NodeId, message: M) -> bool:
        """Queue a message without waiting; return False if it was dropped here and has surely not left."""
        ...

    def flush(self) -> None:
        """Send all queued messages now, not only in the next turn of the event loop."""
        ...

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers that `send` has a connection to."""
        ...

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        ...


class DiskFullError(Exception):
    """The disk was full and nothing of the batch was written; the same batch may be tried again."""


class Storage(Protocol[P_contra]):
    """The disk as all servers write to it; each protocol defines how it is read."""

    def write(self, batch: Sequence[P_contra], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        With `may_block` a quick write may be done before this returns. The future is done when the batch is on disk.
        The caller waits for one write before it begins the next. The future's exception is DiskFullError if nothing was
        written and it may be tried again; after any other exception the contents of the disk are unknown, and the
        server must stop.
        """
        ...

    def close(self) -> None:
        """Release the files."""
        ...


DIGEST_BYTES: Final = 16  # of the digest of a state


class UnknownCommandError(Exception):
    """This program can't read a committed command: without it the state would differ from that of other members."""


class DamagedStateError(Exception):
    """The state in memory differs from what was applied, or from that of a majority; the text is one line."""


class StateMachine(Protocol):
    """A deterministic state machine: equal commands in equal order give equal replies and states, which are bytes.

    A leader puts values that only it may choose, such as the time, into the log beside each command (`stamped`).
    """

    def stamped(self, command: bytes) -> bytes:
        """Return the log entry of a command or query."""
        ...

    def is_late(self, query: bytes) -> bool:
        """Whether `query` needs a later time than the log has reached, and so must go through the log."""
        ...

    @property
    def has_expired(self) -> bool:
        """Whether a key has expired that only waits for time to pass in the log."""
        ...

    def passing(self) -> bytes:
        """Return a log entry that only lets time pass."""
        ...

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply.

        Raises UnknownCommandError, and nothing else, on bytes that are no command here.
        """
        ...

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whether `request` is a valid command (`write`) or query, so that `apply` accepts it once it is `stamped`."""
        ...

    def query(self, query: bytes) -> bytes:
        """Return the reply to a query, which changes nothing; never raises on any bytes."""
        ...

    def capture(self) -> Callable[[], bytes]:
        """Return a function that serialises the state as it is now; it may be called later, and in any thread.

        The function raises DamagedStateError if the state isn't what was applied.
        """
        ...

    def read(self, data: bytes) -> Callable[[], None]:
        """Return a function that installs the state that `capture` serialised; raises ValueError on any other bytes.

        This call changes nothing, and may be made in any thread.
        """
        ...

    def digest(self) -> bytes:
        """Return DIGEST_BYTES bytes that are equal for equal states, and practically only for equal states."""
        ...


class Metrics(Protocol):
    """The metrics of a server."""

    def committed(self, seconds: float, entries: int) -> None:
        """Record that `entries` entries were applied, the oldest `seconds` after it was proposed."""
        ...

    def dropped(self, peer: NodeId) -> None:
        """Count a message that was dropped because the transport had no room or no connection."""
        ...
