"""One member of the cluster: the meaning of each line of its trace, after the core was replayed up to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.raft import (
    Event,
    Message,
    Persisted,
    PreVote,
    PreVoteReply,
    Receive,
    SnapshotTaken,
    State,
    StepDown,
    restart,
)
from quorate.raft_server.trace_lines import BootLine, CheckpointLine, DurableLine, PartLine, StepLine
from quorate_check.raft.conformance.explain import Cause
from quorate_check.raft.traces.checkpoint import resumed
from quorate_check.raft.traces.findings import BrokenError, TraceRule
from quorate_check.raft.traces.reading import Located, Place, TraceFile
from quorate_check.raft.traces.server import Crash, Disk, Sent, TracedServer, Waiting, Written, durable_of, replay
from quorate_check.raft.traces.window import Taken

CAUSES: dict[type[Event], Cause] = {
    Receive: Cause.MESSAGE,
    SnapshotTaken: Cause.SNAPSHOT,
    StepDown: Cause.STEP_DOWN,
}


@dataclass(frozen=True, slots=True)
class Happened:
    """The events that a line records.

    `began` is the state that the server had when its trace begins, or with which a storage in the place of a lost one
    does (`replaced`); `crash` is what precedes a restart, `taken` the step that follows from `event` or the restart.
    `released` are the messages that may leave from here on, each with the place where it was sent; `written` is what
    has become durable.
    """

    place: Place
    began: State | None = None
    replaced: bool = False
    crash: Crash | None = None
    event: Event | None = None
    taken: Taken | None = None
    released: tuple[Sent, ...] = ()
    written: tuple[Written, ...] = ()


@dataclass
class TracedMember:
    """A member as far as its lines have been taken; `following` is the next one, None after the last."""

    file: TraceFile
    following: Located | None = field(init=False)
    server: TracedServer = field(init=False)
    disk: Disk = field(init=False)
    boots: int = field(default=0, init=False)
    began_term: int | None = field(default=None, init=False)
    _lines: Iterator[Located] = field(init=False)
    _steps: int = field(default=0, init=False)
    _storage: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._lines = self.file.lines()
        self.following = next(self._lines, None)

    @property
    def awaited(self) -> Message | None:
        """The message that the next line receives, if it receives one."""
        event = None if self.following is None else self.following.event
        return event.message if isinstance(event, Receive) else None

    def may_have_sent_before(self, message: Message) -> bool:
        """Whether `message` can have left this server in a part of its trace that is gone.

        Not if its term is later than where the parts that are there begin. A pre-vote is for the term after that, and
        its reply for any.
        """
        if self.file.first_part == 0 or message.source != self.file.node:
            return False
        if self.began_term is None or isinstance(message, PreVoteReply):
            return True
        return message.term <= self.began_term + isinstance(message, PreVote)

    @property
    def queue(self) -> Waiting:
        """The messages that wait for the disk."""
        return self.disk.queue if self.boots else ()

    def advance(self) -> Happened:
        """Take the next line; BrokenError if it contradicts those before it, or the core."""
        located = self.following
        assert located is not None, "the trace has ended"
        self.following = next(self._lines, None)
        assert not isinstance(located.line, PartLine), "who reads joins the parts"
        match located.line:
            case BootLine():
                return self._start(located.line, located.place)
            case CheckpointLine():
                return self._resume(located.line, located.place)
            case StepLine():
                assert located.event is not None, "a step has an event"
                return self._step(located.line, located.event, located.place)
            case DurableLine(number=number):
                durable = tuple(self.disk.confirm(number))
                released = tuple(sent for _, messages in durable for sent in messages)
                return Happened(located.place, released=released, written=tuple(written for written, _ in durable))

    def _start(self, line: BootLine, place: Place) -> Happened:
        self.boots += 1
        # What was lost with a disk was lost for good: only the promises of the whole run can be held against that.
        replaced = self.boots > 1 and line.after_term > 0 and line.storage != self._storage
        self._storage = line.storage
        if self.boots == 1 or replaced:
            self.disk = Disk(durable_of(line))
            self.began_term = line.current_term if self.boots == 1 else self.began_term
            state = restart(line.config, line.node, self.disk.durable)
            self.server, self._steps = TracedServer(state, state.last_applied), 0
            return Happened(place, began=state, replaced=replaced)
        crash = self.disk.crash(line, self.server, self._steps, place)
        state = restart(line.config, line.node, self.disk.durable)
        self.server, self._steps = TracedServer(state, crash.kept.known, crash.kept.led), 0
        taken = Taken(crash.kept, self.server, Cause.CRASH)
        return Happened(place, crash=crash, taken=taken, written=crash.written)

    def _resume(self, line: CheckpointLine, place: Place) -> Happened:
        self.boots += 1
        self.server, self.disk = resumed(line, place)
        self._steps = line.number
        self._storage, self.began_term = line.disk.storage, self.server.state.current_term
        return Happened(place, began=self.server.state)

    def _step(self, line: StepLine, event: Event, place: Place) -> Happened:
        if isinstance(event, Persisted) and not self.disk.has_confirmed(event):
            raise BrokenError(
                TraceRule.CONFIRMED,
                place,
                f"nothing before says that the log is durable to {event.index} (term {event.term})",
            )
        before = self.server
        output = replay(before.state, event, line, place)
        self.server, self._steps = before.after(output), line.number
        released = self.disk.take(line.number, place, before, output)
        received = event.message if isinstance(event, Receive) else None
        taken = Taken(before, self.server, CAUSES.get(type(event), Cause.ITS_OWN), received, output)
        return Happened(place, event=event, taken=taken, released=released)
