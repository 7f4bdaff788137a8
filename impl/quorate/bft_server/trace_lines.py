"""The lines of a member's trace, which is newline-delimited JSON.

- `part`: the first line of each part but the first: its number, and the number of the step before it.
- `checkpoint`: the line after it, if a run goes on in that part: the state of the core and its disk between two steps.
- `boot`: the member, the name and public keys of its cluster, and the disk that it started from.
- `step`: one step of the core. `number` counts from 1 in each boot. `event` is the name of the event and all its
  fields; a received message has its own name. `send` lists the messages in the same way, but of a certificate only the
  view and digest: replaying the core gives the rest. `state` is a digest of the state afterwards; fields with default
  values are left out. Steps at which the core refused a message are left out: they change nothing.
- `durable`: all writes of the steps up to `number` are on disk.

Bytes are base64. Secret keys are in no line, nor are the requests of clients, of which the core knows only digests.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from msgspec import Raw, Struct

from quorate.bft import (
    Certificate,
    Durable,
    Event,
    Message,
    NodeId,
    Persist,
    Propose,
    Receive,
    State,
)
from quorate.bft.decisions import Decisions
from quorate.bft.messages import Timeout, Vote, view_of
from quorate.runtime.trace_file import DurableLine, PartLine

PROTOCOL: Final = "bft"
Named: TypeAlias = tuple[str, Any]  # and an object whose fields are written
Outline: TypeAlias = tuple[str, dict[str, Any]]


class BootLine(Struct, frozen=True, tag_field="line", tag="boot", forbid_unknown_fields=True):
    """Member `node` starts with this disk, which has decided `forgotten` blocks before `decisions`."""

    protocol: str
    node: NodeId
    cluster: bytes
    keys: dict[NodeId, bytes]
    forgotten: int
    decisions: tuple[Certificate, ...]
    view: int
    accepted: Propose | None
    lock: Certificate | None
    committed_view: int
    proposed_view: int

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The members of the cluster, in order."""
        return tuple(sorted(self.keys))

    @property
    def durable(self) -> Durable:
        """The contents of the disk."""
        decisions = Decisions(self.forgotten).extend(self.decisions)
        return Durable(decisions, self.view, self.accepted, self.lock, self.committed_view, self.proposed_view)


class Digest(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A state without the decisions but the last, and without signatures."""

    index: int = 1
    view: int = 1
    decided: bytes = b""
    accepted_view: int = 0
    lock_view: int = 0
    lock_digest: bytes = b""
    committed_view: int = 0
    proposed_view: int = 0
    known: int = 0
    timeouts: tuple[tuple[NodeId, int], ...] = ()
    waited: bool = False
    votes: tuple[tuple[NodeId, int], ...] = ()


class StepLine(Struct, frozen=True, tag_field="line", tag="step", forbid_unknown_fields=True):
    """A step of the core. A name goes with fields: those of the event, or those in the `outline` of a message."""

    number: int
    event: tuple[str, Raw]
    state: Digest
    send: tuple[Outline, ...]


class UnwrittenStep(Struct, frozen=True, forbid_unknown_fields=True):
    """Step `number` waits for the disk, and `messages` leave when it is durable."""

    number: int
    persist: Persist | None
    messages: tuple[tuple[str, Raw], ...]


class CheckpointLine(Struct, frozen=True, tag_field="line", tag="checkpoint", forbid_unknown_fields=True):
    """After step `number` a run is in a state with these volatile fields; its writes are on `disk`, but `unwritten`."""

    number: int
    disk: BootLine
    unwritten: tuple[UnwrittenStep, ...]
    known: tuple[bytes, ...]
    timeouts: tuple[Timeout, ...]
    waited: bool
    proposal: Propose | None
    votes: tuple[Vote, ...]


Line: TypeAlias = PartLine | BootLine | CheckpointLine | StepLine | DurableLine


def boot_line(state: State, keys: Mapping[NodeId, bytes]) -> BootLine:
    """Return the line of a start with the disk that `state` has; `keys` are the members' public keys."""
    return BootLine(
        PROTOCOL,
        state.id,
        state.config.cluster,
        dict(keys),
        state.decisions.forgotten,
        tuple(state.decisions),
        state.view,
        state.accepted,
        state.lock,
        state.committed_view,
        state.proposed_view,
    )


def digest(state: State) -> Digest:
    """Return the digest of a state, for the line of a step."""
    last = state.decisions.at(len(state.decisions))
    return Digest(
        index=state.index,
        view=state.view,
        decided=b"" if last is None else last.digest,
        accepted_view=0 if state.accepted is None else state.accepted.view,
        lock_view=view_of(state.lock),
        lock_digest=b"" if state.lock is None else state.lock.digest,
        committed_view=state.committed_view,
        proposed_view=state.proposed_view,
        known=len(state.known),
        timeouts=tuple((timeout.source, timeout.view) for timeout in state.timeouts),
        waited=state.waited,
        votes=tuple((vote.source, vote.phase) for vote in state.votes),
    )


def named(event: Event) -> Named:
    """Return an event as it is written: the name of the event, or of the message that it receives, and its fields."""
    return named_message(event.message) if isinstance(event, Receive) else (type(event).__name__, event)


def named_message(message: Message) -> Named:
    """Return a message with its name."""
    return type(message).__name__, message


def outline(message: Message) -> Outline:
    """Return a message's name and its fields, of a certificate only the view and the digest."""
    fields: dict[str, Any] = {}
    for name in message.__dataclass_fields__:
        value = getattr(message, name)
        fields[name] = {"view": value.view, "digest": value.digest} if isinstance(value, Certificate) else value
    return type(message).__name__, fields
