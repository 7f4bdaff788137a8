"""`model-check trace --follow`: judges traces while they grow, and prints a line of JSON for each step.

A line `{"line": "step", ...}` says which node took the step, in which of its starts (`boot`), its number there, the
event, and the actions of the specification that explain it, with their sections of the paper; a restart has the number
0. A line `{"line": "verdict", ...}` comes when the verdict so far, or the number of lines that wait, has changed.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate import bft, raft
from quorate_check.bft.rules import rule as bft_rule
from quorate_check.bft.traces.follow import FollowedCheck as BftFollowedCheck
from quorate_check.bft.traces.replay import MemberStep
from quorate_check.bft.traces.report import conclusion_of as bft_conclusion
from quorate_check.bft.traces.report import verdict_of as bft_verdict
from quorate_check.cli.output import Output, discard_output
from quorate_check.cli.running import interruptible
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.raft.rules import rule as raft_rule
from quorate_check.raft.traces.follow import FollowedCheck
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.report import conclusion_of as raft_conclusion
from quorate_check.raft.traces.report import verdict_of as raft_verdict
from quorate_check.tell.described import Rule
from quorate_check.traces.following import POLL_S
from quorate_check.traces.reading import protocol_in
from quorate_check.traces.report import counted_in_thousands

CLOSED = "nobody reads the output any more"


@dataclass
class Lines:
    """Prints the lines; `closed` is a reason to stop, None while somebody reads."""

    closed: str | None = None
    _boots: Counter[int] = field(default_factory=Counter)
    _verdict: dict[str, Any] = field(default_factory=dict)

    def add_line(self, line: LineEffects, sequence: Sequence | None) -> None:
        """Print the step of a line of Raft, if it has one that the specification explains."""
        node = line.server.state.id
        self._boots[node] += line.beginning is not None or line.crash is not None
        if line.step is None or sequence is None:
            return
        event = line.event.message if isinstance(line.event, raft.Receive) else line.event
        self._add(node, self._boots[node], line.steps, event, map(raft_rule, sequence))

    def add_step(self, step: MemberStep, sequence: Sequence) -> None:
        """Print a step of a BFT member."""
        event = step.event.message if isinstance(step.event, bft.Receive) else step.event
        self._add(step.after.id, step.boot, step.number, event, map(bft_rule, sequence))

    def _add(self, node: int, boot: int, number: int, event: object, rules: Iterable[Rule]) -> None:
        self._print(
            {
                "line": "step",
                "node": node,
                "boot": boot,
                "number": number,
                "event": "Restart" if event is None else type(event).__name__,
                "actions": [{"name": each.name, "section": each.source} for each in dict.fromkeys(rules)],
            }
        )

    def add_verdict(self, check: FollowedCheck | BftFollowedCheck) -> None:
        """Print the verdict so far, if it has changed."""
        verdict = _verdict_line(check)
        if verdict != self._verdict:
            self._verdict = verdict
            self._print({"line": "verdict", **verdict})

    def flush(self) -> None:
        """Have what is printed reach the reader."""
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            self._close()

    def _print(self, value: dict[str, Any]) -> None:
        try:
            sys.stdout.write(json.dumps(value) + "\n")
        except BrokenPipeError:
            self._close()

    def _close(self) -> None:
        self.closed = CLOSED
        discard_output(sys.stdout)


def follow_traces(output: Output, folder: Path) -> Verdict:
    """Judge the traces in `folder` until a rule is broken or the command is ended; traces may begin later."""
    if output.has_options:
        raise UnusableSystemError("--follow prints lines of JSON: it takes neither --json, --junit nor --html")
    lines = Lines()
    with interruptible(output.progress) as stop:
        check = _check(folder, lines, stop)

        def report() -> None:
            lines.add_verdict(check)
            lines.flush()

        check.follow(lambda: lines.closed or stop(), report)
    report()
    return raft_verdict(check) if isinstance(check, FollowedCheck) else bft_verdict(check)


def _check(folder: Path, lines: Lines, stop: Callable[[], str | None]) -> FollowedCheck | BftFollowedCheck:
    """Return the check of the protocol of these traces, as soon as one of them names it, or it is time to stop."""
    while (protocol := protocol_in(folder)) is None and stop() is None:
        time.sleep(POLL_S)
    return BftFollowedCheck(folder, lines.add_step) if protocol == "bft" else FollowedCheck(folder, lines.add_line)


def _verdict_line(check: FollowedCheck | BftFollowedCheck) -> dict[str, Any]:
    if isinstance(check, FollowedCheck):
        verdict, conclusion = raft_verdict(check), raft_conclusion(check)
        waiting, taken_as_sent, noun = check.lines_waiting, check.counts.taken_as_sent, "message"
    else:
        verdict, conclusion = bft_verdict(check), bft_conclusion(check)
        waiting, taken_as_sent, noun = check.waiting, check.statements.taken_as_sent, "signature"
    if check.finding is not None:
        text = f"{conclusion}: {check.finding.what}"
    else:
        text = f"{counted_in_thousands(check.counts.steps, 'step')} judged so far, and each is explained"
        if taken_as_sent:
            text += f"; {counted_in_thousands(taken_as_sent, noun)} counted as sent before what is remembered"
    return {
        "verdict": "holds" if check.finding is None else verdict.value,
        "steps": check.counts.steps,
        "waiting": waiting,
        "taken_as_sent": taken_as_sent,
        "text": text,
    }
