"""Envelopes: all messages of one general to another in a round, as bytes: four for the round, then the messages."""

from dataclasses import dataclass
from typing import Final

from quorate.generals.basics import GeneralId
from quorate.generals.codec import CodecError, decode_all, encode_all
from quorate.generals.messages import Message
from quorate.runtime.transport import Codec, WireError

ROUND_BYTES: Final = 4
MAX_FRAME_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """All messages of one general to another in a round, perhaps none."""

    round: int
    messages: tuple[Message, ...]


def encode(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return the parts of the payload."""
    return envelope.round.to_bytes(ROUND_BYTES, "big"), encode_all(envelope.messages)


def decode(payload: memoryview, source: GeneralId, dest: GeneralId) -> Envelope:
    """Return the envelope without messages in another general's name (A2); invalid bytes count as no messages."""
    if len(payload) < ROUND_BYTES:
        raise WireError(f"an envelope of {len(payload)} bytes names no round")
    number, rest = int.from_bytes(payload[:ROUND_BYTES], "big"), bytes(payload[ROUND_BYTES:])
    try:
        messages = tuple(message for message in decode_all(rest) if (message.source, message.dest) == (source, dest))
    except CodecError:
        messages = ()
    return Envelope(number, messages)


CODEC: Final = Codec("generals/1", encode, decode, MAX_FRAME_BYTES)
