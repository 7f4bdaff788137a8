"""Messages between members beyond those of the core: the payloads of digests, and old decisions.

None of these needs a signature: a payload is checked by its digest, a decision by its certificate.
"""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.bft.messages import Certificate
from quorate.bft.messages import Message as CoreMessage


@dataclass(frozen=True, slots=True)
class Payload:
    """Commands that the sender wants decided; members vote for their digest."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Want:
    """Asks for the payload of a digest, before a vote for it."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for the decisions from `first_index` on."""

    first_index: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and its payload, None if the sender lacks that, too."""

    certificate: Certificate
    data: bytes | None


@dataclass(frozen=True, slots=True)
class History:
    """Consecutive decisions, as many as fit into a message."""

    decided: tuple[Decided, ...]


DriverMessage: TypeAlias = Payload | Want | Ask | History
MemberMessage: TypeAlias = CoreMessage | DriverMessage
