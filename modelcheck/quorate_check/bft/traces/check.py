"""The check of a BFT cluster's run from the traces of its members: each must do what Bft.tla allows.

The steps of all members are put into one order, in which what a member has signed is received only after it has left
that member: after its write is durable. What has left stays available, so this finds an order if there is one. Members
without a trace may be traitors: what they sign is always available. A traced member is held to be honest. In that order

- the core is replayed on the recorded events, and must do and sign what is recorded (replay.py);
- each step, restarts included, must be explained by the specification, as in `model-check conform`, counted from a
  recent index (window.py);
- a member signs no two proposals, or votes of one phase, in a view, and no two members decide differently.

follow.py judges traces while they grow.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.bft import NodeId, Receive
from quorate_check.bft.conformance.explain import explain
from quorate_check.bft.traces.findings import RuleViolationError, TraceFinding, TraceRule, short
from quorate_check.bft.traces.format import FORMAT, MemberLine, MemberTrace
from quorate_check.bft.traces.replay import ClusterKeys, MemberStep, Replay
from quorate_check.bft.traces.statements import Signed, Statements
from quorate_check.bft.traces.window import local_step
from quorate_check.conformance.sequences import Sequence
from quorate_check.traces.progress import TraceProgress
from quorate_check.traces.reading import trace_files

STEPS_BETWEEN_REPORTS: Final = 256
Observer = Callable[[MemberStep, Sequence], None]


@dataclass
class Counts:
    """How many steps, received and sent messages, and restarts were judged."""

    steps: int = 0
    received: int = 0
    restarts: int = 0
    sent: int = 0


@dataclass
class TracedMember:
    """One trace, and the steps that its lines make; a violation is raised when the steps before it are judged."""

    file: MemberTrace
    replay: Replay
    violation: RuleViolationError | None = None
    awaited_before: Signed | None = None
    lines: int = 0

    def read_one(self, lines: Iterator[MemberLine]) -> bool:
        """Take lines until a step can be judged; return False if there is none before they end."""
        while not self.replay.ready and self.violation is None:
            if (line := next(lines, None)) is None:
                self.replay.end()
                return bool(self.replay.ready)
            self.take(line)
        return True

    def take(self, line: MemberLine) -> None:
        """Replay a line."""
        if self.violation is not None:
            return
        self.lines += 1
        try:
            self.replay.take(line)
        except RuleViolationError as error:
            self.replay.end()
            self.violation = error


@dataclass
class TraceCheck:
    """A check of the traces in `folder`: `run` judges them, `finding` is the first broken rule, None if there is none.

    `run` raises UnusableSystemError if the files are not the traces of one cluster. `stopped` is why it ended early,
    None if it didn't. `observer` is called for every step, with the actions that explain it; `refused` is the step with
    the finding, if it is one.
    """

    folder: Path
    observer: Observer | None = None
    counts: Counts = field(default_factory=Counts)
    statements: Statements = field(default_factory=Statements)
    decided: dict[int, tuple[bytes, NodeId]] = field(default_factory=dict)
    sequences: Counter[Sequence] = field(default_factory=Counter)
    finding: TraceFinding | None = None
    refused: MemberStep | None = None
    stopped: str | None = None
    seconds: float = 0.0
    members: list[TracedMember] = field(default_factory=list)
    _keys: ClusterKeys = field(default_factory=ClusterKeys)

    @property
    def files(self) -> tuple[MemberTrace, ...]:
        """The traces."""
        return tuple(member.file for member in self.members)

    @property
    def waiting(self) -> int:
        """How many steps are read and not judged."""
        return sum(len(member.replay.ready) + member.replay.waiting for member in self.members)

    @property
    def lost_steps(self) -> int:
        """How many steps crashes have lost."""
        return sum(member.replay.lost_steps for member in self.members)

    def run(self, stop: Callable[[], str | None], report: Callable[[TraceProgress], None]) -> None:
        """Judge the traces up to the first broken rule, or until `stop` returns a reason; `report` the progress."""
        start = time.perf_counter()
        self.members = [self._member(file) for file in trace_files(self.folder, FORMAT)]

        def pause() -> bool:
            self.seconds = time.perf_counter() - start
            report(self._progress())
            self.stopped = stop()
            return self.stopped is not None

        try:
            self._order(pause)
        except RuleViolationError as error:
            self.finding = error.finding
        self.seconds = time.perf_counter() - start

    def _progress(self) -> TraceProgress:
        read, size = sum(file.bytes_read for file in self.files), sum(file.size for file in self.files)
        return TraceProgress(read, size, sum(member.lines for member in self.members), self.seconds)

    def _member(self, file: MemberTrace) -> TracedMember:
        return TracedMember(file, Replay(self._keys))

    def _order(self, pause: Callable[[], bool]) -> None:
        """Judge all steps in a possible order, up to the end or until `pause`."""
        lines = {member.file.node: member.file.lines() for member in self.members}
        for member in self.members:
            member.read_one(lines[member.file.node])
            self.begin(member)
        progress = True
        while progress:
            progress = False
            for member in self.members:
                while member.read_one(lines[member.file.node]) and self.judge_next(member):
                    progress = True
                    if self.counts.steps % STEPS_BETWEEN_REPORTS == 0 and pause():
                        return
                    if self.observer is not None:  # then steps of about the same time follow each other
                        break
        for member in self.members:
            if (signed := self.awaited(member)) is not None:
                self.refused = member.replay.ready[0]
                raise never_left(member, signed)

    def begin(self, member: TracedMember) -> None:
        """Hold a member to what it signs from the beginning of its trace on."""
        if member.replay.ready and member.file.node not in self.statements.beginnings:
            first = member.replay.ready[0].after.index
            self.statements.beginnings[member.file.node] = first if member.replay.began_late else 0

    def judge_next(self, member: TracedMember) -> bool:
        """Judge the next step of a member, if what it receives has left; return whether it was judged."""
        if not member.replay.ready:
            if member.violation is not None:
                raise member.violation
            return False
        if self.awaited(member) is not None:
            return False
        self.refused = member.replay.ready.popleft()
        self._judge(self.refused, member)
        self.refused = None
        return True

    def awaited(self, member: TracedMember) -> Signed | None:
        """Return what the next step of a member receives that hasn't left its signer, None if there is nothing."""
        event = member.replay.ready[0].event if member.replay.ready else None
        return self.statements.awaited(event.message) if isinstance(event, Receive) else None

    def _judge(self, step: MemberStep, member: TracedMember) -> None:
        node = member.file.node
        if step.before is not None:
            self._count(step)
            sequence = self._explain(step)
            if self.observer is not None:
                self.observer(step, sequence)
        self._compare(step, node)
        for message in step.sent:
            self.statements.sign(node, message, step.place)
            if step.left:
                self.statements.leave(node, message)

    def _count(self, step: MemberStep) -> None:
        self.counts.steps += step.event is not None
        self.counts.restarts += step.event is None
        self.counts.sent += len(step.sent)
        if isinstance(step.event, Receive):
            self.counts.received += 1
            self.statements.count(step.event.message)

    def _explain(self, step: MemberStep) -> Sequence:
        if step.after is step.before and not step.sent:
            self.sequences[()] += 1
            return ()
        local, first_index = local_step(step)
        sequence = explain(local)
        if sequence is None:
            what = "the restart" if step.event is None else "the step"
            why = f"no sequence of the specification's actions has the effect of {what}"
            raise RuleViolationError(TraceRule.EXPLAINED, step.place, why, local, first_index)
        self.sequences[sequence] += 1
        return sequence

    def _compare(self, step: MemberStep, node: NodeId) -> None:
        """Compare what a step decides, or what a trace begins with, with what others decided."""
        first = self.statements.forgotten + 1 if step.before is None else step.before.index
        for index in range(first, step.after.index):
            if (decision := step.after.decisions.at(index)) is None:
                continue  # it was decided long before the trace begins
            digest, other = self.decided.setdefault(index, (decision.digest, node))
            if digest != decision.digest:
                what = f"index {index}: node {node} decides {short(decision.digest)}, node {other} {short(digest)}"
                raise RuleViolationError(TraceRule.AGREEMENT, step.place, what)


def never_left(member: TracedMember, signed: Signed) -> RuleViolationError:
    """Return the violation that a member's next step receives what its signer never sent."""
    signer, statement = signed
    what = (
        f"node {signer} never sent what it signed here: {statement.phase.name}, index {statement.index}, "
        f"view {statement.view}, {short(statement.digest)}"
    )
    return RuleViolationError(TraceRule.SENT, member.replay.ready[0].place, what)
