"""Introductions over a transport: claims as bytes in hellos, and a peer's claim judged before any message of it is.

The struct below is the whole format of a claim. A change to it is a change of the version in a protocol's name, which
peers compare before.
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


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Claim)
_fields_of: Final[Callable[[Claim], tuple[Any, ...]]] = attrgetter(*_Claim.__struct_fields__)


def encode_claim(claim: Claim) -> bytes:
    """Return the bytes that `decode_claim` makes an equal claim of, but for the end of a long refusal."""
    return _ENCODER.encode(_Claim(*_fields_of(replace(claim, refusal=claim.refusal[:MAX_REFUSAL]))))


def decode_claim(data: bytes) -> Claim:
    """Return the claim that `data` is; WireError if it is none."""
    try:
        return Claim(*msgspec.structs.astuple(_DECODER.decode(data)))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"malformed claim: {error}") from None


class MemberHandshake:
    """What `introductions` say and hear, on the wire (quorate.runtime.transport.hello.Handshake)."""

    def __init__(self, introductions: Introductions) -> None:
        """Speak for them."""
        self._introductions = introductions
        self.connect, self.lost = introductions.connect, introductions.lost

    def claim(self, peer: NodeId) -> bytes:
        """What to say to `peer` now."""
        return encode_claim(self._introductions.claim(peer))

    def hear(self, peer: NodeId, claim: bytes) -> str | None:
        """Why messages may not be exchanged with `peer`; None if they may. WireError if `claim` is none."""
        verdict = self._introductions.hear(peer, decode_claim(claim))
        return None if verdict is None else verdict.why
