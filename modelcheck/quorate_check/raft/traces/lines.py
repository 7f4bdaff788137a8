"""The effects of each line of one trace, whose events are replayed on the core, and whose writes go to a disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from quorate.raft import ElectionTimeout, Event, Log, Persisted, Receive, Role, SnapshotTaken, State, StepDown, restart
from quorate.raft_server.trace_lines import BootLine, CheckpointLine, StepLine
from quorate.runtime.trace_file import DurableLine, PartLine
from quorate_check.raft.conformance.explain import Cause
from quorate_check.raft.traces.checkpoint import server_at_checkpoint
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.format import ServerLine, ServerTrace
from quorate_check.raft.traces.server import Crash, Disk, DurableWrite, SentMessage, TracedServer, durable_of, replay
from quorate_check.raft.traces.window import ServerStep
from quorate_check.traces.reading import Place

CAUSES: dict[type[Event], Cause] = {
    Receive: Cause.MESSAGE,
    SnapshotTaken: Cause.SNAPSHOT,
    StepDown: Cause.STEP_DOWN,
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """The state with which a trace begins, or a storage that replaces a lost one; `log` is the disk's."""

    state: State
    log: Log
    is_replacement: bool = False


@dataclass(frozen=True, slots=True)
class LineEffects:
    """The effects of the line at `place` on its server.

    After it the server is `server`, and has taken so many `steps` since it booted. `crash` precedes a restart. `step`
    follows from `event` or, if that is None, from the restart. `departures` are the messages that may leave from this
    line on, each with the place of the step that sent it. `durable_writes` are the writes that this line makes durable,
    and `oldest_waiting` is the number of the first step whose write isn't, if any. If the line contradicts those before
    it, or the core, `violation` says how, and nothing after it is read.
    """

    place: Place
    server: TracedServer
    steps: int
    oldest_waiting: int | None
    beginning: Beginning | None = None
    crash: Crash | None = None
    event: Event | None = None
    step: ServerStep | None = None
    departures: tuple[SentMessage, ...] = ()
    durable_writes: tuple[DurableWrite, ...] = ()
    violation: RuleViolationError | None = None


@dataclass
class Replay:
    """The replay of one trace on the core; `initial_term` is the term in which the trace begins."""

    file: ServerTrace
    initial_term: int | None = field(default=None, init=False)
    _server: TracedServer = field(init=False)
    _disk: Disk = field(init=False)
    _steps: int = field(default=0, init=False)
    _storage: str | None = field(default=None, init=False)

    def lines(self) -> Iterator[LineEffects]:
        """Yield the effects of each line, up to one with a violation, as if no disk ever stalled."""
        for located in self.file.lines():
            effects = self.effects(located)
            yield effects
            if effects.violation is not None:
                return

    def effects(self, located: ServerLine) -> LineEffects:
        """Return the effects of the next line of the trace."""
        place = located.place
        assert not isinstance(located.line, PartLine), "TraceFile.lines joins the parts"
        try:
            match located.line:
                case BootLine():
                    return self._start_effects(located.line, place)
                case CheckpointLine():
                    return self._checkpoint_effects(located.line, place)
                case StepLine():
                    assert located.event is not None, "a step has an event"
                    return self._step_effects(located.line, located.event, place)
                case DurableLine(number=number):
                    return self._durable_effects(number, place)
        except RuleViolationError as error:
            return replace(self._line(place), event=located.event, violation=error)

    def forget(self, entries: int) -> None:
        """Forget confirmations of writes that end more than so many entries before the log: they were delivered."""
        last = self._server.state.log.last_index
        confirmed = self._disk.confirmed
        self._disk.confirmed = {each for each in confirmed if each.index > last - entries}

    def _line(self, place: Place) -> LineEffects:
        """Return the line that has no effect but on the server and its disk."""
        return LineEffects(place, self._server, self._steps, self._disk.oldest_step)

    def _start_effects(self, line: BootLine, place: Place) -> LineEffects:
        # A storage that replaces a lost one has forgotten promises; only those of the whole run can judge that.
        is_replacement = self._storage is not None and line.after_term > 0 and line.storage != self._storage
        if self._storage is None or is_replacement:
            durable = durable_of(line)
            if self._storage is None:
                self.initial_term = line.current_term
            state = restart(line.config, line.node, durable)
            self._begin(line.storage, TracedServer(state, state.last_applied), Disk(durable))
            return replace(self._line(place), beginning=Beginning(state, durable.log, is_replacement))
        crash = self._disk.crash(line, place)
        before = self._server
        if crash.first_lost_step is not None:
            before = replace(before, durable=crash.durable)
        state = restart(line.config, line.node, crash.durable)
        self._begin(line.storage, replace(before, state=state, durable=None), Disk(crash.durable))
        step = ServerStep(before, self._server, Cause.CRASH)
        return replace(self._line(place), crash=crash, step=step, durable_writes=crash.durable_writes)

    def _checkpoint_effects(self, line: CheckpointLine, place: Place) -> LineEffects:
        self._begin(line.disk.storage, *server_at_checkpoint(line, place), steps=line.number)
        self.initial_term = self._server.state.current_term
        return replace(self._line(place), beginning=Beginning(self._server.state, self._disk.durable.log))

    def _begin(self, storage: str, server: TracedServer, disk: Disk, steps: int = 0) -> None:
        self._storage, self._server, self._disk, self._steps = storage, server, disk, steps

    def _step_effects(self, line: StepLine, event: Event, place: Place) -> LineEffects:
        if isinstance(event, Persisted) and not self._disk.has_confirmed(event):
            raise RuleViolationError(
                TraceRule.CONFIRMED,
                place,
                f"nothing before says that the log is durable to {event.index} (term {event.term})",
            )
        before = self._server
        output = replay(before.state, event, line, place)
        self._server, self._steps = before.after(output), line.number
        departures = self._disk.add_step(line.number, place, output)
        received = None if _is_own(event) or not isinstance(event, Receive) else event.message
        step = ServerStep(before, self._server, _cause(event, before.state), received, output)
        return replace(self._line(place), event=event, step=step, departures=departures)

    def _durable_effects(self, number: int, place: Place) -> LineEffects:
        durable = tuple(self._disk.confirm(number))
        departures = tuple(sent for _, messages in durable for sent in messages)
        writes = tuple(write for write, _ in durable)
        return replace(self._line(place), departures=departures, durable_writes=writes)


def _cause(event: Event, state: State) -> Cause:
    """Return the cause of a step from `state`; a leader whose election timeout passes may step down (CheckQuorum)."""
    if isinstance(event, ElectionTimeout) and state.role is Role.LEADER:
        return Cause.STEP_DOWN
    return Cause.ITS_OWN if _is_own(event) else CAUSES.get(type(event), Cause.ITS_OWN)


def _is_own(event: Event) -> bool:
    """Whether a server that is the only voter receives its own vote, of which the specification knows nothing."""
    return isinstance(event, Receive) and event.message.source == event.message.dest
