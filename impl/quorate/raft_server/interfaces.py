"""What a Raft server needs of the world beside what every server does; simulated ones are in the tests."""

import asyncio
from typing import Protocol, TypeAlias

from quorate.raft.events import Event
from quorate.raft.messages import Message, Snapshot
from quorate.raft.output import Durable, Output, Persist
from quorate.raft.state import State
from quorate.raft_server.messages import DriverMessage
from quorate.runtime import interfaces as runtime

Spoken: TypeAlias = Message | DriverMessage
PeerMessage: TypeAlias = Spoken | runtime.Arriving  # what a transport brings


class RaftStorage(runtime.Storage[Persist], Protocol):
    """A disk that does to a `Durable` what `Durable.after` says."""

    def load(self) -> Durable:
        """Return what is on the disk."""
        ...

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Begin to put the data of `snapshot` where a later write of this very object finds it, and is small then.

        It goes there beside other writes, of which none waits long for it, and `load` knows nothing of it: it is no
        write that anything could rely on, and a crash may leave any part of it, or none. The caller stages one snapshot
        at a time. The future's exception is as that of `write`.
        """
        ...


# Raft's own messages may be repeated, and nothing else.
Transport: TypeAlias = runtime.Transport[Spoken]
Receiver: TypeAlias = runtime.Receiver[Spoken]


class Tracer(Protocol):
    """Where a server writes down what it does, for others to check (see quorate.raft_server.trace).

    It never raises: what can't be written is `lost`, and with it all that comes.
    """

    @property
    def lost(self) -> bool:
        """Whether it has ended before the server."""
        ...

    def prepare(self, snapshot: Snapshot) -> None:
        """Do beforehand what takes long when `snapshot` is noted; called in another thread."""
        ...

    def boot(self, state: State) -> None:
        """Note the state that this run begins with."""
        ...

    def step(self, event: Event, output: Output) -> None:
        """Note one step of the core; steps are counted from 1 in each run."""
        ...

    def durable(self, step: int) -> None:
        """Note that all that the steps up to this one asked to write is on disk."""
        ...

    def flush(self) -> None:
        """Hand all notes to the operating system: called before any message leaves that they tell of."""
        ...
