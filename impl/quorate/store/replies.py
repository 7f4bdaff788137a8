"""Replies of the map, as values and as bytes."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder


class SimpleString(Struct, frozen=True, tag=1, tag_field="reply", gc=False):
    """A simple string of RESP, such as OK."""

    text: str


class Failure(Struct, frozen=True, tag=2, tag_field="reply", gc=False):
    """An error that the client caused; `text` begins with a code in capitals, as in Redis. Nothing was changed."""

    text: str


Item: TypeAlias = int | bytes | SimpleString | Failure | None
Reply: TypeAlias = Item | tuple[Item | tuple[Item, ...], ...]

_LONG: Final = b"\xc6"  # how msgpack begins a string of bytes whose length needs 32 bits
_encoder = Encoder()
_decoder: Decoder[Reply] = Decoder(Reply)
_batch_decoder: Decoder[tuple[bytes, ...]] = Decoder(tuple[bytes, ...])


def encode(reply: Reply) -> bytes:
    """Return the bytes of `reply`."""
    return OK if reply is DONE else _encoder.encode(reply)


def decode(data: bytes) -> Reply:
    """Return the reply that `encode` encoded; raises ValueError (also msgspec's errors) on other bytes."""
    return _decoder.decode(data)


def long_value(data: bytes) -> memoryview | None:
    """Return the value in an encoded reply if it has more than 64 KiB, without copying it; else None."""
    return memoryview(data)[5:] if data[:1] == _LONG and int.from_bytes(data[1:5], "big") == len(data) - 5 else None


def encode_batch(replies: Sequence[bytes]) -> bytes:
    """Return the bytes of a batch of encoded replies."""
    return _encoder.encode(replies)


def decode_batch(data: bytes) -> tuple[bytes, ...]:
    """Return the encoded replies of a batch; raises ValueError as `decode` does."""
    return _batch_decoder.decode(data)


DONE: Final = SimpleString("OK")
OK: Final = _encoder.encode(DONE)
NOTHING: Final = _encoder.encode(None)
