"""Who can sign and check: the interface, and signatures that are true because nobody breaks the rules.

Symbolic signatures serve where a checker enumerates what traitors can send; see `quorate.generals.ed25519` for those
that hold against anybody.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from quorate.generals.basics import GeneralId, Order

DOMAIN: Final = b"quorate generals SM 1\0"


class Signatures(Protocol):
    """Signs for those whose keys are here, checks for all. Equal inputs give equal signatures."""

    def sign(self, signer: GeneralId, statement: bytes) -> bytes:
        """Return the signature; KeyError if the signer's key isn't here."""
        ...

    def verify(self, signer: GeneralId, statement: bytes, signature: bytes) -> bool:
        """Whether the signer signed the statement; never raises on any bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A signature says in clear who signed what: whoever enumerates messages makes only those that can be made."""

    def sign(self, signer: GeneralId, statement: bytes) -> bytes:
        """Return the signature."""
        return bytes([signer]) + statement

    def verify(self, signer: GeneralId, statement: bytes, signature: bytes) -> bool:
        """Whether the signature says that."""
        return signature == bytes([signer]) + statement


def statement(order: Order, signers: tuple[GeneralId, ...]) -> bytes:
    """Return what the last of `signers` signs: the order, and that he had it from those before him.

    Keys are made for one decision, so that nothing else needs to tell one decision from another.
    """
    return DOMAIN + bytes([order, *signers])
