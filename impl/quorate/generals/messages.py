"""What generals tell each other. Each message names who carries it (`source`) and to whom (`dest`)."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.generals.basics import GeneralId, Order

Path: TypeAlias = tuple[GeneralId, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """The naive vote: what the source would do."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Oral:
    """OM: "path[-1] says that path[-2] said that ... the commander, path[0], ordered this"; the source is path[-1]."""

    source: GeneralId
    dest: GeneralId
    path: Path
    order: Order


@dataclass(frozen=True, slots=True)
class Signed:
    """SM: an order, and those who signed it, the commander first; one signature for each."""

    source: GeneralId
    dest: GeneralId
    order: Order
    signers: Path
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Init:
    """Bracha: the commander's order, from himself."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Echo:
    """Bracha: the commander told the source this."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Ready:
    """Bracha: the source knows that nobody loyal will become ready for another order."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Preference:
    """Phase king: what the source would do, at the beginning of a phase."""

    source: GeneralId
    dest: GeneralId
    phase: int
    order: Order


@dataclass(frozen=True, slots=True)
class KingsOrder:
    """Phase king: what the majority told the king of a phase, for those who heard no clear majority."""

    source: GeneralId
    dest: GeneralId
    phase: int
    order: Order


Message: TypeAlias = Vote | Oral | Signed | Init | Echo | Ready | Preference | KingsOrder
