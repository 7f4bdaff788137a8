"""Operations on the map, as values and as bytes: the commands of the log, and queries.

Keys and values are any bytes. Integers are those of Redis, 64 bits and signed. Each class has its number on the wire
(`tag`), which is never used again for another: logs and snapshots outlive the program that wrote them.

Every subclass of PlainWrite or Query in a module that is imported here can be in the log; there is no list of them.

A log entry of a leader begins with a byte for its format, so that later versions may change all that follows. Commands
that a later version adds get a higher format; the others keep FORMAT, so that nodes of this version can read them until
every node is upgraded. No format is above MOST_FORMAT: the first bytes of msgpack's arrays, which clients send, are.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, Union

from msgspec import Meta, Raw
from msgspec.msgpack import Decoder, Encoder

from quorate.store import bits, expiring, floats, queries, writes  # noqa: F401  # which have the classes
from quorate.store.operation_types import Count, MapOperation, Operation, PlainWrite, Query

if TYPE_CHECKING:
    AnyWrite: TypeAlias = PlainWrite
    AnyQuery: TypeAlias = Query
else:  # the decoders need the union of the subclasses

    def _any(base: type[MapOperation]) -> object:
        return Union[tuple(base.__subclasses__())]  # noqa: UP007  # a union of any number of classes

    AnyWrite, AnyQuery = _any(PlainWrite), _any(Query)

SIGNED_PREFIX: Final = b"quorate session 1\0"
FORMAT: Final = 1
MOST_FORMAT: Final = 0x7F


class FormatError(ValueError):
    """A log entry has a format of a later version; `str(error)` is a clause without a subject."""


class Transaction(Operation, frozen=True, tag=19):
    """Several writes and queries, executed atomically if the watched keys still have the given versions.

    The reply is a batch of replies, one to each step, or nothing if the versions differ. A step that fails changes
    nothing; the others are executed.
    """

    watched: tuple[tuple[bytes, int], ...]
    steps: tuple[AnyWrite | AnyQuery, ...]


Write: TypeAlias = AnyWrite | Transaction


class InSession(Operation, frozen=True, tag=16):
    """A write that takes effect once, however often it is in the log; each time the reply is that of the write.

    If the session has an owner, `signature` is the owner's signature of `signed_text(...)`, else None.
    """

    session: Count
    sequence: Count
    write: Write
    signature: bytes | None = None


class OpenSession(Operation, frozen=True, tag=17):
    """Open a session; the reply is its number, the index of this command in the log.

    With an `owner`, an Ed25519 public key, only the holder of the key can write in it. Each owner has one session: if
    it is open already, the reply is its number.
    """

    owner: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None


Step: TypeAlias = Write | InSession


class Batch(Operation, frozen=True, tag=18):
    """Several writes, executed atomically in this order; the reply is a batch of replies (quorate.store.replies).

    The reply may have fewer replies than there are writes, but at least one: the other writes were not executed,
    because their replies would not have fit.
    """

    steps: tuple[Step, ...]


Command: TypeAlias = Step | OpenSession | Batch


class QueryBatch(Operation, frozen=True, tag=48):
    """Several queries of one state; the reply is like that of `Batch`."""

    queries: tuple[AnyQuery, ...]


class At(Operation, frozen=True, tag=20):
    """A log entry: the leader's time `ms`, in milliseconds since 1970, and a command, or a query that needs the time.

    Time in the log never goes back (quorate.store.clock). Without an operation only time passes, and the reply is
    nothing.
    """

    ms: Count
    operation: Command | AnyQuery | QueryBatch | None


_FORMAT_BYTE: Final = bytes([FORMAT])
_encoder = Encoder()
_ENTRY_BEGINS: Final = _FORMAT_BYTE + b"\x93" + _encoder.encode(At.__struct_config__.tag)  # an array of three elements
_NO_OPERATION: Final = _encoder.encode(None)
_entry_decoder: Decoder[At] = Decoder(At)
_command_decoder: Decoder[Command] = Decoder(Command)
_query_decoder: Decoder[AnyQuery | QueryBatch] = Decoder(AnyQuery | QueryBatch)


def encode(operation: Command | Query | QueryBatch) -> bytes:
    """Return the bytes of `operation` in a request to the leader."""
    return _encoder.encode(operation)


def encode_batch(kind: type[Batch] | type[QueryBatch], encoded: Iterable[bytes]) -> bytes:
    """Return the bytes of a batch of steps or queries that are encoded already."""
    return _encoder.encode((kind.__struct_config__.tag, [Raw(each) for each in encoded]))


def entry(ms: int, encoded: bytes | None) -> bytes:
    """Return the bytes of an `At` in the log, with a command or query that is encoded already."""
    # Put together by hand: to encode a command of some MiB again would cost as much as to copy it.
    return b"".join((_ENTRY_BEGINS, _encoder.encode(ms), _NO_OPERATION if encoded is None else encoded))


def decode_entry(data: bytes) -> At:
    """Return the log entry that `entry` encoded.

    Raises FormatError if a later version wrote it, and ValueError (also msgspec's errors) on all other bytes.
    """
    if data.startswith(_FORMAT_BYTE):
        return _entry_decoder.decode(memoryview(data)[1:])
    if data and FORMAT < data[0] <= MOST_FORMAT:
        raise FormatError(f"was written by format {data[0]}, this node knows up to {FORMAT}; upgrade it")
    raise ValueError("it begins with no format")


def decode_command(data: bytes) -> Command:
    """Return the command that `encode` encoded; raises ValueError (also msgspec's errors) on other bytes."""
    return _command_decoder.decode(data)


def decode_query(data: bytes) -> Query | QueryBatch:
    """Return the query that `encode` encoded; raises ValueError (also msgspec's errors) on other bytes."""
    return _query_decoder.decode(data)


_REPEATABLE: Final = frozenset(kind.__struct_config__.tag for kind in (InSession, OpenSession))


def is_repeatable(encoded: bytes) -> bool:
    """Whether an encoded command has one effect and one reply, even if it is in the log several times."""
    return len(encoded) > 1 and encoded[1] in _REPEATABLE and encoded != encode(OpenSession())


def signed_text(session: int, sequence: int, write: Write) -> bytes:
    """Return the text that the owner of a session signs for `write`; no other use of the key has such a text."""
    return SIGNED_PREFIX + session.to_bytes(8, "big") + sequence.to_bytes(8, "big") + _encoder.encode(write)
