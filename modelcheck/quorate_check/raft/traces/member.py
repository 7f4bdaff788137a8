"""One member of the cluster: the effects of each line of its trace on its core and its disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.raft import (
    ElectionTimeout,
    Event,
    Message,
    Persisted,
    PreVote,
    PreVoteReply,
    Receive,
    Role,
    SnapshotTaken,
    State,
    StepDown,
    restart,
)
from quorate.raft_server.trace_lines import BootLine, CheckpointLine, DurableLine, PartLine, StepLine
from quorate_check.raft.conformance.explain import Cause
from quorate_check.raft.traces.checkpoint import server_at_checkpoint
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.reading import LocatedLine, Place, TraceFile
from quorate_check.raft.traces.server import (
    Crash,
    Disk,
    DiskQueue,
    DurableWrite,
    SentMessage,
    TracedServer,
    durable_of,
    replay,
)
from quorate_check.raft.traces.window import ServerStep

CAUSES: dict[type[Event], Cause] = {
    Receive: Cause.MESSAGE,
    SnapshotTaken: Cause.SNAPSHOT,
    StepDown: Cause.STEP_DOWN,
}


@dataclass(frozen=True, slots=True)
class LineEffects:
    """The effects of the line at `place` on its server.

    `initial` is the state with which a trace begins, or a storage that replaces a lost one (`is_replacement`). `crash`
    precedes a restart. `step` follows from `event` or, if that is None, from the restart. `departures` are the messages
    that may leave from this line on, each with the place of the step that sent it. `durable_writes` are the writes that
    this line makes durable.
    """

    place: Place
    initial: State | None = None
    is_replacement: bool = False
    crash: Crash | None = None
    event: Event | None = None
    step: ServerStep | None = None
    departures: tuple[SentMessage, ...] = ()
    durable_writes: tuple[DurableWrite, ...] = ()


@dataclass
class TracedMember:
    """A member after the lines read so far; `next_line` is None after the last one.

    `server` and `disk` exist once a line was read. `boots` counts the starts, `initial_term` is the term in which the
    trace begins.
    """

    file: TraceFile
    next_line: LocatedLine | None = field(init=False)
    server: TracedServer = field(init=False)
    disk: Disk = field(init=False)
    boots: int = field(default=0, init=False)
    initial_term: int | None = field(default=None, init=False)
    _lines: Iterator[LocatedLine] = field(init=False)
    _steps: int = field(default=0, init=False)
    _storage: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._lines = self.file.lines()
        self.next_line = next(self._lines, None)

    @property
    def awaited_message(self) -> Message | None:
        """The message that the next line receives, None if it receives none."""
        event = None if self.next_line is None else self.next_line.event
        return event.message if isinstance(event, Receive) else None

    def may_have_sent_before(self, message: Message) -> bool:
        """Whether `message` can have left this server in a part of its trace that is gone.

        It can't if its term is later than the one in which the trace begins. A pre-vote carries the term after its
        sender's, and its reply may carry any.
        """
        if self.file.first_part == 0 or message.source != self.file.node:
            return False
        if self.initial_term is None or isinstance(message, PreVoteReply):
            return True
        return message.term <= self.initial_term + isinstance(message, PreVote)

    @property
    def queue(self) -> DiskQueue:
        """The writes that wait for the disk, with the messages that wait for them."""
        return self.disk.queue if self.boots else ()

    def advance(self) -> LineEffects:
        """Read the next line and return its effects.

        Raises RuleViolationError if it contradicts the lines before it, or the core.
        """
        located = self.next_line
        assert located is not None, "the trace has ended"
        self.next_line = next(self._lines, None)
        assert not isinstance(located.line, PartLine), "TraceFile.lines joins the parts"
        match located.line:
            case BootLine():
                return self._start_effects(located.line, located.place)
            case CheckpointLine():
                return self._checkpoint_effects(located.line, located.place)
            case StepLine():
                assert located.event is not None, "a step has an event"
                return self._step_effects(located.line, located.event, located.place)
            case DurableLine(number=number):
                durable = tuple(self.disk.confirm(number))
                departures = tuple(sent for _, messages in durable for sent in messages)
                return LineEffects(
                    located.place, departures=departures, durable_writes=tuple(write for write, _ in durable)
                )

    def _start_effects(self, line: BootLine, place: Place) -> LineEffects:
        self.boots += 1
        # A storage that replaces a lost one has forgotten promises; only those of the whole run can judge that.
        is_replacement = self.boots > 1 and line.after_term > 0 and line.storage != self._storage
        self._storage = line.storage
        if self.boots == 1 or is_replacement:
            self.disk = Disk(durable_of(line))
            self.initial_term = line.current_term if self.boots == 1 else self.initial_term
            state = restart(line.config, line.node, self.disk.durable)
            self.server, self._steps = TracedServer(state, state.last_applied), 0
            return LineEffects(place, initial=state, is_replacement=is_replacement)
        crash = self.disk.crash(self.server, self._steps, line, place)
        state = restart(line.config, line.node, self.disk.durable)
        self.server, self._steps = TracedServer(state, crash.server.highest_applied, crash.server.terms_led), 0
        step = ServerStep(crash.server, self.server, Cause.CRASH)
        return LineEffects(place, crash=crash, step=step, durable_writes=crash.durable_writes)

    def _checkpoint_effects(self, line: CheckpointLine, place: Place) -> LineEffects:
        self.boots += 1
        self.server, self.disk = server_at_checkpoint(line, place)
        self._steps = line.number
        self._storage, self.initial_term = line.disk.storage, self.server.state.current_term
        return LineEffects(place, initial=self.server.state)

    def _step_effects(self, line: StepLine, event: Event, place: Place) -> LineEffects:
        if isinstance(event, Persisted) and not self.disk.has_confirmed(event):
            raise RuleViolationError(
                TraceRule.CONFIRMED,
                place,
                f"nothing before says that the log is durable to {event.index} (term {event.term})",
            )
        before = self.server
        output = replay(before.state, event, line, place)
        self.server, self._steps = before.after(output), line.number
        departures = self.disk.add_step(line.number, place, before, output)
        received = event.message if isinstance(event, Receive) else None
        step = ServerStep(before, self.server, _cause(event, before.state), received, output)
        return LineEffects(place, event=event, step=step, departures=departures)


def _cause(event: Event, state: State) -> Cause:
    """Return the cause of a step from `state`; a leader whose election timeout passes may step down (CheckQuorum)."""
    if isinstance(event, ElectionTimeout) and state.role is Role.LEADER:
        return Cause.STEP_DOWN
    return CAUSES.get(type(event), Cause.ITS_OWN)
