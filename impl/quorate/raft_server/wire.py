"""The encoding of messages to peers: one msgpack array each, with an integer for its kind, then its fields in order.

The structs below are the whole format. Nothing else decodes: unknown kinds, missing or surplus fields, other types,
negative numbers and trailing bytes are errors. A change to them, or to claims (quorate.membership.handshake), needs a
new WIRE_VERSION, which peers compare first.

The core's numbers have no limit. The wire accepts none above 2^62, for the disk has 63 bits; `headroom.py` keeps terms
and indexes far below that.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import repeat
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from quorate.raft import messages as raft
from quorate.raft.configuration import NodeId
from quorate.raft.messages import Entry, Snapshot
from quorate.raft_server import configuration_text
from quorate.raft_server.frames import MAX_FRAME_BYTES
from quorate.raft_server.interfaces import Spoken
from quorate.raft_server.messages import (
    Answer,
    ChunkTaken,
    Farewell,
    Forward,
    SignOfLife,
    SnapshotChunk,
    StateDigest,
)
from quorate.runtime.interfaces import DIGEST_BYTES
from quorate.runtime.outcomes import Done, NotDone, Unknown
from quorate.runtime.transport.codec import Codec
from quorate.runtime.transport.codec import Natural as _Natural
from quorate.runtime.transport.frames import WireError

WIRE_VERSION: Final = 7
MAX_ENTRIES: Final = 1 << 16  # in one message: an entry of two bytes on the wire takes a hundred in memory

LARGE_BYTES: Final = 1 << 16  # from here on copying costs more than sending bytes separately

_Bounded: Final = msgspec.Meta(max_length=MAX_ENTRIES)


class _Wire(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The tag comes first in the array."""


class _PreVote(_Wire, tag=1):
    source: _Natural
    dest: _Natural
    term: _Natural
    last_log_index: _Natural
    last_log_term: _Natural


class _PreVoteReply(_Wire, tag=2):
    source: _Natural
    dest: _Natural
    term: _Natural
    vote_granted: bool


class _RequestVote(_Wire, tag=3):
    source: _Natural
    dest: _Natural
    term: _Natural
    last_log_index: _Natural
    last_log_term: _Natural
    transfer: bool


class _RequestVoteReply(_Wire, tag=4):
    source: _Natural
    dest: _Natural
    term: _Natural
    vote_granted: bool


class _AppendEntries(_Wire, tag=5):
    """The entries are two lists of the same length: shorter and faster than a list of pairs.

    `configurations` has those of the entries that have one, with their places, counted from 0.
    """

    source: _Natural
    dest: _Natural
    term: _Natural
    prev_log_index: _Natural
    prev_log_term: _Natural
    terms: Annotated[list[_Natural], _Bounded]
    commands: Annotated[list[bytes | None], _Bounded]
    configurations: Annotated[list[tuple[_Natural, bytes]], _Bounded]
    leader_commit: _Natural


class _AppendEntriesReply(_Wire, tag=6):
    source: _Natural
    dest: _Natural
    term: _Natural
    success: bool
    match_index: _Natural
    prev_log_index: _Natural
    conflict_term: _Natural | None
    conflict_index: _Natural


class _InstallSnapshot(_Wire, tag=7):
    source: _Natural
    dest: _Natural
    term: _Natural
    last_included_index: _Natural
    last_included_term: _Natural
    data: bytes
    configuration: bytes | None


class _InstallSnapshotReply(_Wire, tag=8):
    source: _Natural
    dest: _Natural
    term: _Natural
    match_index: _Natural


class _Forward(_Wire, tag=9):
    id: _Natural
    write: bool
    payload: bytes


class _AnswerDone(_Wire, tag=10):
    id: _Natural
    reply: bytes


class _AnswerNotDone(_Wire, tag=11):
    id: _Natural
    why: str


class _AnswerUnknown(_Wire, tag=12):
    id: _Natural
    why: str


class _ConfirmLeadership(_Wire, tag=13):
    source: _Natural
    dest: _Natural
    term: _Natural
    round: _Natural


class _LeadershipConfirmed(_Wire, tag=14):
    source: _Natural
    dest: _Natural
    term: _Natural
    round: _Natural


class _TimeoutNow(_Wire, tag=15):
    source: _Natural
    dest: _Natural
    term: _Natural


class _Farewell(_Wire, tag=16):
    reply: bool


class _SignOfLife(_Wire, tag=17):
    term: _Natural
    reply: bool


