"""What a general's process sends another at the end of a round, as bytes: four of the round, then the messages."""

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
    """What one general says to one other in a round, perhaps nothing."""

    round: int
    messages: tuple[Message, ...]


def encode(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return the payload in parts."""
    return envelope.round.to_bytes(ROUND_BYTES, "big"), encode_all(envelope.messages)


def decode(payload: memoryview, source: GeneralId, dest: GeneralId) -> Envelope:
    """Return an envelope; what the sender didn't say himself (A2), or is no message, is as if it weren't there."""
    if len(payload) < ROUND_BYTES:
        raise WireError(f"an envelope of {len(payload)} bytes names no round")
    number, rest = int.from_bytes(payload[:ROUND_BYTES], "big"), bytes(payload[ROUND_BYTES:])
    try:
        messages = tuple(message for message in decode_all(rest) if (message.source, message.dest) == (source, dest))
    except CodecError:
        messages = ()
    return Envelope(number, messages)


CODEC: Final = Codec("generals/1", encode, decode, MAX_FRAME_BYTES)
