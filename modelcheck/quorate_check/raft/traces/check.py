"""The check of a cluster's run from the traces of its servers: the specification must allow what they recorded.

The lines of all servers are put into one order, in which a message is received only after it may have left its sender:
after the step that sent it or, if it waits for the disk, after the line that says that this step is durable. Each
server's lines are read as far as the messages that it receives allow. A message that has left stays available, so this
finds an order if there is one. In that order

- the core is replayed on the recorded events, and must do what is recorded;
- a restart must find all writes that were confirmed to be durable; it may find the writes that followed them;
- each step, restarts included, must be explained by the specification, as in `model-check conform`, in a window that
  leaves out the log entries that play no part in it (window.py). If a restart doesn't find a write, the disk stalled
  with that write (stalls.py): since then no vote and no acknowledgement left, and a leader did not count its own disk;
- the run as a whole must keep Raft's promises.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from quorate.raft import Persisted, Receive
from quorate_check.conformance.sequences import Sequence
from quorate_check.raft.conformance.explain import LocalStep, explain
from quorate_check.raft.traces.findings import RuleViolationError, TraceFinding, TraceRule
from quorate_check.raft.traces.format import FORMAT
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.member import TracedMember
from quorate_check.raft.traces.safety import Safety
from quorate_check.raft.traces.unsent import Departures, receipt_violation
from quorate_check.raft.traces.window import ServerStep, Window
from quorate_check.traces.progress import TraceProgress
from quorate_check.traces.reading import Place, trace_files

LINES_BETWEEN_REPORTS = 256


@dataclass
class Counts:
    """How many lines, steps and so on a check has read.

    `lossy_restarts` are those that lost writes, `lost_steps` the steps whose disk had stalled by then. `began_late`
    counts the servers that had a log before their traces begin, `replaced` the storages that replaced a lost one, and
    `taken_as_sent` the received messages whose sending could only be in a part of a trace that is gone.
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


@dataclass
class TraceCheck:
    """A check of the traces in `folder`: `run` judges them, `finding` is the first broken rule, None if there is none.

    The constructor and `run` raise UnusableSystemError if the files are not the traces of one cluster. `stopped` is why
    `run` ended early, None if it didn't. `observer` is called for every line, with its effects and the actions that
    explain its step (None if it has no step, or none explains it). With an observer the servers take turns, so that
    lines of about the same time follow each other. `refused` is the line of the finding if its step was never judged.
    """

    folder: Path
    observer: Callable[[LineEffects, Sequence | None], None] | None = None
    members: tuple[TracedMember, ...] = field(init=False)
    counts: Counts = field(default_factory=Counts)
    safety: Safety = field(default_factory=Safety)
    sequences: Counter[Sequence] = field(default_factory=Counter)
    finding: TraceFinding | None = None
    refused: LineEffects | None = None
    stopped: str | None = None
    seconds: float = 0.0
    _departures: Departures = field(default_factory=Departures)
    _explanations: dict[LocalStep, Sequence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = tuple(TracedMember(file) for file in trace_files(self.folder, FORMAT))

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
                    if member.next_line.violation is not None:
                        self.refused = member.next_line
                    self._judge(member.advance())
                    progress = True
                    if self.observer is not None:
                        break
            progress = progress or self._count_one_as_sent()
        waiting = [member.next_line for member in self.members if member.next_line is not None]
        if waiting:
            error = receipt_violation(self.members, self._departures)
            self.refused = next((line for line in waiting if line.place == error.finding.place), None)
            raise error
        return True

    def _count_one_as_sent(self) -> bool:
        """Count an awaited message as sent if it may have left in a part that is gone; return whether there was one."""
        for member in self.members:
            message = member.awaited_message
            if message is not None and any(sender.may_have_sent_before(message) for sender in self.members):
                assert member.next_line is not None, "a line awaits the message"
                self._departures.left[message] = member.next_line.place
                self.counts.taken_as_sent += 1
                return True
        return False

    def _may_go_on(self, member: TracedMember) -> bool:
        message = member.awaited_message
        return message is None or message in self._departures.left

    def _judge(self, line: LineEffects) -> None:
        self._count(line)
        if line.beginning is not None:
            self.safety.add_initial(line.beginning.state, line.beginning.log, line.place)
        sequence: Sequence | None = None
        try:
            if line.step is not None:
                sequence = self._explain(line.step, line.place)
        finally:
            if self.observer is not None:
                self.observer(line, sequence)
        if line.step is not None and line.step.output is not None:
            self.safety.add_step(line.step.before, line.step.output, line.place)
        self._departures.add(line)
        for message, origin in line.departures:
            self.safety.add_message(message, origin)
        for write, durable in ((each.write, each.durable) for each in line.durable_writes):
            self.safety.add_write(write.persist, durable.log, write.place)

    def _count(self, line: LineEffects) -> None:
        counts = self.counts
        counts.lines += 1
        counts.steps += line.event is not None
        counts.received += isinstance(line.event, Receive)
        counts.confirmed += isinstance(line.event, Persisted)
        if line.beginning is not None:
            counts.replaced += line.beginning.is_replacement
            counts.began_late += line.beginning.state.log.last_index > 0 and not line.beginning.is_replacement
        if line.step is not None:
            counts.lost_steps += line.step.stalled
        if line.crash is not None:
            counts.restarts += 1
            counts.lossy_restarts += line.crash.first_lost_step is not None

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
