"""The trace of a member: its steps as lines of a file (runtime/trace_file.py); trace_lines.py describes the lines."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate.bft import Event, NodeId, Output, State
from quorate.bft_server.trace_lines import boot_line, digest, named, named_message, outline
from quorate.runtime.trace_file import DurableLine, PartLine, TraceFile


@dataclass(frozen=True, slots=True)
class _Step:
    """Step `number` of this run, whose write is the queue's number `write`, with the state before it."""

    number: int
    write: int
    before: State
    output: Output


class Tracer(TraceFile):
    """The file to which a member appends its steps."""

    def __init__(
        self, path: Path, keys: Mapping[NodeId, bytes], part_bytes: int | None = None, parts: int | None = None
    ) -> None:
        """Append to the file at `path`, divided as TraceFile says; raises OSError if it can't be opened.

        `keys` are the public keys of all members.
        """
        self._keys = keys
        self._steps = 0
        self._state: State | None = None
        self._unwritten: deque[_Step] = deque()
        super().__init__(path, part_bytes, parts)

    def boot(self, state: State) -> None:
        """Record the state in which this run begins."""
        if self._is_new and self._part > 0:
            self._note(PartLine(state.id, state.config.members, self._part, None))
        self._steps, self._state = 0, state
        self._unwritten.clear()
        self._note(boot_line(state, self._keys))

    def step(self, event: Event, output: Output, write: int) -> None:
        """Record the next step of the core, whose write is number `write` of those that the disk is given."""
        assert self._state is not None, "a member takes steps after its start"
        self._steps += 1
        if output.persist is not None or self._unwritten:
            self._unwritten.append(_Step(self._steps, write, self._state, output))
        self._state = output.state
        self._note(
            {
                "line": "step",
                "number": self._steps,
                "event": named(event),
                "state": digest(output.state),
                "send": [outline(message) for message in output.send],
            }
        )

    def durable(self, write: int) -> None:
        """Record that all writes up to this number are on disk."""
        number = 0
        while self._unwritten and self._unwritten[0].write <= write:
            number = self._unwritten.popleft().number
        if number:
            self._note(DurableLine(number))

    def _begin_part(self) -> None:
        if self._state is not None:
            self._note(PartLine(self._state.id, self._state.config.members, self._part, self._steps))
            self._checkpoint(self._state)

    def _checkpoint(self, state: State) -> None:
        """Record everything about the member between two steps."""
        self._note(
            {
                "line": "checkpoint",
                "number": self._steps,
                "disk": boot_line(self._unwritten[0].before if self._unwritten else state, self._keys),
                "unwritten": [
                    {
                        "number": step.number,
                        "persist": step.output.persist,
                        "messages": [named_message(message) for message in step.output.send],
                    }
                    for step in self._unwritten
                ],
                "known": state.known,
                "timeouts": state.timeouts,
                "waited": state.waited,
                "proposal": state.proposal,
                "votes": state.votes,
            }
        )
