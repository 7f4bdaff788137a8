"""What a server needs of the world; real ones are in storage, transport and kv, simulated ones in the tests."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from quorate.raft.messages import Message, NodeId
from quorate.raft.output import Durable, Persist
from quorate.server.messages import DriverMessage

PeerMessage: TypeAlias = Message | DriverMessage


class DiskFullError(Exception):
    """Nothing of the batch was written for want of room; the same batch may be tried again."""


class Storage(Protocol):
    """A disk that does to a `Durable` what `Durable.after` says."""

    def load(self) -> Durable:
        """Return what is on the disk."""
        ...

    async def write(self, batch: Sequence[Persist]) -> None:
        """Make all of `batch` durable, in order and in one transaction; a crash keeps all of it or none.

        The caller waits for one write before it begins the next. Raises DiskFullError with nothing written.
        """
        ...

    def close(self) -> None:
        """Release the files."""
        ...


Receiver: TypeAlias = Callable[[NodeId, PeerMessage], None]


class Transport(Protocol):
    """A network that may lose, delay and reorder, and that repeats nothing but Raft's own messages, if any."""

    async def start(self, receive: Receiver) -> None:
        """Begin to listen and to connect; every message from a peer goes to `receive`, in the event loop."""
        ...

    def send(self, peer: NodeId, message: PeerMessage) -> bool:
        """Hand over a message without waiting; False says that it was dropped here and has surely not left."""
        ...

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        ...


class StateMachine(Protocol):
    """What the log is for. Replies and states are bytes; equal commands in equal order give equal ones."""

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply; never raises on any bytes."""
        ...

    def query(self, query: bytes) -> bytes:
        """Answer without changing anything; never raises on any bytes."""
        ...

    def capture(self) -> Callable[[], bytes]:
        """Return what serialises the state as it is now, however much later and in whatever thread it is called."""
        ...

    def restore(self, data: bytes) -> None:
        """Take the state that `capture` serialised."""
        ...
