"""The trace of a server: its steps as newline-delimited JSON, for `model-check trace`.

A file belongs to one member, which appends to it at each start. It may be divided into parts: when it reaches a given
size, it is renamed (`n1.ndjson` to `n1.1.ndjson`, `n1.2.ndjson` and so on) and begun anew; and `reopen` begins a new
file if another program has moved the old one away. The number of parts may be limited to the latest. A part begins with
a checkpoint, so that it can be judged without the parts before it. trace_lines.py describes the lines.

`flush` writes lines to the operating system before any message of their steps leaves. So a killed process has sent no
message that is missing in its file; at worst the last line is cut off. A computer that loses power may lose lines, for
the file is not synced.

A trace that can't be written any more ends, and the server goes on without it. The file is then renamed
(`n1.3.gap.ndjson`), which needs no room on a full disk, so that its end isn't taken for the end of the run.
"""

import logging
import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import MsgspecError, json
from msgspec.json import Encoder

from quorate.raft import Event, Output, Snapshot, State
from quorate.raft_server.trace_lines import (
    DurableLine,
    PartLine,
    boot_line,
    digest,
    hashed,
    named,
    named_message,
    outline,
    persist_shown,
)
from quorate.runtime.paths import is_file

log = logging.getLogger("quorate.trace")

LONGEST_HEADER: Final = 1 << 16  # bytes
GAP: Final = ".gap"  # in the name of a part after which steps are missing


class Tracer:
    """Appends to the file at `path`; raises OSError if it can't be opened.

    A part ends when it has `part_bytes`, if given, and twice the size of its checkpoint. `parts` limits the number of
    parts, the current one included. `lost` means that the trace can't be written any more.
    """

    def __init__(self, path: Path, part_bytes: int | None = None, parts: int | None = None) -> None:
        self.lost = False
        self._path = path
        self._part_bytes = part_bytes
        self._parts = parts
        self._encoder = Encoder()
        self._steps = 0
        self._state: State | None = None
        self._unwritten: deque[tuple[int, State, Output]] = deque()  # with the state before the step
        self._storage, self._after_term = "", 0
        self._buffer = bytearray()
        self._latest: tuple[Snapshot, Snapshot] | None = None  # a snapshot, and what is noted of it
        self._open()

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

    def flush(self) -> None:
        """Write all lines to the operating system, usually in one call."""
        if self.lost:
            return
        try:
            while self._buffer:
                count = os.write(self._file, self._buffer)
                del self._buffer[:count]
                self._bytes += count
            if self._is_full() and is_file(self._path):
                self._path.rename(self._named(f".{self._part + 1}"))
                self._reopen()
                self._remove_old()
        except OSError as error:
            self._lose(error)

    def reopen(self) -> None:
        """Begin a new file if another program has moved or removed the current one."""
        self.flush()
        try:
            if not self.lost and not self._is_in_place():
                self._reopen()
        except OSError as error:
            self._lose(error)

    def close(self) -> None:
        """Flush, and close the file."""
        self.flush()
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._bytes = os.fstat(self._file).st_size
        self._part = max((_part_of(self._file), *(number for number, _ in self._finished())))
        self._head = 0
        # A new line after a line that a kill has cut off.
        self._buffer += b"" if _ends_in_newline(self._file) else b"\n"

    def _reopen(self) -> None:
        part, old = self._part + 1, self._file
        self._open()
        os.close(old)
        self._part = max(self._part, part)
        if self._state is not None and self._is_new:
            self._note(PartLine(self._state.id, self._state.config.members, self._part, self._steps))
            self._checkpoint(self._state)
            self._head = len(self._buffer)

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

    def _is_full(self) -> bool:
        # The checkpoint must not be most of a part.
        return self._part_bytes is not None and self._bytes >= max(self._part_bytes, 2 * self._head)

    def _remove_old(self) -> None:
        """Remove surplus parts, the oldest first; never the current file."""
        if self._parts is None:
            return
        for number, path in sorted(self._finished()):
            if number > self._part - self._parts + 1:
                return
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                reason = error.strerror
                log.warning("an old part of the trace can't be removed", extra={"trace": path, "reason": reason})
                return

    @property
    def _is_new(self) -> bool:
        return self._bytes == 0

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _lose(self, error: OSError) -> None:
        """End the trace; the server goes on, since it has promised nobody a trace."""
        self.lost = True
        self._buffer.clear()
        gap = self._named(f".{self._part + 1}{GAP}")
        reason = error.strerror
        try:
            if is_file(self._path):
                self._path.rename(gap)
        except OSError as another:
            reason = f"{reason}; and it can't be renamed to {gap.name}: {another.strerror}"
        log.error("the trace can't be written: going on without", extra={"trace": self._path, "reason": reason})

    def _named(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.stem}{what}{self._path.suffix}")

    def _finished(self) -> Iterator[tuple[int, Path]]:
        """Yield the finished parts, each with the number of the next one."""
        name = re.compile(rf"{re.escape(self._path.stem)}\.(\d+)({re.escape(GAP)})?{re.escape(self._path.suffix)}")
        for path in self._path.parent.iterdir():
            if match := name.fullmatch(path.name):
                yield int(match[1]), path

    def _note(self, line: object) -> None:
        if not self.lost:
            self._encoder.encode_into(line, self._buffer, -1)
            self._buffer += b"\n"


def _ends_in_newline(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _part_of(file: int) -> int:
    """Return the number in a file's part line, 0 if there is none."""
    try:
        return json.decode(os.pread(file, LONGEST_HEADER, 0).partition(b"\n")[0], type=PartLine).part
    except MsgspecError:
        return 0
