"""Real signatures: Ed25519 (RFC 8032), by libsodium."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from quorate.generals.basics import GeneralId

SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Ed25519:
    """All generals' public keys, by general, and the secret seeds of those that sign in this process."""

    public: tuple[bytes, ...]
    seeds: tuple[tuple[GeneralId, bytes], ...] = field(repr=False)

    def sign(self, signer: GeneralId, statement: bytes) -> bytes:
        """Return the signature; raises KeyError if the signer's seed is missing."""
        return SigningKey(dict(self.seeds)[signer]).sign(statement).signature

    def verify(self, signer: GeneralId, statement: bytes, signature: bytes) -> bool:
        """Whether the signer signed the statement; never raises on any bytes."""
        if not 0 <= signer < len(self.public):
            return False
        try:
            VerifyKey(self.public[signer]).verify(statement, signature)
        except (BadSignatureError, ValueError):  # ValueError: the length is wrong
            return False
        return True


def keys(seeds: tuple[bytes, ...], holders: Iterable[GeneralId]) -> Ed25519:
    """Return the keys of `holders`, where general i's seed, of 32 bytes, is `seeds[i]`."""
    public = tuple(bytes(SigningKey(seed).verify_key) for seed in seeds)
    return Ed25519(public, tuple((i, seeds[i]) for i in holders))
