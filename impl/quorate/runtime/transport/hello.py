"""What both ends of a connection say first, and whom a node exchanges messages with afterwards.

A hello is the magic word, one byte of version, the protocol behind one byte of its length, which will stay so for ever,
and an array of msgpack. The version is that of hellos and frames; that of messages is in the protocol's name.
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
    """A hello of a node that speaks another protocol, or another version of it or of hellos."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who speaks, to whom, of which cluster; and a claim, which only a `Handshake` understands."""

    cluster: str
    source: NodeId
    dest: NodeId
    claim: bytes = b""


class Handshake(Protocol):
    """What two nodes say of themselves beyond their names, and what either makes of that."""

    def connect(self, on_news: Callable[[], None], drop: Callable[[NodeId, str], None]) -> None:
        """Have `on_news` called when nodes should meet again; `drop` ends a peer's connections, and is given why."""
        ...

    def claim(self, peer: NodeId) -> bytes:
        """Return what to say to `peer` now."""
        ...

    def hear(self, peer: NodeId, claim: bytes) -> str | None:
        """Return why no messages may be exchanged with `peer`, which operators know then; None if they may.

        WireError if `claim` is none.
        """
        ...

    def lost(self, peer: NodeId) -> None:
        """Take note that a connection to or from `peer` has ended."""
        ...


class NoHandshake:
    """A `Handshake` of nodes that know each other by their names."""

    def connect(self, on_news: Callable[[], None], drop: Callable[[NodeId, str], None]) -> None:
        """There will be no news."""

    def claim(self, peer: NodeId) -> bytes:  # noqa: ARG002  # nobody is told anything
        """Nothing."""
        return b""

    def hear(self, peer: NodeId, claim: bytes) -> None:
        """Everybody will do."""

    def lost(self, peer: NodeId) -> None:
        """Nothing to note."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, Natural, Natural, bytes])


def beginning(protocol: str) -> bytes:
    """Return how every hello of this version and protocol begins."""
    return _MAGIC + bytes([HELLO_VERSION, len(protocol)]) + protocol.encode("ascii")


def encode_hello(hello: Hello, protocol: str) -> bytes:
    """Return the bytes that `decode_hello` makes an equal hello of; WireError if it has none."""
    try:
        return beginning(protocol) + _ENCODER.encode((hello.cluster, hello.source, hello.dest, hello.claim))
    except (OverflowError, ValueError) as error:
        raise WireError(f"Hello cannot be encoded: {error}") from None


def decode_hello(payload: bytes | memoryview, protocol: str) -> Hello:
    """Return the hello that `payload` is; WireError if it is none, or not of this version and protocol."""
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
