"""What a server did, as newline-delimited JSON, so that `model-check trace` can check it afterwards.

A file belongs to one member and is appended to each time it starts. It may be cut into parts: when it has grown to the
size that was asked for, it is renamed (`n1.ndjson` to `n1.1.ndjson`, `n1.2.ndjson` and so on) and begun anew; and
`reopen` goes on in a new file if somebody has moved the old one away. Its lines are:

- `part`: the first line of each part but the first: which it is, and the number of the step before it.
- `boot`: the member, its configuration, the durable state that it started from, and whose storage that was on: its
  incarnation, and, if it took the place of a lost one, the latest term of that (quorate.membership.register).
- `step`: one step of the core. `number` counts from 1 in each boot. `event` is the name of the event and all its
  fields; a received message stands there by its own name. `send_now` and `send_when_durable` list the messages sent
  in the same way, but say of entries how many, and of a snapshot which, for replaying the core gives the rest.
  `state` is a digest of the state afterwards: every field but what is in the log, of which it has the ends. Fields
  that hold their defaults are left out.
- `durable`: all that the steps up to `number` asked to write is on disk.

Bytes are base64. A snapshot's bytes stand nowhere: their BLAKE2b hash stands for them, for the core never looks inside.

Lines reach the operating system with `flush`, before any message leaves that they tell of. A killed process therefore
has sent nothing that its file doesn't tell; at worst the file's last line is cut off. A computer that loses power may
lose lines: the file is not synced.

A trace that can't be written any more ends, and the server goes on without. That file is renamed (`n1.3.gap.ndjson`),
which takes no room on a disk that is full, so that nobody takes its end for the end of what was done.
"""

import logging
import os
import re
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Raw, Struct
from msgspec.json import Encoder

from quorate.paths import is_file
from quorate.raft import (
    AppendEntries,
    Config,
    Entry,
    Event,
    InstallSnapshot,
    Message,
    NodeId,
    Output,
    Receive,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
)

log = logging.getLogger("quorate.trace")

SNAPSHOT_HASH_BYTES: Final = 16
GAP: Final = ".gap"  # in the name of a part after which steps were taken that stand nowhere
Named: TypeAlias = tuple[str, Any]  # and an object that is written as its fields
Outline: TypeAlias = tuple[str, dict[str, Any]]


class PartLine(Struct, frozen=True, tag_field="line", tag="part", forbid_unknown_fields=True):
    """The trace goes on in this file; `after_step` is None if its process began with it."""

    node: NodeId
    members: tuple[NodeId, ...]
    part: int
    after_step: int | None


class BootLine(Struct, frozen=True, tag_field="line", tag="boot", forbid_unknown_fields=True):
    """Member `node` starts with this on its disk; `entries` follow `snapshot`."""

    node: NodeId
    config: Config
    current_term: int
    voted_for: NodeId | None
    snapshot: Snapshot | None
    entries: tuple[Entry, ...]
    storage: str = ""
    after_term: int = 0


