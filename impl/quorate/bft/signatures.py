"""Who can sign and who can check: the interface, and signatures that are true because nobody breaks the rules.

Symbolic signatures serve where a checker enumerates only the messages that can be made. Those that hold against anybody
(Ed25519) are in quorate.runtime.keys.
"""

from dataclasses import dataclass
from typing import Protocol

from quorate.bft.statements import Statement, canonical


class Signer(Protocol):
    """Holds one member's secret. Equal statements get equal signatures, so that a step is a function."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        ...


class Verifier(Protocol):
    """Knows every member's public key."""

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether `signer` signed `message`; never raises, whatever the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class SymbolicSigner:
    """Signs by saying who signs."""

    id: int

    def sign(self, message: bytes) -> bytes:  # noqa: ARG002  # whoever enumerates knows what was said
        """Return the signature: it is for whatever it is attached to."""
        return b"signed by %d" % self.id


@dataclass(frozen=True, slots=True)
class SymbolicVerifier:
    """Believes what it reads."""

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:  # noqa: ARG002  # as above
        """Whether the signature names the signer."""
        return signature == b"signed by %d" % signer


def is_signed(verifier: Verifier, cluster: bytes, signer: int, statement: Statement, signature: bytes) -> bool:
    """Whether `signer` said `statement` in this cluster."""
    try:
        message = canonical(cluster, signer, statement)
    except ValueError:
        return False
    return verifier.verify(signer, message, signature)
