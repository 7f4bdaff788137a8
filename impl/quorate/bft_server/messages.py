"""What members say to each other beside the core's own messages: the payloads behind digests, and old decisions.

None of these needs a signature: a payload is checked by its digest, a decision by its certificate.
"""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.bft.messages import Certificate
from quorate.bft.messages import Message as CoreMessage


@dataclass(frozen=True, slots=True)
class Payload:
    """Commands that its sender would like to see decided; their digest is what members vote for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Want:
    """Asks for the payload behind a digest, by whoever would vote for it."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for the decisions from `first_index` on, by whoever finds itself behind."""

    first_index: int


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision and the payload behind it, None if its sender lacks that, too."""

    certificate: Certificate
    data: bytes | None


@dataclass(frozen=True, slots=True)
class History:
    """Decisions in order, as many as fit in a message."""

    decided: tuple[Decided, ...]


DriverMessage: TypeAlias = Payload | Want | Ask | History
MemberMessage: TypeAlias = CoreMessage | DriverMessage