class Digest(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A state, but for the entries between the log's ends; takes no longer for a longer log."""

    current_term: int = 0
    voted_for: NodeId | None = None
    snapshot_index: int = 0
    snapshot_term: int = 0
    last_index: int = 0
    last_term: int = 0
    role: Role = Role.FOLLOWER
    leader_id: NodeId | None = None
    commit_index: int = 0
    last_applied: int = 0
    votes_granted: tuple[NodeId, ...] = ()
    durable_index: int = 0
    next_index: tuple[int, ...] = ()
    match_index: tuple[int, ...] = ()


class StepLine(Struct, frozen=True, tag_field="line", tag="step", forbid_unknown_fields=True):
    """The core took an event. A name goes with fields: of the event, or of what `outline` says of a message."""

    number: int
    event: tuple[str, Raw]
    state: Digest
    send_now: tuple[Outline, ...]
    send_when_durable: tuple[Outline, ...]


class DurableLine(Struct, frozen=True, tag_field="line", tag="durable", forbid_unknown_fields=True):
    """The disk holds what the steps up to `number` asked to write."""

    number: int


Line: TypeAlias = PartLine | BootLine | StepLine | DurableLine


def digest(state: State) -> Digest:
    """Return what a step's line says of the state after it."""
    log = state.log
    return Digest(
        current_term=state.current_term,
        voted_for=state.voted_for,
        snapshot_index=log.snapshot_index,
        snapshot_term=log.snapshot_term,
        last_index=log.last_index,
        last_term=log.last_term,
        role=state.role,
        leader_id=state.leader_id,
        commit_index=state.commit_index,
        last_applied=state.last_applied,
        votes_granted=tuple(sorted(state.votes_granted)),
        durable_index=state.durable_index,
        next_index=state.next_index,
        match_index=state.match_index,
    )


def outline(message: Message) -> Named:
    """Return what a step's line says of a message that it sends: its name and fields, in constant size."""
    match message:
        case AppendEntries():
            return "AppendEntries", {
                "source": message.source,
                "dest": message.dest,
                "term": message.term,
                "prev_log_index": message.prev_log_index,
                "prev_log_term": message.prev_log_term,
                "entries": len(message.entries),
                "leader_commit": message.leader_commit,
            }
        case InstallSnapshot(snapshot=snapshot):
            return "InstallSnapshot", {
                "source": message.source,
                "dest": message.dest,
                "term": message.term,
                "last_included_index": snapshot.last_included_index,
                "last_included_term": snapshot.last_included_term,
            }
        case _:
            return type(message).__name__, message


class Tracer:
    """Appends to the file at `path`; OSError if it can't be opened.

    A part ends when it has `part_bytes`, if that is given. `lost` says that the trace can't be written any more.
    """

    def __init__(self, path: Path, part_bytes: int | None = None) -> None:
        self.lost = False
        self._path = path
        self._part_bytes = part_bytes
        self._encoder = Encoder()
        self._steps = 0
        self._config: tuple[NodeId, Config] | None = None
        self._storage, self._after_term = "", 0
        self._buffer = bytearray()
        self._open()

    def identify(self, incarnation: bytes, after_term: int) -> None:
        """Say which storage the next boots are of, and of a lost one in whose place it is the latest term, or 0."""
        self._storage, self._after_term = incarnation.hex(), after_term

    def boot(self, state: State) -> None:
        """Note the state that this run begins with."""
        self._config = state.id, state.config
        if self._is_new and self._part > 0:
            self._note(PartLine(state.id, state.config.members, self._part, None))
        self._steps = 0
        self._note(
            BootLine(
                node=state.id,
                config=state.config,
                current_term=state.current_term,
                voted_for=state.voted_for,
                snapshot=None if state.snapshot is None else hashed(state.snapshot),
                entries=state.log.entries,
                storage=self._storage,
                after_term=self._after_term,
            )
        )

    def step(self, event: Event, output: Output) -> None:
        """Note one step of the core, the next in its order."""
        self._steps += 1
        self._note(
            {
                "line": "step",
                "number": self._steps,
                "event": _named(event),
                "state": digest(output.state),
                "send_now": [outline(message) for message in output.send_now],
                "send_when_durable": [outline(message) for message in output.send_when_durable],
            }
        )

    def durable(self, step: int) -> None:
        """Note that all that the steps up to this one asked to write is on disk."""
        assert step <= self._steps, "a step is durable that was not taken"
        self._note(DurableLine(step))

    def flush(self) -> None:
        """Hand all notes to the operating system: in one call, unless it takes only a part."""
        if self.lost:
            return
        try:
            while self._buffer:
                count = os.write(self._file, self._buffer)
                del self._buffer[:count]
                self._bytes += count
            if self._part_bytes is not None and self._bytes >= self._part_bytes and is_file(self._path):
                self._path.rename(self._named(f".{self._part + 1}"))
                self._reopen()
        except OSError as error:
            self._lose(error)

    def reopen(self) -> None:
        """Go on in a new file, if somebody has moved the present one away or removed it."""
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
        self._part = self._last_part()
        # A line that a kill has cut off must not swallow the next one.
        self._buffer += b"" if _ends_in_newline(self._file) else b"\n"

    def _reopen(self) -> None:
        part, old = self._part + 1, self._file
        self._open()
        os.close(old)
        self._part = max(self._part, part)
        if self._config is not None and self._is_new:
            node, config = self._config
            self._note(PartLine(node, config.members, self._part, self._steps))

    @property
    def _is_new(self) -> bool:
        return self._bytes == 0

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _lose(self, error: OSError) -> None:
        """Go on without: what has promised nothing to anybody must not stop a server that has."""
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

    def _last_part(self) -> int:
        """The number of the last part beside the file, 0 if there is none."""
        name = re.compile(rf"{re.escape(self._path.stem)}\.(\d+)({re.escape(GAP)})?{re.escape(self._path.suffix)}")
        found = (name.fullmatch(path.name) for path in self._path.parent.iterdir())
        return max((int(match[1]) for match in found if match), default=0)

    def _note(self, line: object) -> None:
        if not self.lost:
            self._encoder.encode_into(line, self._buffer, -1)
            self._buffer += b"\n"


def _named(event: Event) -> Named:
    """Return what a step's line says of its event."""
    match event:
        case Receive(InstallSnapshot() as message):
            return "InstallSnapshot", replace(message, snapshot=hashed(message.snapshot))
        case Receive(message):
            return type(message).__name__, message
        case SnapshotTaken(snapshot):
            return "SnapshotTaken", SnapshotTaken(hashed(snapshot))
        case _:
            return type(event).__name__, event


def hashed(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as traces show it: with a hash in place of its bytes."""
    return replace(snapshot, data=blake2b(snapshot.data, digest_size=SNAPSHOT_HASH_BYTES).digest())


def _ends_in_newline(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
