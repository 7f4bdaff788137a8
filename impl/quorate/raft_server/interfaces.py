"""The interfaces of a Raft server to its disk, network and trace, beyond those of every server."""

import asyncio
from typing import Protocol, TypeAlias

from quorate.raft.events import Event
from quorate.raft.messages import Message, Snapshot
from quorate.raft.output import Durable, Output, Persist
from quorate.raft.state import State
from quorate.raft_server.messages import DriverMessage
from quorate.runtime import interfaces as runtime

Spoken: TypeAlias = Message | DriverMessage
PeerMessage: TypeAlias = Spoken | runtime.Arriving  # from a transport


class RaftStorage(runtime.Storage[Persist], Protocol):
    """A disk whose writes have the effect of `Durable.after`."""

    def load(self) -> Durable:
        """Return the contents of the disk."""
        ...

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Begin to write the data of `snapshot` in advance, so that a later write of this very object is small.

        The data is written in pieces between other writes, of which none waits long. `load` ignores it: nothing may
        rely on it, and a crash may leave any part of it. The caller stages one snapshot at a time. The future's
        exception is as that of `write`.
        """
        ...


# Only Raft's own messages may be repeated.
Transport: TypeAlias = runtime.Transport[Spoken]
Receiver: TypeAlias = runtime.Receiver[Spoken]


class Tracer(Protocol):
    """The trace of a server, for `model-check trace` (see quorate.raft_server.trace).

    Its methods never raise: if a line can't be written, the trace is `lost`, with all later lines.
    """

    @property
    def lost(self) -> bool:
        """Whether the trace has ended before the server."""
        ...

    def prepare(self, snapshot: Snapshot) -> None:
        """Do the slow work for recording `snapshot` in advance; called in another thread."""
        ...

    def boot(self, state: State) -> None:
        """Record the state in which this run begins."""
        ...

    def step(self, event: Event, output: Output) -> None:
        """Record one step of the core; steps are counted from 1 in each run."""
        ...

    def durable(self, step: int) -> None:
        """Record that all writes of the steps up to this one are on disk."""
        ...

    def flush(self) -> None:
        """Write all lines to the operating system; called before any message of these steps leaves."""
        ...
