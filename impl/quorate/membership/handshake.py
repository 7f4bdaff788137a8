"""Introductions over a transport: claims travel in hellos, and are judged before any message of the peer.

The struct below is the whole format of a claim. A change to it needs a new version in the protocol's name, which peers
compare first.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from quorate.membership.claim import INCARNATION_BYTES, Claim
from quorate.membership.introductions import Introductions
from quorate.runtime.interfaces import NodeId
from quorate.runtime.transport.codec import Natural
from quorate.runtime.transport.frames import WireError

MAX_MEMBERS: Final = 128
MAX_REFUSAL: Final = 500  # characters
MAX_ADDRESS: Final = 300
_Id: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=INCARNATION_BYTES)]


class _Claim(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The same fields as `Claim`, in the same order."""

    members: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=MAX_MEMBERS)]
    cluster_id: _Id
    incarnation: _Id
    starts: Natural
    nonce: _Id
    joined: bool
    replaces: bool
    remembers: _Id
    refusal: Annotated[str, msgspec.Meta(max_length=MAX_REFUSAL)]
    term: Natural
    last_index: Natural
    last_term: Natural
    address: Annotated[str, msgspec.Meta(max_length=MAX_ADDRESS)]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Claim)
_fields_of: Final[Callable[[Claim], tuple[Any, ...]]] = attrgetter(*_Claim.__struct_fields__)


def encode_claim(claim: Claim) -> bytes:
    """Return the bytes of a claim, with at most MAX_REFUSAL characters of its refusal."""
    return _ENCODER.encode(_Claim(*_fields_of(replace(claim, refusal=claim.refusal[:MAX_REFUSAL]))))


def decode_claim(data: bytes) -> Claim:
    """Return the claim that `encode_claim` encoded; raises WireError on other bytes."""
    try:
        return Claim(*msgspec.structs.astuple(_DECODER.decode(data)))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"malformed claim: {error}") from None


class MemberHandshake:
    """Encodes and decodes the claims of `introductions` (quorate.runtime.transport.hello.Handshake)."""

    knows_members: Final = True

    def __init__(self, introductions: Introductions) -> None:
        """Begin with these introductions."""
        self._introductions = introductions
        self.connect, self.lost = introductions.connect, introductions.lost

    def claim(self, peer: NodeId) -> bytes:
        """The current claim to `peer`, as bytes."""
        return encode_claim(self._introductions.claim(peer))

    def hear(self, peer: NodeId, claim: bytes) -> str | None:
        """Why no messages may be exchanged with `peer`, None if they may; raises WireError if `claim` is invalid."""
        verdict = self._introductions.hear(peer, decode_claim(claim))
        return None if verdict is None else verdict.why
