"""The codec of a protocol: its name, and the encoding of its messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from quorate.runtime.interfaces import NodeId
from quorate.runtime.transport.frames import MOST_LENGTH

M = TypeVar("M")

MOST_PROTOCOL_BYTES: Final = 32

# The largest number on the wire: disks have 63 bits.
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


@dataclass(frozen=True, slots=True)
class Codec(Generic[M]):
    """The messages of one protocol on the wire.

    `protocol` is its name and the version of its format, as "raft/1": nodes exchange messages only if theirs are equal.
    `encode` returns a payload in parts, to be joined. `decode` takes a payload, its sender and its receiver, and
    returns a message that shares no memory with it. Both raise WireError. No payload has more than `max_frame_bytes`.
    Raises ValueError, which names the invalid field.
    """

    protocol: str
    encode: Callable[[M], Sequence[bytes]]
    decode: Callable[[memoryview, NodeId, NodeId], M]
    max_frame_bytes: int

    def __post_init__(self) -> None:
        if not (self.protocol.isascii() and 0 < len(self.protocol) <= MOST_PROTOCOL_BYTES):
            raise ValueError(f"protocol: up to {MOST_PROTOCOL_BYTES} letters are needed, not {self.protocol!r}")
        if not 0 < self.max_frame_bytes <= MOST_LENGTH:
            raise ValueError(f"max_frame_bytes: a length of at most 30 bits is needed, not {self.max_frame_bytes}")


def undecoded(protocol: str, max_frame_bytes: int) -> Codec[bytes]:
    """Return a codec of bytes, for protocols that decode messages themselves after limiting each peer."""
    return Codec(protocol, lambda payload: (payload,), lambda payload, _source, _dest: bytes(payload), max_frame_bytes)
