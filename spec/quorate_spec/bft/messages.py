"""The messages of Bft.tla, one class for each `mtype`; a field is called as there, in snake case and without the m.

Whose signatures certify something is left out, as there. Whom a message is for is, too: whoever likes passes it on.
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
    """A view, and the digest that a quorum voted for in it: what is under a certificate, or decided."""

    view: int
    digest: Digest


NO_CERTIFICATE: Final = Certified(0, None)  # NoCertificate: before every view


@dataclass(frozen=True, slots=True)
class Propose:
    """I lead this view: vote for this digest, which is the one that `justify` certifies."""

    source: Id
    index: int
    view: int
    digest: Digest
    justify: Certified


@dataclass(frozen=True, slots=True)
class Vote:
    """My first vote in this view (PREPARE), or my second (COMMIT)."""

    source: Id
    phase: Phase
    index: int
    view: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Timeout:
    """I have left this view, and `high` is the highest certificate under which I voted."""

    source: Id
    index: int
    view: int
    high: Certified


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's votes for one digest, in one phase of one view: whoever has them can show them."""

    phase: Phase
    index: int
    view: int
    digest: Digest


Message: TypeAlias = Propose | Vote | Timeout | Certificate
Said: TypeAlias = frozenset[Message]  # everything that honest members ever said
