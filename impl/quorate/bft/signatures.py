"""The interface of signatures, and symbolic signatures, for checkers that make only messages that can be made.

Real signatures (Ed25519) are in quorate.runtime.keys.
"""

from dataclasses import dataclass
from typing import Protocol

from quorate.bft.statements import Statement, canonical


class Signer(Protocol):
    """Signs with one member's secret key. Equal messages get equal signatures, so that a step is a function."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        ...


class Verifier(Protocol):
    """Checks signatures with all members' public keys."""

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether `signer` signed `message`; never raises on any bytes."""
        ...


@dataclass(frozen=True, slots=True)
class SymbolicSigner:
    """Signs with the signer's name in place of a signature."""

    id: int

    def sign(self, message: bytes) -> bytes:  # noqa: ARG002  # the signature doesn't depend on it
        """Return the signature, which is valid for every message that it is attached to."""
        return b"signed by %d" % self.id


@dataclass(frozen=True, slots=True)
class SymbolicVerifier:
    """Accepts symbolic signatures."""

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:  # noqa: ARG002  # as above
        """Whether the signature names the signer."""
        return signature == b"signed by %d" % signer


def is_signed(verifier: Verifier, cluster: bytes, signer: int, statement: Statement, signature: bytes) -> bool:
    """Whether `signer` signed `statement` in this cluster."""
    try:
        message = canonical(cluster, signer, statement)
    except ValueError:
        return False
    return verifier.verify(signer, message, signature)
