"""What can be asked of the map, as values and as bytes: the commands of the log, and the queries beside it.

Keys and values are any bytes. Integers are those of Redis, 64 bits and signed. Each class has its number on the wire
(`tag`), which is never used again for another: logs and snapshots outlive the program that wrote them.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.msgpack import Decoder, Encoder

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
SAID: Final = b"quorate session 1\0"
Integer: TypeAlias = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class Only(IntEnum):
    """On what condition a value is set."""

    IF_ABSENT = 1
    IF_PRESENT = 2


class _Operation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    pass


# Writes.


class Set(_Operation, frozen=True, tag=1):
    """Set a value; the reply is OK or, if the condition doesn't hold, nothing, and with `get` the value before.

    A condition that is bytes holds if these are the present value; as of a key that is absent, it doesn't hold then
    (IFEQ, as in Redis 8.4 and Valkey 8.1).
    """

    key: bytes
    value: bytes
    condition: Only | bytes | None = None
    get: bool = False


class GetSet(_Operation, frozen=True, tag=2):
    """Set a value; the reply is the value before, or nothing."""

    key: bytes
    value: bytes


class Delete(_Operation, frozen=True, tag=3):
    """Delete keys; the reply is how many there were."""

    keys: tuple[bytes, ...]


class Increment(_Operation, frozen=True, tag=4):
    """Add to the integer that a value spells, 0 if it is absent; the reply is the sum."""

    key: bytes
    by: Integer


class Append(_Operation, frozen=True, tag=5):
    """Append to a value, empty if it is absent; the reply is the new length in bytes."""

    key: bytes
    suffix: bytes


class MultiSet(_Operation, frozen=True, tag=6):
    """Set several values at once; the reply is OK."""

    pairs: tuple[tuple[bytes, bytes], ...]


Write: TypeAlias = Set | GetSet | Delete | Increment | Append | MultiSet


class InSession(_Operation, frozen=True, tag=16):
    """A write that takes effect once, however often it stands in the log; the reply is the write's, each time.

    In a session that has an owner `signature` is his, of `said(...)`; in others there is none.
    """

    session: Count
    sequence: Count
    write: Write
    signature: bytes | None = None


class OpenSession(_Operation, frozen=True, tag=17):
    """Open a session; the reply is its number, the index of this command in the log.

    With an `owner`, an Ed25519 public key, only its holder can write in it; if he has one that is open, it is that one.
    """

    owner: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None


Step: TypeAlias = Write | InSession


class Batch(_Operation, frozen=True, tag=18):
    """Several writes in this order with nothing between them; the reply is a batch of replies (quorate.kv.replies).

    It may have fewer replies than writes, but at least one: the rest was not done for want of room for the replies.
    """

    steps: tuple[Step, ...]


Command: TypeAlias = Step | OpenSession | Batch


# Queries.


class Get(_Operation, frozen=True, tag=32):
    """The reply is the value, or nothing."""

    key: bytes


class Exists(_Operation, frozen=True, tag=33):
    """The reply is how many of the keys there are; one that is named twice counts twice."""

    keys: tuple[bytes, ...]


class StringLength(_Operation, frozen=True, tag=34):
    """The reply is the length of the value in bytes, 0 if it is absent."""

    key: bytes


class MultiGet(_Operation, frozen=True, tag=35):
    """The reply is the values, with nothing in the places of the absent ones."""

    keys: tuple[bytes, ...]


class Size(_Operation, frozen=True, tag=36):
    """The reply is the number of keys."""


class Scan(_Operation, frozen=True, tag=37):
    """Go on through the keys from `cursor`; the reply is the next cursor, as text, and the keys that match.

    The first cursor is 0, and so is the one after the last. About `count` keys are looked at. A key that is there from
    the first call to the last is found, whatever else comes and goes.
    """

    cursor: Count
    match: bytes | None
    count: Count


Query: TypeAlias = Get | Exists | StringLength | MultiGet | Size | Scan


class QueryBatch(_Operation, frozen=True, tag=48):
    """Several queries of one state; the reply is as a `Batch`'s, and the rest was not looked at."""

    queries: tuple[Query, ...]


_encoder = Encoder()
_command_decoder: Decoder[Command] = Decoder(Command)
_query_decoder: Decoder[Query | QueryBatch] = Decoder(Query | QueryBatch)


def encode(operation: Command | Query | QueryBatch) -> bytes:
    """Return the bytes that stand for `operation` in the log or in a question to the leader."""
    return _encoder.encode(operation)


def encode_batch(kind: type[Batch] | type[QueryBatch], encoded: Iterable[bytes]) -> bytes:
    """Return what `encode` returns of a batch of these steps or queries, which are encoded already."""
    return _encoder.encode((kind.__struct_config__.tag, [Raw(each) for each in encoded]))


def decode_command(data: bytes) -> Command:
    """Return the command; raises ValueError, which msgspec's errors are, on bytes that stand for none."""
    return _command_decoder.decode(data)


def decode_query(data: bytes) -> Query | QueryBatch:
    """Return the query; raises ValueError, which msgspec's errors are, on bytes that stand for none."""
    return _query_decoder.decode(data)


_REPEATABLE: Final = frozenset(kind.__struct_config__.tag for kind in (InSession, OpenSession))


def is_repeatable(encoded: bytes) -> bool:
    """Whether an encoded command may stand in the log several times and has one effect, and one reply."""
    return len(encoded) > 1 and encoded[1] in _REPEATABLE and encoded != encode(OpenSession())


def said(session: int, sequence: int, write: Write) -> bytes:
    """Return what the owner of a session signs to have `write` done in it; it means nothing anywhere else."""
    return SAID + session.to_bytes(8, "big") + sequence.to_bytes(8, "big") + _encoder.encode(write)
