"""Where disks stall: a crash that loses writes is a disk that stalled at the first of them, as in the specification.

StallDisk is a step of Raft.tla, after which nothing reaches a disk until its server restarts. Only the crash tells that
it was taken. But traces are recorded, so they are read ahead: a line is judged once the writes before it are known to
be durable, or lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.server import Crash


@dataclass
class Stalls:
    """The lines of a trace for which it isn't decided yet whether the disk has stalled."""

    _undecided: deque[LineEffects] = field(default_factory=deque)

    @property
    def undecided(self) -> int:
        """How many lines these are."""
        return len(self._undecided)

    def add(self, line: LineEffects) -> Iterator[LineEffects]:
        """Add the next line; yield the lines that are decided now, with servers whose disks have stalled or not."""
        if line.crash is not None:
            yield from (_before_crash(each, line.crash) for each in self._undecided)
            self._undecided.clear()
        self._undecided.append(line)
        while self._undecided and (line.oldest_waiting is None or self._undecided[0].steps < line.oldest_waiting):
            yield self._undecided.popleft()

    def rest(self) -> Iterator[LineEffects]:
        """Yield the lines that aren't decided, as if no disk stalled: the trace ends here."""
        while self._undecided:
            yield self._undecided.popleft()


def with_stalls(lines: Iterator[LineEffects]) -> Iterator[LineEffects]:
    """Yield the lines of a trace, with servers whose disks stall at the first write that the next crash loses.

    Where the trace ends before a write is durable or lost, the disk doesn't stall.
    """
    stalls = Stalls()
    for line in lines:
        yield from stalls.add(line)
    yield from stalls.rest()


def _before_crash(line: LineEffects, crash: Crash) -> LineEffects:
    """Return a line of the run that ended with `crash`."""
    first_lost = crash.first_lost_step
    if first_lost is None or line.steps < first_lost:
        return line
    server = replace(line.server, durable=crash.durable)
    step = line.step
    if step is not None:
        before = step.before if line.steps == first_lost else replace(step.before, durable=crash.durable)
        step = replace(step, before=before, after=server)
    return replace(line, server=server, step=step)
