"""Statements and their canonical bytes, which members sign: different statements have different bytes.

Every field has a fixed width, except the cluster's name, which follows its length. The tag DOMAIN makes signatures
invalid for other purposes, the name makes them invalid in other clusters.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

DOMAIN: Final = b"quorate bft 1\0"
DIGEST_BYTES: Final = 32
LARGEST: Final = 2**64 - 1
_FIELDS: Final = struct.Struct(">BQQQQ")


class Phase(IntEnum):
    """The purpose of a statement: a leader's proposal, the two votes on it, or a timeout."""

    PROPOSE = 0
    PREPARE = 1
    COMMIT = 2
    TIMEOUT = 3


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of one member about one digest, in one view of one index of the log.

    In a proposal and a timeout `certified_view` is the view of the certificate in the message, 0 for none. In a timeout
    the digest is that of the certificate, empty for none.
    """

    phase: Phase
    index: int
    view: int
    digest: bytes
    certified_view: int = 0


def canonical(cluster: bytes, signer: int, statement: Statement) -> bytes:
    """Return the bytes that `signer` signs; raises ValueError if a field doesn't fit."""
    digest = statement.digest
    if len(digest) not in {0, DIGEST_BYTES}:
        raise ValueError(f"digest: {DIGEST_BYTES} bytes or none are needed, not {len(digest)}")
    numbers = (statement.index, statement.view, statement.certified_view, signer)
    if any(not 0 <= number <= LARGEST for number in numbers):
        raise ValueError(f"a number of {statement} by {signer} doesn't fit in 64 bits")
    name = struct.pack(">H", len(cluster)) + cluster
    return DOMAIN + name + _FIELDS.pack(statement.phase, *numbers) + digest
