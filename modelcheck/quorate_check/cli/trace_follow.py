"""`model-check trace --follow`: judges traces while they grow, and prints a line of JSON for each step.

A line `{"line": "step", ...}` says which node took the step, in which of its starts (`boot`), its number there, the
event, and the actions of the specification that explain it, with their sections of the paper; a restart has the number
0. A line `{"line": "verdict", ...}` comes when the verdict so far, or the number of lines that wait, has changed.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.raft import NodeId, Receive
from quorate_check.cli.output import Output, discard_output
from quorate_check.cli.running import interruptible
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.raft.rules import rule
from quorate_check.raft.traces.follow import FollowedCheck
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.report import conclusion_of, counted_in_thousands, verdict_of

CLOSED = "nobody reads the output any more"


@dataclass
class Lines:
    """Prints the lines; `closed` is a reason to stop, None while somebody reads."""

    closed: str | None = None
    _boots: Counter[NodeId] = field(default_factory=Counter)
    _verdict: dict[str, Any] = field(default_factory=dict)

    def add_line(self, line: LineEffects, sequence: Sequence | None) -> None:
        """Print the step of a line, if it has one that the specification explains."""
        node = line.server.state.id
        self._boots[node] += line.beginning is not None or line.crash is not None
        if line.step is None or sequence is None:
            return
        event = line.event.message if isinstance(line.event, Receive) else line.event
        rules = tuple(dict.fromkeys(map(rule, sequence)))
        self._print(
            {
                "line": "step",
                "node": node,
                "boot": self._boots[node],
                "number": line.steps,
                "event": "Restart" if event is None else type(event).__name__,
                "actions": [{"name": each.name, "section": each.source} for each in rules],
            }
        )

    def add_verdict(self, check: FollowedCheck) -> None:
        """Print the verdict so far, if it has changed."""
        verdict = {
            "verdict": "holds" if check.finding is None else verdict_of(check).value,
            "steps": check.counts.steps,
            "waiting": check.lines_waiting,
            "taken_as_sent": check.counts.taken_as_sent,
            "text": _text(check),
        }
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
    check = FollowedCheck(folder, lines.add_line)

    def report() -> None:
        lines.add_verdict(check)
        lines.flush()

    with interruptible(output.progress) as stop:
        check.follow(lambda: lines.closed or stop(), report)
    report()
    return verdict_of(check)


def _text(check: FollowedCheck) -> str:
    if check.finding is not None:
        return f"{conclusion_of(check)}: {check.finding.what}"
    text = f"{counted_in_thousands(check.counts.steps, 'step')} judged so far, and each is explained"
    if count := check.counts.taken_as_sent:
        text += f"; {counted_in_thousands(count, 'message')} counted as sent before what is remembered"
    return text