class _SnapshotChunk(_Wire, tag=18):
    term: _Natural
    last_included_index: _Natural
    last_included_term: _Natural
    length: _Natural
    digest: bytes
    offset: _Natural
    data: bytes
    configuration: bytes | None


class _ChunkTaken(_Wire, tag=19):
    digest: bytes
    length: _Natural


class _StateDigest(_Wire, tag=20):
    index: _Natural
    digest: Annotated[bytes, msgspec.Meta(max_length=DIGEST_BYTES)]


# Kinds of messages that have the same fields in the core as on the wire.
_ALIKE: Final[dict[type[Any], type[_Wire]]] = {
    raft.PreVote: _PreVote,
    raft.PreVoteReply: _PreVoteReply,
    raft.RequestVote: _RequestVote,
    raft.RequestVoteReply: _RequestVoteReply,
    raft.AppendEntriesReply: _AppendEntriesReply,
    raft.InstallSnapshotReply: _InstallSnapshotReply,
    raft.ConfirmLeadership: _ConfirmLeadership,
    raft.LeadershipConfirmed: _LeadershipConfirmed,
    raft.TimeoutNow: _TimeoutNow,
    Forward: _Forward,
    SignOfLife: _SignOfLife,
    Farewell: _Farewell,
    SnapshotChunk: _SnapshotChunk,
    ChunkTaken: _ChunkTaken,
    StateDigest: _StateDigest,
}


def _fields_of(wire: type[_Wire]) -> Callable[[Any], tuple[Any, ...]]:
    fields: Callable[[Any], Any] = attrgetter(*wire.__struct_fields__)
    # attrgetter makes no tuple of a single name.
    return fields if len(wire.__struct_fields__) > 1 else lambda message: (fields(message),)


_FIELDS: Final = {kind: _fields_of(wire) for kind, wire in _ALIKE.items()}
_KIND: Final = {wire: kind for kind, wire in _ALIKE.items()}

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[_Wire]] = msgspec.msgpack.Decoder(
    _PreVote
    | _PreVoteReply
    | _RequestVote
    | _RequestVoteReply
    | _AppendEntries
    | _AppendEntriesReply
    | _InstallSnapshot
    | _InstallSnapshotReply
    | _Forward
    | _AnswerDone
    | _AnswerNotDone
    | _AnswerUnknown
    | _ConfirmLeadership
    | _LeadershipConfirmed
    | _TimeoutNow
    | _Farewell
    | _SignOfLife
    | _SnapshotChunk
    | _ChunkTaken
    | _StateDigest
)


def encode(message: Spoken) -> bytes:
    """The bytes of a message; raises the errors of `encode_parts`."""
    return b"".join(encode_parts(message))


def encode_parts(message: Spoken) -> Sequence[bytes]:
    """The bytes of a message in parts; large bytes of a client are a part of their own, and aren't copied.

    Raises WireError if a number has more than 64 bits, a text is no Unicode, or there are more than MAX_ENTRIES
    entries.
    """
    match message:
        case (
            raft.AppendEntries(entries=(Entry(command=bytes(data)),))
            | Forward(payload=data)
            | Answer(outcome=Done(data))
        ):
            is_large = len(data) >= LARGE_BYTES
        case _:
            is_large = False
    try:
        wire = _to_wire(message)
        if is_large:
            return _split([wire.__struct_config__.tag, *msgspec.structs.astuple(wire)])
        return (_ENCODER.encode(wire),)
    except (OverflowError, ValueError) as error:
        raise WireError(f"{type(message).__name__} cannot be encoded: {error}") from None


def _split(value: object) -> list[bytes]:
    """The msgpack encoding of a value in parts: the header of an array or of large bytes is a part of its own."""
    if isinstance(value, list):
        # The header of an array of at most 15 elements; no message has more.
        return [bytes([0x90 | len(value)]), *(part for element in value for part in _split(element))]
    if isinstance(value, bytes) and len(value) >= LARGE_BYTES:
        return [b"\xc6" + len(value).to_bytes(4, "big"), value]
    return [_ENCODER.encode(value)]


def decode(payload: bytes | memoryview) -> Spoken:
    """The message in `payload`, with which it shares no memory; raises WireError if it is invalid."""
    try:
        return _from_wire(_DECODER.decode(payload))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"malformed message: {error}") from None


