"""The messages of Bft.tla, one class for each `mtype`; a field has its TLA+ name in snake case, without the m.

As in Bft.tla, a certificate has no signers, and a message has no receiver: it may reach any member.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

Id: TypeAlias = int
Digest: TypeAlias = Hashable


class Phase(Enum):
    """The two votes of a view."""

    PREPARE = "prepare"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Certified:
    """A view, and the digest that a quorum voted for in it: the content of a certificate or a decision."""

    view: int
    digest: Digest


NO_CERTIFICATE: Final = Certified(0, None)  # NoCertificate: before every view


@dataclass(frozen=True, slots=True)
class Propose:
    """The leader of this view proposes this digest, which is that of `justify`, if there is one."""

    source: Id
    index: int
    view: int
    digest: Digest
    justify: Certified


@dataclass(frozen=True, slots=True)
class Vote:
    """The sender's first vote in this view (PREPARE), or its second (COMMIT)."""

    source: Id
    phase: Phase
    index: int
    view: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Timeout:
    """The sender has left this view, and `high` is the highest certificate that it voted under."""

    source: Id
    index: int
    view: int
    high: Certified


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a quorum's votes for one digest, in one phase of one view; any member may send it."""

    phase: Phase
    index: int
    view: int
    digest: Digest


Message: TypeAlias = Propose | Vote | Timeout | Certificate
Messages: TypeAlias = frozenset[Message]  # all messages that honest members ever sent
