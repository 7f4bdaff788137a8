"""The interface of signatures, and symbolic signatures, for checkers that make only messages that can be made.

Real signatures are in `quorate.generals.ed25519`.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from quorate.generals.basics import GeneralId, Order

DOMAIN: Final = b"quorate generals SM 1\0"


class Signatures(Protocol):
    """Signs for some generals, checks for all. Equal inputs give equal signatures."""

    def sign(self, signer: GeneralId, statement: bytes) -> bytes:
        """Return the signature; raises KeyError if the signer's key is missing."""
        ...

    def verify(self, signer: GeneralId, statement: bytes, signature: bytes) -> bool:
        """Whether the signer signed the statement; never raises on any bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Symbolic:
    """Signatures that name the signer and the statement in clear, and could be forged."""

    def sign(self, signer: GeneralId, statement: bytes) -> bytes:
        """Return the signature."""
        return bytes([signer]) + statement

    def verify(self, signer: GeneralId, statement: bytes, signature: bytes) -> bool:
        """Whether the signature names this signer and statement."""
        return signature == bytes([signer]) + statement


def statement(order: Order, signers: tuple[GeneralId, ...]) -> bytes:
    """Return the bytes that the last of `signers` signs: the order, and the generals through which it came.

    Keys are made for one decision, so statements need not name the decision.
    """
    return DOMAIN + bytes([order, *signers])
