"""The encoding of generals' messages: exactly one encoding for each message.

A message is six bytes (kind, source, dest, order, phase, length of its path), the path, and in a signed message the
signatures, each after two bytes with its length. In a sequence of messages each follows four bytes with its length.
"""

from collections.abc import Sequence
from typing import Final

from quorate.generals.basics import Order
from quorate.generals.messages import Echo, Init, KingsOrder, Message, Oral, Path, Preference, Ready, Signed, Vote

HEAD_BYTES: Final = 6
SIGNATURE_LENGTH_BYTES: Final = 2
MESSAGE_LENGTH_BYTES: Final = 4
_KINDS: Final = (Vote, Oral, Signed, Init, Echo, Ready, Preference, KingsOrder)  # a kind is an index of this tuple
_PLAIN: Final[dict[int, type[Vote | Init | Echo | Ready]]] = {0: Vote, 3: Init, 4: Echo, 5: Ready}


class CodecError(ValueError):
    """The bytes are no message; the text is one line that says why."""


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    phase = 0
    path: Path = ()
    signatures: tuple[bytes, ...] = ()
    match message:
        case Oral():
            path = message.path
        case Signed():
            path, signatures = message.signers, message.signatures
        case Preference() | KingsOrder():
            phase = message.phase
        case _:
            pass
    head = (_KINDS.index(type(message)), message.source, message.dest, message.order, phase, len(path))
    return bytes((*head, *path)) + _concatenation(signatures, SIGNATURE_LENGTH_BYTES)


def decode(data: bytes) -> Message:
    """Return the message that `encode` encoded; raises CodecError on other bytes."""
    if len(data) < HEAD_BYTES:
        raise CodecError(f"{len(data)} bytes are no message")
    kind, source, dest, order, phase, length = data[:HEAD_BYTES]
    if kind >= len(_KINDS) or order >= len(Order):
        raise CodecError(f"there is no message of kind {kind} with order {order}")
    path, rest = tuple(data[HEAD_BYTES : HEAD_BYTES + length]), data[HEAD_BYTES + length :]
    endpoints = source, dest
    message: Message
    match kind:
        case 1:
            message = Oral(*endpoints, path, Order(order))
        case 2:
            message = Signed(*endpoints, Order(order), path, tuple(_parts(rest, SIGNATURE_LENGTH_BYTES)))
        case 6:
            message = Preference(*endpoints, phase, Order(order))
        case 7:
            message = KingsOrder(*endpoints, phase, Order(order))
        case _:
            message = _PLAIN[kind](*endpoints, Order(order))
    # A field that this kind of message doesn't have is lost in `message`, so its encoding differs.
    if encode(message) != data:
        raise CodecError(f"malformed {type(message).__name__}")
    return message


def encode_all(messages: Sequence[Message]) -> bytes:
    """Return the bytes of several messages."""
    return _concatenation([encode(message) for message in messages], MESSAGE_LENGTH_BYTES)


def decode_all(data: bytes) -> list[Message]:
    """Return the messages that `encode_all` encoded; raises CodecError on other bytes."""
    return [decode(part) for part in _parts(data, MESSAGE_LENGTH_BYTES)]


def _concatenation(parts: Sequence[bytes], length_bytes: int) -> bytes:
    return b"".join(len(part).to_bytes(length_bytes, "big") + part for part in parts)


def _parts(data: bytes, length_bytes: int) -> list[bytes]:
    """Return the parts, each of which follows its length."""
    result, position = [], 0
    while position < len(data):
        begin = position + length_bytes
        position = begin + int.from_bytes(data[position:begin], "big")
        if position > len(data):
            raise CodecError("the end is missing")
        result.append(data[begin:position])
    return result
