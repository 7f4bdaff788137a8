"""The check of a cluster's run from the traces of its servers: the specification must allow what they recorded.

The lines of all servers are put into one order, in which a message is received only after it may have left its sender:
after the step that sent it or, if it waits for the disk, after the line that says that this step is durable. Each
server's lines are read as far as the messages that it receives allow. A message that has left stays available, so this
finds an order if there is one. In that order

- the core is replayed on the recorded events, and must do what is recorded;
- each of its steps must be explained by the specification, as in `model-check conform`, in a window that leaves out the
  log entries that play no part in it (window.py);
- a restart must find all writes that were confirmed to be durable; it may find the writes that followed them;
- the run as a whole must keep Raft's promises.

Limits of the claim. Each step is judged where it is recorded, as one whose disk hasn't stalled (StallDisk in Raft.tla),
for only a later boot tells that it was lost. A crash that loses steps is explained as a restart of the server in the
state after the last step that its disk had. No message that depends on a lost step had left: votes and acknowledgements
leave only when they are durable, and a leader counts its own disk only when that has confirmed the write. Entries that
a leader had sent may survive at others although the leader lost them; this is judged by Raft's promises over the whole
run, not by the specification. The number of lost steps is reported.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from quorate.raft import Message, Persisted, Receive
from quorate_check.conformance.sequences import Sequence
from quorate_check.raft.conformance.explain import LocalStep, explain
from quorate_check.raft.traces.findings import RuleViolationError, TraceFinding, TraceRule
from quorate_check.raft.traces.member import LineEffects, TracedMember
from quorate_check.raft.traces.reading import Place, trace_files
from quorate_check.raft.traces.safety import Safety
from quorate_check.raft.traces.server import TracedServer
from quorate_check.raft.traces.unsent import receipt_violation
from quorate_check.raft.traces.window import ServerStep, Window

LINES_BETWEEN_REPORTS = 256


@dataclass
class Counts:
    """How many lines, steps and so on a check has read.

    `lossy_restarts` are those that lost steps, `lost_steps` these steps. `began_late` counts the servers that had a log
    before their traces begin, `replaced` the storages that replaced a lost one, and `taken_as_sent` the received
    messages whose sending could only be in a part of a trace that is gone.
    """

    lines: int = 0
    steps: int = 0
    received: int = 0
    restarts: int = 0
    lossy_restarts: int = 0
    lost_steps: int = 0
    confirmed: int = 0
    began_late: int = 0
    replaced: int = 0
    taken_as_sent: int = 0


@dataclass(frozen=True, slots=True)
class TraceProgress:
    """The progress of a check, in bytes and lines of the traces."""

    bytes_read: int
    bytes_all: int
    lines: int
    seconds: float


@dataclass
class TraceCheck:
    """A check of the traces in `folder`: `run` judges them, `finding` is the first broken rule, None if there is none.

    The constructor and `run` raise UnusableSystemError if the files are not the traces of one cluster. `stopped` is why
    `run` ended early, None if it didn't. `observer` is called for every line, with its effects, the actions that
    explain its step (None if it has no step, or none explains it) and the server after it. With an observer the servers
    take turns, so that lines of about the same time follow each other.
    """

    folder: Path
    observer: Callable[[LineEffects, Sequence | None, TracedServer], None] | None = None
    members: tuple[TracedMember, ...] = field(init=False)
    counts: Counts = field(default_factory=Counts)
    safety: Safety = field(default_factory=Safety)
    sequences: Counter[Sequence] = field(default_factory=Counter)
    finding: TraceFinding | None = None
    stopped: str | None = None
    seconds: float = 0.0
    _departed: set[Message] = field(default_factory=set)
    _unsent: dict[Message, Place] = field(default_factory=dict)
    _explanations: dict[LocalStep, Sequence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = tuple(TracedMember(file) for file in trace_files(self.folder))

    @property
    def distinct_steps(self) -> int:
        """The number of distinct steps, after all but their windows is left out."""
        return len(self._explanations)

    def run(self, stop: Callable[[], str | None], report: Callable[[TraceProgress], None]) -> None:
        """Judge the traces up to the first broken rule, or until `stop` returns a reason; `report` the progress."""
        start = time.perf_counter()

        def pause() -> bool:
            self.seconds = time.perf_counter() - start
            files = [member.file for member in self.members]
            read, size = sum(f.bytes_read for f in files), sum(f.size for f in files)
            report(TraceProgress(read, size, self.counts.lines, self.seconds))
            self.stopped = stop()
            return self.stopped is not None

        try:
            if self._order(pause):
                self.safety.finish()
        except RuleViolationError as error:
            self.finding = error.finding
        self.seconds = time.perf_counter() - start

    def _order(self, pause: Callable[[], bool]) -> bool:
        """Read all lines in a possible order; return False if `pause` ended that early."""
        progress = True
        while progress:
            progress = False
            for member in self.members:
                while member.next_line is not None and self._may_go_on(member):
                    if (self.observer is not None or self.counts.lines % LINES_BETWEEN_REPORTS == 0) and pause():
                        return False
                    self._judge(member.advance(), member)
                    progress = True
                    if self.observer is not None:
                        break
            progress = progress or self._count_one_as_sent()
        if any(member.next_line is not None for member in self.members):
            raise receipt_violation(self.members, self._unsent)
        return True

    def _count_one_as_sent(self) -> bool:
        """Count an awaited message as sent if it may have left in a part that is gone; return whether there was one."""
        for member in self.members:
            message = member.awaited_message
            if message is not None and any(sender.may_have_sent_before(message) for sender in self.members):
                self._departed.add(message)
                self.counts.taken_as_sent += 1
                return True
        return False

    def _may_go_on(self, member: TracedMember) -> bool:
        message = member.awaited_message
        return message is None or message in self._departed

    def _judge(self, effects: LineEffects, member: TracedMember) -> None:
        self._count(effects)
        if effects.initial is not None:
            self.safety.add_initial(effects.initial, member.disk.durable.log, effects.place)
        if effects.crash is not None:
            self._unsent |= dict(effects.crash.unsent)
        sequence: Sequence | None = None
        try:
            if effects.step is not None:
                sequence = self._explain(effects.step, effects.place)
        finally:
            if self.observer is not None:
                self.observer(effects, sequence, member.server)
        if effects.step is not None and effects.step.output is not None:
            self.safety.add_step(effects.step.before, effects.step.output, effects.place)
        for message, origin in effects.departures:
            self._departed.add(message)
            self.safety.add_message(message, origin)
        for write, durable in ((each.write, each.durable) for each in effects.durable_writes):
            self.safety.add_write(write.persist, durable.log, write.place)

    def _count(self, effects: LineEffects) -> None:
        counts = self.counts
        counts.lines += 1
        counts.steps += effects.event is not None
        counts.received += isinstance(effects.event, Receive)
        counts.confirmed += isinstance(effects.event, Persisted)
        counts.replaced += effects.is_replacement
        late = effects.initial is not None and effects.initial.log.last_index > 0
        counts.began_late += late and not effects.is_replacement
        if effects.crash is not None:
            counts.restarts += 1
            counts.lossy_restarts += effects.crash.lost_steps > 0
            counts.lost_steps += effects.crash.lost_steps

    def _explain(self, step: ServerStep, place: Place) -> Sequence:
        if step.after.state is step.before.state and not step.messages:
            self.sequences[()] += 1
            return ()
        window = Window(step, self.safety.applied_entry)
        local_step = window.step()
        sequence = self._explanations.get(local_step)
        if sequence is None:
            sequence = explain(local_step)
            if sequence is None:
                raise self._unexplained(window, place)
            self._explanations[local_step] = sequence
        self.sequences[sequence] += 1
        return sequence

    @staticmethod
    def _unexplained(window: Window, place: Place) -> RuleViolationError:
        what = "the restart" if window.original.output is None else "the step"
        why = f"no sequence of the specification's actions has the effect of {what}"
        return RuleViolationError(TraceRule.EXPLAINED, place, why, window.step(values=True), str(window))
