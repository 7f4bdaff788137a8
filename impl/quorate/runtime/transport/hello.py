"""Hellos, the first frames of both ends of a connection, and the interface of handshakes.

A hello is the magic word, one byte of version, one byte with the length of the protocol's name, and the name, all of
which will never change, and then an array of msgpack. The version is that of hellos and frames; the version of messages
is in the protocol's name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from quorate.runtime.interfaces import NodeId
from quorate.runtime.transport.codec import Natural
from quorate.runtime.transport.frames import WireError

HELLO_VERSION: Final = 3
_MAGIC: Final = b"quorate"
_NAME_AT: Final = len(_MAGIC) + 2


class OtherProtocolError(WireError):
    """The hello is of another protocol, or another version of the protocol or of hellos."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The cluster, the sender, the receiver, and a claim, which only a `Handshake` understands."""

    cluster: str
    source: NodeId
    dest: NodeId
    claim: bytes = b""


class Handshake(Protocol):
    """Makes and judges the claims in hellos."""

    @property
    def knows_members(self) -> bool:
        """Whether `hear` also judges if the sender is a member; else only the nodes that the transport knows are."""
        ...

    def connect(self, on_news: Callable[[], None], drop: Callable[[NodeId, str], None]) -> None:
        """Set the callbacks: `on_news` when nodes should connect again, `drop` to end a peer's connections."""
        ...

    def claim(self, peer: NodeId) -> bytes:
        """Return the current claim to `peer`."""
        ...

    def hear(self, peer: NodeId, claim: bytes) -> str | None:
        """Return why no messages may be exchanged with `peer`, which has been logged, or None if they may.

        Raises WireError if `claim` is invalid.
        """
        ...

    def lost(self, peer: NodeId) -> None:
        """Handle the end of a connection to or from `peer`."""
        ...


class NoHandshake:
    """A `Handshake` without claims, which accepts every peer."""

    knows_members: Final = False

    def connect(self, on_news: Callable[[], None], drop: Callable[[NodeId, str], None]) -> None:
        """Keep no callbacks, for there is no news."""

    def claim(self, peer: NodeId) -> bytes:  # noqa: ARG002  # all claims are equal
        """Return an empty claim."""
        return b""

    def hear(self, peer: NodeId, claim: bytes) -> None:
        """Accept the peer."""

    def lost(self, peer: NodeId) -> None:
        """Do nothing."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, Natural, Natural, bytes])


def beginning(protocol: str) -> bytes:
    """Return the first bytes of every hello of this version and protocol."""
    return _MAGIC + bytes([HELLO_VERSION, len(protocol)]) + protocol.encode("ascii")


def encode_hello(hello: Hello, protocol: str) -> bytes:
    """Return the bytes of a hello; raises WireError if it can't be encoded."""
    try:
        return beginning(protocol) + _ENCODER.encode((hello.cluster, hello.source, hello.dest, hello.claim))
    except (OverflowError, ValueError) as error:
        raise WireError(f"Hello cannot be encoded: {error}") from None


def decode_hello(payload: bytes | memoryview, protocol: str) -> Hello:
    """Return the hello in `payload`; raises WireError if it is invalid, or of another version or protocol."""
    payload = bytes(payload)
    if not payload.startswith(_MAGIC) or len(payload) == len(_MAGIC):
        raise WireError(f"no hello of a Quorate node: it began with {payload[: len(_MAGIC)]!r}")
    version = payload[len(_MAGIC)]
    if version != HELLO_VERSION:
        raise OtherProtocolError(f"it says hello in version {version}, this node in version {HELLO_VERSION}")
    end = _NAME_AT + payload[_NAME_AT - 1] if len(payload) >= _NAME_AT else _NAME_AT
    named = payload[_NAME_AT:end]
    if end > len(payload) or not named.isascii():
        raise WireError("malformed hello: it names no protocol")
    if named != protocol.encode("ascii"):
        raise OtherProtocolError(
            f"it speaks {named.decode()!r}, this node {protocol!r}: all nodes of a cluster speak the same"
        )
    try:
        return Hello(*_DECODER.decode(payload[end:]))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"malformed hello: {error}") from None
