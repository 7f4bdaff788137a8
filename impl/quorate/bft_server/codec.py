"""The encoding of messages and certificates: exactly one encoding for each value.

A message is a byte for its kind, then its fields by name in msgpack. A decoded value is encoded again and compared, so
surplus fields, other orders and longer forms of a number are errors.
"""

from typing import Any, Final, TypeVar

import msgspec

from quorate.bft.messages import Certificate, Decide, Prepared, Propose, Timeout, Vote
from quorate.bft_server.messages import Ask, History, MemberMessage, Payload, Want
from quorate.runtime.transport.codec import undecoded

_KINDS: Final[tuple[type[Any], ...]] = (Propose, Vote, Prepared, Decide, Timeout, Payload, Want, Ask, History)
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = tuple(msgspec.msgpack.Decoder(kind) for kind in _KINDS)
_CERTIFICATE: Final = msgspec.msgpack.Decoder(Certificate)
_PROPOSE: Final = msgspec.msgpack.Decoder(Propose)

# A batch of 7 MiB, and what certificates a History adds to it, are well below this.
MAX_FRAME_BYTES: Final = 16 << 20
# Members count messages before they decode them, so that a flood of rubbish can't keep them busy.
CODEC: Final = undecoded("bft/1", MAX_FRAME_BYTES)

T = TypeVar("T")


class CodecError(ValueError):
    """The bytes are no message, or the message can't be encoded; the text is one line that says why."""


def encode(message: MemberMessage) -> bytes:
    """Return the bytes of a message; raises CodecError if a number has more than 64 bits."""
    try:
        return bytes([_KINDS.index(type(message))]) + _ENCODER.encode(message)
    except OverflowError as error:
        raise CodecError(f"{type(message).__name__} can't be encoded: {error}") from None


def decode(data: bytes) -> MemberMessage:
    """Return the message that `encode` encoded; raises CodecError on other bytes."""
    if not data or data[0] >= len(_KINDS):
        raise CodecError(f"there is no message of kind {data[:1].hex() or 'nothing'}")
    message: MemberMessage = _decoded(_DECODERS[data[0]], data[1:])
    return message


def encode_value(value: Certificate | Propose) -> bytes:
    """Return the bytes of a certificate or proposal, for the storage."""
    return _ENCODER.encode(value)


def decode_certificate(data: bytes) -> Certificate:
    """Return the certificate that `encode_value` encoded; raises CodecError on other bytes."""
    return _decoded(_CERTIFICATE, data)


def decode_proposal(data: bytes) -> Propose:
    """Return the proposal that `encode_value` encoded; raises CodecError on other bytes."""
    return _decoded(_PROPOSE, data)


def _decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    try:
        value = decoder.decode(data)
        again = _ENCODER.encode(value)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise CodecError(f"malformed: {error}") from None
    if again != data:
        raise CodecError("malformed: there is another form of the same")
    return value
