"""The check of a cluster's run from the traces of its servers: the specification must allow what they recorded.

The lines of all servers are put into one order in which nothing is received before it may have left: what is sent at
once, after its step; what waits for the disk, after the line that says its step is durable. Each server goes on as far
as it can; if such an order exists this finds one, for what has left stays sent. Then

- the core is replayed on the recorded events, and must do what is recorded;
- each of its steps must be explained by the specification, as in `model-check conform`, seen through a window (see
  window.py) that leaves out what the step doesn't look at;
- a restart must find all that was confirmed to be durable, and perhaps the next writes;
- the run as a whole must keep Raft's promises.

What this claims, and what it doesn't. The specification's disk is never behind its memory, so to lose steps in a crash
is no step of it. A restart is explained as that of the server as it was after its last step that was kept. What it
loses are steps whose promises had not left: votes and acknowledgements leave only when durable, and a leader's own
disk counts only when it has confirmed. Entries that such a leader had sent may survive at others without it; this is
judged by Raft's promises over the whole run, and not by the specification. How many steps were lost is reported.
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
from quorate_check.raft.traces.findings import BrokenError, TraceFinding, TraceRule
from quorate_check.raft.traces.member import Happened, TracedMember
from quorate_check.raft.traces.reading import Place, trace_files
from quorate_check.raft.traces.safety import Safety
from quorate_check.raft.traces.server import TracedServer
from quorate_check.raft.traces.unsent import why_not_received
from quorate_check.raft.traces.window import Taken, Window

LINES_BETWEEN_REPORTS = 256


@dataclass
class Counts:
    """The amounts of what a check looked at.

    `began_late` counts the servers that had a log before their traces begin, `replaced` storages in place of lost ones,
    `taken_as_sent` the received messages that were sent, if at all, in parts of traces that are gone.
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
    """The traces in `folder` and what is known of them; `run` judges them, `finding` is what is wrong.

    Raises UnusableSystemError if they are no traces of one cluster, at once or in `run`. `stopped` says why it ended
    early, if it did. `seen` receives every line, with the actions that explain its step, if any, and the server after
    it; with `seen` the servers take turns, so that events of about the same time come one after the other.
    """

    folder: Path
    seen: Callable[[Happened, Sequence | None, TracedServer], None] | None = None
    members: tuple[TracedMember, ...] = field(init=False)
    counts: Counts = field(default_factory=Counts)
    safety: Safety = field(default_factory=Safety)
    sequences: Counter[Sequence] = field(default_factory=Counter)
    finding: TraceFinding | None = None
    stopped: str | None = None
    seconds: float = 0.0
    _released: set[Message] = field(default_factory=set)
    _forgotten: dict[Message, Place] = field(default_factory=dict)
    _explained: dict[LocalStep, Sequence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = tuple(TracedMember(file) for file in trace_files(self.folder))

    @property
    def distinct_steps(self) -> int:
        """The number of different steps, as their windows show them."""
        return len(self._explained)

    def run(self, stop: Callable[[], str | None], report: Callable[[TraceProgress], None]) -> None:
        """Judge the traces, until something is wrong or `stop` says why to stop."""
        began = time.perf_counter()

        def pause() -> bool:
            self.seconds = time.perf_counter() - began
            files = [member.file for member in self.members]
            read, size = sum(f.bytes_read for f in files), sum(f.size for f in files)
            report(TraceProgress(read, size, self.counts.lines, self.seconds))
            self.stopped = stop()
            return self.stopped is not None

        try:
            if self._order(pause):
                self.safety.finish()
        except BrokenError as broken:
            self.finding = broken.finding
        self.seconds = time.perf_counter() - began

    def _order(self, pause: Callable[[], bool]) -> bool:
        """Take all lines in an order in which they can have happened; return whether that was done to the end."""
        moved = True
        while moved:
            moved = False
            for member in self.members:
                while member.following is not None and self._may_go_on(member):
                    if (self.seen is not None or self.counts.lines % LINES_BETWEEN_REPORTS == 0) and pause():
                        return False
                    self._judge(member.advance(), member)
                    moved = True
                    if self.seen is not None:
                        break
            moved = moved or self._take_one_as_sent()
        if any(member.following is not None for member in self.members):
            raise why_not_received(self.members, self._forgotten)
        return True

    def _take_one_as_sent(self) -> bool:
        """Release a message that holds somebody up and may have left in a part that is gone; return if there is one."""
        for member in self.members:
            message = member.awaited
            if message is not None and any(sender.may_have_sent_before(message) for sender in self.members):
                self._released.add(message)
                self.counts.taken_as_sent += 1
                return True
        return False

    def _may_go_on(self, member: TracedMember) -> bool:
        message = member.awaited
        return message is None or message in self._released

    def _judge(self, happened: Happened, member: TracedMember) -> None:
        self._count(happened)
        if happened.began is not None:
            self.safety.began(happened.began, member.disk.durable.log, happened.place)
        if happened.crash is not None:
            self._forgotten |= dict(happened.crash.forgotten)
        sequence: Sequence | None = None
        try:
            if happened.taken is not None:
                sequence = self._explain(happened.taken, happened.place)
        finally:
            if self.seen is not None:
                self.seen(happened, sequence, member.server)
        if happened.taken is not None and happened.taken.output is not None:
            self.safety.stepped(happened.taken.before, happened.taken.output, happened.place)
        for message, origin in happened.released:
            self._released.add(message)
            self.safety.sent(message, origin)
        for written in happened.written:
            self.safety.written(written.write.persist, written.durable.log, written.write.place)

    def _count(self, happened: Happened) -> None:
        counts = self.counts
        counts.lines += 1
        counts.steps += happened.event is not None
        counts.received += isinstance(happened.event, Receive)
        counts.confirmed += isinstance(happened.event, Persisted)
        counts.replaced += happened.replaced
        late = happened.began is not None and happened.began.log.last_index > 0
        counts.began_late += late and not happened.replaced
        if happened.crash is not None:
            counts.restarts += 1
            counts.lossy_restarts += happened.crash.lost > 0
            counts.lost_steps += happened.crash.lost

    def _explain(self, taken: Taken, place: Place) -> Sequence:
        if taken.after.state is taken.before.state and not taken.messages:
            self.sequences[()] += 1
            return ()
        window = Window(taken, self.safety.chosen)
        step = window.step()
        sequence = self._explained.get(step)
        if sequence is None:
            sequence = explain(step)
            if sequence is None:
                raise self._unexplained(window, place)
            self._explained[step] = sequence
        self.sequences[sequence] += 1
        return sequence

    @staticmethod
    def _unexplained(window: Window, place: Place) -> BrokenError:
        what = "the restart" if window.taken.output is None else "the step"
        why = f"nothing that the specification allows does what {what} did"
        return BrokenError(TraceRule.EXPLAINED, place, why, window.step(values=True), str(window))
