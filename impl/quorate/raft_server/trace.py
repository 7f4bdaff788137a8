"""The trace of a server: its steps as lines of a file (runtime/trace_file.py); trace_lines.py describes the lines."""

from collections import deque
from pathlib import Path

from quorate.raft import Event, Output, Snapshot, State
from quorate.raft_server.trace_lines import (
    boot_line,
    digest,
    hashed,
    named,
    named_message,
    outline,
    persist_shown,
)
from quorate.runtime.trace_file import DurableLine, PartLine, TraceFile


class Tracer(TraceFile):
    """The file to which a server appends its steps."""

    def __init__(self, path: Path, part_bytes: int | None = None, parts: int | None = None) -> None:
        """Append to the file at `path`, divided as TraceFile says; raises OSError if it can't be opened."""
        self._steps = 0
        self._state: State | None = None
        self._unwritten: deque[tuple[int, State, Output]] = deque()  # with the state before the step
        self._storage, self._after_term = "", 0
        self._latest: tuple[Snapshot, Snapshot] | None = None  # a snapshot, and what is noted of it
        super().__init__(path, part_bytes, parts)

    def identify(self, incarnation: bytes, after_term: int) -> None:
        """Set the storage of the next boots, and the latest term of the lost storage that it replaced, or 0."""
        self._storage, self._after_term = incarnation.hex(), after_term

    def prepare(self, snapshot: Snapshot) -> None:
        """Hash a snapshot in advance, in any thread: a large one takes long."""
        self._latest = snapshot, hashed(snapshot)

    def _hashed(self, snapshot: Snapshot) -> Snapshot:
        latest = self._latest
        return latest[1] if latest is not None and latest[0] is snapshot else hashed(snapshot)

    def boot(self, state: State) -> None:
        """Record the state in which this run begins."""
        if self._is_new and self._part > 0:
            self._note(PartLine(state.id, state.config.members, self._part, None))
        self._steps, self._state = 0, state
        self._unwritten.clear()
        self._note(boot_line(state, self._storage, self._after_term))

    def step(self, event: Event, output: Output) -> None:
        """Record the next step of the core."""
        self._steps += 1
        waits = output.persist is not None or (self._unwritten and output.send_when_durable)
        if self._state is not None and waits:
            self._unwritten.append((self._steps, self._state, output))
        self._state = output.state
        self._note(
            {
                "line": "step",
                "number": self._steps,
                "event": named(event, self._hashed),
                "state": digest(output.state),
                "send_now": [outline(message) for message in output.send_now],
                "send_when_durable": [outline(message) for message in output.send_when_durable],
                "reads": output.reads,
            }
        )

    def durable(self, step: int) -> None:
        """Record that all writes of the steps up to this one are on disk."""
        assert step <= self._steps, "a step is durable that was not taken"
        while self._unwritten and self._unwritten[0][0] <= step:
            self._unwritten.popleft()
        self._note(DurableLine(step))

    def _begin_part(self) -> None:
        if self._state is not None:
            self._note(PartLine(self._state.id, self._state.config.members, self._part, self._steps))
            self._checkpoint(self._state)

    def _checkpoint(self, state: State) -> None:
        """Record everything about the server between two steps, in time proportional to the log."""
        durable = self._unwritten[0][1] if self._unwritten else state
        self._note(
            {
                "line": "checkpoint",
                "number": self._steps,
                "disk": boot_line(durable, self._storage, self._after_term, self._hashed),
                "unwritten": [
                    {
                        "number": number,
                        "persist": persist_shown(output.persist, self._hashed),
                        "messages": [named_message(message, self._hashed) for message in output.send_when_durable],
                    }
                    for number, _, output in self._unwritten
                ],
                "state": digest(state),
            }
        )
