"""Applies committed entries to the state machine, in order and once, and answers their requests."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quorate.raft import Entry, NodeId, Output, Snapshot, State
from quorate.raft_server.agreement import Agreement
from quorate.raft_server.messages import StateDigest
from quorate.raft_server.snapshots import Snapshots
from quorate.runtime.interfaces import DamagedStateError, StateMachine, UnknownCommandError
from quorate.runtime.outcomes import Done
from quorate.runtime.requests import Proposals, Request

log = logging.getLogger("quorate.server")

# The limits of one turn, so that a long log, or large entries, don't keep a server from answering its leader.
APPLIED_AT_ONCE = 2_000
APPLIED_BYTES_AT_ONCE = 1 << 20


@dataclass
class Applier:
    """Committed entries on their way into `machine`, which has applied up to `index`.

    `overtaken` is called with each request whose place in the log another entry has taken, so that it never takes
    effect. `failed` is called once, when this program can't read an entry, or its state differs from that of the
    others, and it must stop. A snapshot is read in a thread, and later entries wait for that.
    """

    machine: StateMachine
    proposals: Proposals
    snapshots: Snapshots
    agreement: Agreement
    overtaken: Callable[[Request], None]
    failed: Callable[[Exception], None]
    index: int = 0
    has_failed: bool = False
    _waiting: deque[tuple[int, Entry]] = field(default_factory=deque, init=False)
    _reading: "asyncio.Future[Callable[[], None]] | None" = field(default=None, init=False)

    def start(self, snapshot: Snapshot | None) -> None:
        """Begin with the snapshot on the disk, if any."""
        if snapshot is not None:
            self.index = snapshot.last_included_index
            self.machine.read(snapshot.data)()
            self._compare()

    def take(self, output: Output) -> None:
        """Queue the entries that a step has committed, or the snapshot that it has installed."""
        if self.has_failed:
            return
        if output.install is not None:
            log.info("installing a snapshot", extra={"index": output.install.last_included_index})
            self._waiting.clear()
            self._begin_reading(output.install)
            self.snapshots.installed()
            self.proposals.installed(output.install.last_included_index)
        self._waiting.extend(enumerate(output.apply, start=output.first_apply_index))

    def _begin_reading(self, snapshot: Snapshot) -> None:
        reading = asyncio.get_running_loop().run_in_executor(None, lambda: self.machine.read(snapshot.data))
        self._reading = reading

        def done(reading: "asyncio.Future[Callable[[], None]]") -> None:
            if reading is not self._reading:
                return
            self._reading = None
            try:
                reading.result()()
            except ValueError as error:
                self._fail(UnknownCommandError(f"a snapshot that this version of Quorate can't read: {error}"))
                return
            self.index = snapshot.last_included_index
            self._compare()

        reading.add_done_callback(done)

    @property
    def is_behind(self) -> bool:
        """Whether there are entries that can be applied now."""
        return bool(self._waiting) and self._reading is None

    def apply(self) -> float | None:
        """Apply the entries of one turn of the event loop; return the arrival time of their oldest request, if any."""
        oldest, size = None, 0
        if self._reading is not None:
            return None
        for _ in range(min(len(self._waiting), APPLIED_AT_ONCE)):
            if size >= APPLIED_BYTES_AT_ONCE:
                break
            index, entry = self._waiting.popleft()
            size += len(entry.command or b"")
            try:
                reply = b"" if entry.command is None else self.machine.apply(index, entry.command)
            except UnknownCommandError as error:
                self._fail(error)
                break
            self.index = index
            self.snapshots.applied(entry)
            if index % self.agreement.interval == 0:
                self._compare()
                if self.has_failed:
                    break
            if (proposed := self.proposals.take(self.index)) is None:
                continue
            if proposed.term == entry.term:
                oldest = proposed.request.arrived if oldest is None else oldest
                proposed.request.finish(Done(proposed.reply or reply))
            elif not proposed.request.finished:
                self.overtaken(proposed.request)
        return oldest

    def _compare(self) -> None:
        if self.index % self.agreement.interval == 0:
            self._fail_because(self.agreement.reached(self.index, self.machine.digest()))

    def heard(self, peer: NodeId, message: StateDigest) -> None:
        """Compare this member's state with a peer's digest."""
        self._fail_because(self.agreement.heard(peer, message))

    def snapshot(self, state: State) -> Snapshot | None:
        """Return a snapshot that should replace its part of the log now, None if there is none."""
        try:
            snapshot = self.snapshots.poll(state, self.index)
        except DamagedStateError as error:
            self.snapshots.cancel()
            self._fail(error)
            return None
        if snapshot is not None:
            log.info("compacting the log", extra={"index": snapshot.last_included_index, "bytes": len(snapshot.data)})
        return snapshot

    def _fail_because(self, error: Exception | None) -> None:
        if error is not None:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.has_failed:
            return
        self.has_failed = True
        self._waiting.clear()
        # The current step must end before the server stops.
        asyncio.get_running_loop().call_soon(self.failed, error)

    def answer(self, reads: Iterable[Request]) -> list[Request]:
        """Answer the reads that can be answered now; return those that must go through the log for a later time."""
        late = []
        for read in reads:
            if read.finished:
                continue
            if self.machine.is_late(read.payload):
                late.append(read)
            else:
                read.finish(Done(self.machine.query(read.payload)))
        return late

    def passing(self, last_index: int) -> bytes | None:
        """Return a log entry that lets time pass, if a key has expired and no entry is under way, else None."""
        return self.machine.passing() if self.index == last_index and self.machine.has_expired else None
