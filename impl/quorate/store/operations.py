"""What can be asked of the map, as values and as bytes: the commands of the log, and the queries beside it.

Keys and values are any bytes. Integers are those of Redis, 64 bits and signed. Each class has its number on the wire
(`tag`), which is never used again for another: logs and snapshots outlive the program that wrote them.

A class of PlainWrite or Query that stands in a module imported here can be in the log; there is no list of them.

What a leader puts into the log begins with a byte that says in which format it is written, before anything that a later
version may change. A command that FORMAT doesn't know gets a higher one; those that it knows keep it, so that they can
be read until every node is upgraded. No format is above MOST_FORMAT: msgpack's arrays, which clients send, begin there.
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
else:  # what is decoded is one of these classes

    def _any(base: type[MapOperation]) -> object:
        return Union[tuple(base.__subclasses__())]  # noqa: UP007  # how many there are isn't known here

    AnyWrite, AnyQuery = _any(PlainWrite), _any(Query)

SIGNED_PREFIX: Final = b"quorate session 1\0"
FORMAT: Final = 1
MOST_FORMAT: Final = 0x7F


class FormatError(ValueError):
    """A command that is written in a format of later versions; `str(error)` is one clause."""


class Transaction(Operation, frozen=True, tag=19):
    """Several writes and queries with nothing between them, if the watched keys still have the versions that were seen.

    The reply is a batch of replies, one to each step, or nothing, if it was not done. A step that fails changes
    nothing; the others are done.
    """

    watched: tuple[tuple[bytes, int], ...]
    steps: tuple[AnyWrite | AnyQuery, ...]


Write: TypeAlias = AnyWrite | Transaction


class InSession(Operation, frozen=True, tag=16):
    """A write that takes effect once, however often it stands in the log; the reply is the write's, each time.

    In a session that has an owner `signature` is his, of `signed_text(...)`; in others there is none.
    """

    session: Count
    sequence: Count
    write: Write
    signature: bytes | None = None


class OpenSession(Operation, frozen=True, tag=17):
    """Open a session; the reply is its number, the index of this command in the log.

    With an `owner`, an Ed25519 public key, only its holder can write in it; if he has one that is open, it is that one.
    """

    owner: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None


Step: TypeAlias = Write | InSession


class Batch(Operation, frozen=True, tag=18):
    """Several writes in this order with nothing between them; the reply is a batch of replies (quorate.store.replies).

    It may have fewer replies than writes, but at least one: the rest was not done for want of room for the replies.
    """

    steps: tuple[Step, ...]


Command: TypeAlias = Step | OpenSession | Batch


class QueryBatch(Operation, frozen=True, tag=48):
    """Several queries of one state; the reply is as a `Batch`'s, and the rest was not looked at."""

    queries: tuple[AnyQuery, ...]


class At(Operation, frozen=True, tag=20):
    """A command, or a query that must know the time, and the time at the leader, in milliseconds since 1970.

    Time in the log never goes back (quorate.store.clock). Without a command it only passes, and the reply is nothing.
    """

    ms: Count
    operation: Command | AnyQuery | QueryBatch | None


_FORMAT_BYTE: Final = bytes([FORMAT])
_encoder = Encoder()
_ENTRY_BEGINS: Final = _FORMAT_BYTE + b"\x93" + _encoder.encode(At.__struct_config__.tag)  # an array of three
_NO_OPERATION: Final = _encoder.encode(None)
_entry_decoder: Decoder[At] = Decoder(At)
_command_decoder: Decoder[Command] = Decoder(Command)
_query_decoder: Decoder[AnyQuery | QueryBatch] = Decoder(AnyQuery | QueryBatch)


def encode(operation: Command | Query | QueryBatch) -> bytes:
    """Return the bytes that stand for `operation` in a request to the leader."""
    return _encoder.encode(operation)


def encode_batch(kind: type[Batch] | type[QueryBatch], encoded: Iterable[bytes]) -> bytes:
    """Return what `encode` returns of a batch of these steps or queries, which are encoded already."""
    return _encoder.encode((kind.__struct_config__.tag, [Raw(each) for each in encoded]))


def entry(ms: int, encoded: bytes | None) -> bytes:
    """Return the bytes that stand in the log for an `At` with this command or query, which is encoded already."""
    # Put together by hand, for to encode a command of some MiB once more costs as much as to copy it.
    return b"".join((_ENTRY_BEGINS, _encoder.encode(ms), _NO_OPERATION if encoded is None else encoded))


def decode_entry(data: bytes) -> At:
    """Return what `entry` made bytes of.

    Raises FormatError if a later version has, and ValueError, which msgspec's errors are, on all other bytes.
    """
    if data.startswith(_FORMAT_BYTE):
        return _entry_decoder.decode(memoryview(data)[1:])
    if data and FORMAT < data[0] <= MOST_FORMAT:
        raise FormatError(f"was written by format {data[0]}, this node knows up to {FORMAT}; upgrade it")
    raise ValueError("it begins with no format")


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


def signed_text(session: int, sequence: int, write: Write) -> bytes:
    """Return what the owner of a session signs to have `write` done in it; it means nothing anywhere else."""
    return SIGNED_PREFIX + session.to_bytes(8, "big") + sequence.to_bytes(8, "big") + _encoder.encode(write)
