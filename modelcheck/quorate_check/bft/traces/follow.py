"""The check of a BFT cluster's run while it runs: the traces are followed as they grow.

A step is judged when its write is durable, or a crash has lost it. Memory is bounded: only what concerns the latest
INDICES indices is remembered. What is signed for earlier ones counts as sent, and their decisions aren't compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.bft import Event
from quorate.bft_server.trace_lines import Line
from quorate_check.bft.traces.check import TraceCheck, TracedMember, never_left
from quorate_check.bft.traces.findings import RuleViolationError
from quorate_check.bft.traces.format import FORMAT
from quorate_check.traces.following import FollowedFile, new_files, poll

INDICES: Final = 2_000


@dataclass
class FollowedCheck(TraceCheck):
    """The check of traces that grow in `folder`, whose first files may come later."""

    _followed: dict[Path, FollowedFile[Line, Event]] = field(default_factory=dict)

    def follow(self, stop: Callable[[], str | None], report: Callable[[], None]) -> None:
        """Judge steps as they come, up to the first broken rule, or until `stop` returns a reason.

        `report` is called after each look at the files. Raises UnusableSystemError at what no server writes there.
        """
        try:
            self.stopped = poll(self._look, stop, report)
        except RuleViolationError as error:
            self.finding = error.finding

    def _look(self) -> None:
        """Read what is new, and judge what may be."""
        for followed in new_files(self.folder, FORMAT, self._followed):
            self._followed[followed.part.path] = followed
            self.members.append(self._member(followed.file))
        for member, followed in zip(self.members, self._followed.values(), strict=True):
            member.awaited_before = self.awaited(member)
            for line in followed.read():
                member.take(line)
            self.begin(member)
        while any(self.judge_next(member) for member in self.members):
            pass
        for member in self.members:
            self._judge_wait(member)
        self._forget()

    def _judge_wait(self, member: TracedMember) -> None:
        """Judge whether what a member's next step receives can still be found to have left its signer.

        The line by which it left was written before the line that receives it. So if it wasn't there when the traces
        were read after that, it has to be among the steps of its signer that wait themselves.
        """
        signed = self.awaited(member)
        if signed is None or signed != member.awaited_before:
            return
        signer = next(each for each in self.members if each.file.node == signed[0])
        if not signer.replay.ready and not signer.replay.waiting:
            raise never_left(member, signed)

    def _forget(self) -> None:
        latest = max(self.decided, default=0) - INDICES
        if latest > self.statements.forgotten + INDICES:
            self.statements.forget(latest)
            self.decided = {index: decision for index, decision in self.decided.items() if index > latest}