def _to_wire(message: Spoken) -> _Wire:  # noqa: PLR0911  # one case for each message
    match message:
        case raft.AppendEntries(source, dest, term, prev_index, prev_term, entries, leader_commit):
            if len(entries) > MAX_ENTRIES:
                raise ValueError(f"{len(entries)} entries are more than {MAX_ENTRIES}")
            terms, commands = [entry.term for entry in entries], [entry.command for entry in entries]
            texts = ((place, configuration_text.encode(entry.configuration)) for place, entry in enumerate(entries))
            places = [(place, text) for place, text in texts if text is not None]
            return _AppendEntries(source, dest, term, prev_index, prev_term, terms, commands, places, leader_commit)
        case raft.InstallSnapshot(source, dest, term, Snapshot(last_index, last_term, data, configuration)):
            text = configuration_text.encode(configuration)
            return _InstallSnapshot(source, dest, term, last_index, last_term, data, text)
        case SnapshotChunk(configuration=configuration):
            *fields, _ = _FIELDS[SnapshotChunk](message)
            return _SnapshotChunk(*(*fields, configuration_text.encode(configuration)))
        case Answer(number, Done(reply)):
            return _AnswerDone(number, reply)
        case Answer(number, NotDone(why)):
            return _AnswerNotDone(number, why)
        case Answer(number, Unknown(why)):
            return _AnswerUnknown(number, why)
        case _:
            kind = type(message)
            return _ALIKE[kind](*_FIELDS[kind](message))


def _from_wire(wire: _Wire) -> Spoken:  # noqa: PLR0911  # one case for each message
    match wire:
        case _AppendEntries():
            entries = _entries(wire.terms, wire.commands, wire.configurations)
            fields = wire.source, wire.dest, wire.term, wire.prev_log_index, wire.prev_log_term
            return raft.AppendEntries(*fields, entries, wire.leader_commit)
        case _InstallSnapshot():
            configuration = configuration_text.decode(wire.configuration)
            snapshot = Snapshot(wire.last_included_index, wire.last_included_term, wire.data, configuration)
            return raft.InstallSnapshot(wire.source, wire.dest, wire.term, snapshot)
        case _SnapshotChunk(configuration=text):
            return SnapshotChunk(*(*msgspec.structs.astuple(wire)[:-1], configuration_text.decode(text)))
        case _AnswerDone():
            return Answer(wire.id, Done(wire.reply))
        case _AnswerNotDone():
            return Answer(wire.id, NotDone(wire.why))
        case _AnswerUnknown():
            return Answer(wire.id, Unknown(wire.why))
        case _:
            message: Spoken = _KIND[type(wire)](*msgspec.structs.astuple(wire))
            return message


def _entries(
    terms: list[int], commands: list[bytes | None], configurations: list[tuple[int, bytes]]
) -> tuple[Entry, ...]:
    """The entries; without configurations in half the time of `map(Entry, terms, commands)`.

    A frozen dataclass sets each of its fields by a call of `object.__setattr__`; these loops run in C.
    """
    if len(terms) != len(commands):
        raise ValueError(f"{len(terms)} terms and {len(commands)} commands don't make entries")
    entries = tuple(map(object.__new__, repeat(Entry, len(terms))))
    deque(map(_set_term, entries, terms), maxlen=0)
    deque(map(_set_command, entries, commands), maxlen=0)
    deque(map(_set_configuration, entries, repeat(None)), maxlen=0)
    if not configurations:
        return entries
    texts = dict(configurations)
    if len(texts) != len(configurations) or max(texts) >= len(entries):
        raise ValueError("a configuration has no entry of its own")
    places = enumerate(entries)
    return tuple(replace(entry, configuration=configuration_text.decode(texts.get(place))) for place, entry in places)


_set_term: Final[Callable[[Entry, int], None]] = vars(Entry)["term"].__set__
_set_command: Final[Callable[[Entry, bytes | None], None]] = vars(Entry)["command"].__set__
_set_configuration: Final[Callable[[Entry, None], None]] = vars(Entry)["configuration"].__set__


def decode_from(payload: memoryview, source: NodeId, dest: NodeId) -> Spoken:
    """The message from `source` to `dest`; raises WireError if it is invalid, or names other nodes."""
    message = decode(payload)
    if isinstance(message, raft.Message) and (message.source, message.dest) != (source, dest):
        raise WireError(f"a message from node {message.source} to node {message.dest} came from node {source}")
    return message


CODEC: Final[Codec[Spoken]] = Codec(f"raft/{WIRE_VERSION}", encode_parts, decode_from, MAX_FRAME_BYTES)
