"""The lines of a trace, which is newline-delimited JSON.

- `part`: the first line of each part but the first: its number, and the number of the step before it.
- `checkpoint`: the line after it, if a run goes on in that part: the state of the core and its disk between two steps.
  So a trace can be judged from there on when the parts before it are gone.
- `boot`: the member, its configuration, the durable state that it started from, and the storage's incarnation, and, if
  it replaced a lost one, the latest term of that (quorate.membership.register).
- `step`: one step of the core. `number` counts from 1 in each boot. `event` is the name of the event and all its
  fields; a received message has its own name. `send_now` and `send_when_durable` list the messages in the same way, but
  with the number of entries instead of entries, and without the data of snapshots: replaying the core gives the rest.
  `reads` is the round of reads that a quorum has confirmed by this step, with its read index, or null.
  `state` is a digest of the state afterwards: every field but the log, of which it has both ends. Fields with default
  values are left out.
- `durable`: all writes of the steps up to `number` are on disk.

Bytes are base64. A snapshot's bytes are replaced by their BLAKE2b hash, for the core never looks inside; a large
command is replaced, too (trace_values.py).
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from msgspec import Raw, Struct

from quorate.raft import (
    AppendEntries,
    Config,
    ConfirmedReads,
    Entry,
    Event,
    InstallSnapshot,
    Message,
    NodeId,
    Persist,
    Receive,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
)
from quorate.raft_server.trace_values import entries_with, stand_in, with_commands
from quorate.runtime.trace_file import DurableLine, PartLine

SNAPSHOT_HASH_BYTES: Final = 16
Named: TypeAlias = tuple[str, Any]  # and an object whose fields are written
Outline: TypeAlias = tuple[str, dict[str, Any]]


class BootLine(Struct, frozen=True, tag_field="line", tag="boot", forbid_unknown_fields=True):
    """Member `node` starts with this disk; `entries` follow `snapshot`."""

    node: NodeId
    config: Config
    current_term: int
    voted_for: NodeId | None
    snapshot: Snapshot | None
    entries: tuple[Entry, ...]
    storage: str = ""
    after_term: int = 0

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The founders of its cluster, none if it joined later."""
        return self.config.members


class Digest(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A state without the entries between the log's ends, of constant size."""

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
    read_round: int = 0
    read_index: int = 0
    confirmed_by: tuple[NodeId, ...] = ()
    heard_from: tuple[NodeId, ...] = ()
    caught_up_index: int = 0
    transfer_target: NodeId | None = None


class StepLine(Struct, frozen=True, tag_field="line", tag="step", forbid_unknown_fields=True):
    """A step of the core. A name goes with fields: those of the event, or those in the `outline` of a message."""

    number: int
    event: tuple[str, Raw]
    state: Digest
    send_now: tuple[Outline, ...]
    send_when_durable: tuple[Outline, ...]
    reads: ConfirmedReads | None = None


class UnwrittenStep(Struct, frozen=True, forbid_unknown_fields=True):
    """Step `number` waits for the disk, and `messages` leave when it is durable."""

    number: int
    persist: Persist | None
    messages: tuple[tuple[str, Raw], ...]


class CheckpointLine(Struct, frozen=True, tag_field="line", tag="checkpoint", forbid_unknown_fields=True):
    """After step `number` a run is in `state`; a restart would begin with `disk`, which may lack `unwritten`."""

    number: int
    disk: BootLine
    unwritten: tuple[UnwrittenStep, ...]
    state: Digest


Line: TypeAlias = PartLine | BootLine | CheckpointLine | StepLine | DurableLine


def digest(state: State) -> Digest:
    """Return the digest of a state, for the line of a step."""
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
        read_round=state.reads.number,
        read_index=state.reads.index,
        confirmed_by=tuple(sorted(state.reads.confirmed_by)),
        heard_from=tuple(sorted(state.heard_from)),
        caught_up_index=state.caught_up_index,
        transfer_target=state.transfer_target,
    )


def outline(message: Message) -> Named:
    """Return the name and fields of a sent message, in constant size, for the line of a step."""
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


def hashed(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot with a hash in place of its bytes."""
    return replace(snapshot, data=blake2b(snapshot.data, digest_size=SNAPSHOT_HASH_BYTES).digest())


Hashed: TypeAlias = Callable[[Snapshot], Snapshot]


def named(event: Event, hashed: Hashed = hashed) -> Named:
    """Return the name and fields of an event, for the line of a step; `hashed` may know a snapshot's hash already."""
    match event:
        case Receive(message):
            return named_message(message, hashed)
        case SnapshotTaken(snapshot):
            return "SnapshotTaken", SnapshotTaken(hashed(snapshot))
        case _:
            return type(event).__name__, with_commands(event, stand_in)


def named_message(message: Message, hashed: Hashed = hashed) -> Named:
    """Return the name and all fields of a message."""
    if isinstance(message, InstallSnapshot):
        message = replace(message, snapshot=hashed(message.snapshot))
    return type(message).__name__, with_commands(message, stand_in)


def persist_shown(persist: Persist | None, hashed: Hashed = hashed) -> Persist | None:
    """Return a write in the form of traces."""
    if persist is None:
        return None
    if persist.snapshot is not None:
        persist = replace(persist, snapshot=hashed(persist.snapshot))
    return with_commands(persist, stand_in)


def boot_line(state: State, storage: str, after_term: int, hashed: Hashed = hashed) -> BootLine:
    """Return the line of a start with the durable part of this state."""
    return BootLine(
        node=state.id,
        config=state.config,
        current_term=state.current_term,
        voted_for=state.voted_for,
        snapshot=None if state.snapshot is None else hashed(state.snapshot),
        entries=entries_with(state.log.entries, stand_in),
        storage=storage,
        after_term=after_term,
    )
