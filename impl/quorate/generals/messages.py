"""The messages of generals, each with its sender (`source`) and receiver (`dest`)."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.generals.basics import GeneralId, Order

Path: TypeAlias = tuple[GeneralId, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """The naive vote: the source's opinion."""

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
    """SM: an order and its signers, the commander first, with one signature each."""

    source: GeneralId
    dest: GeneralId
    order: Order
    signers: Path
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Init:
    """Bracha: the commander's order, from the commander."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Echo:
    """Bracha: the order that the source received from the commander."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Ready:
    """Bracha: the source knows that no loyal general will become ready for another order."""

    source: GeneralId
    dest: GeneralId
    order: Order


@dataclass(frozen=True, slots=True)
class Preference:
    """Phase king: the source's preference at the beginning of a phase."""

    source: GeneralId
    dest: GeneralId
    phase: int
    order: Order


@dataclass(frozen=True, slots=True)
class KingsOrder:
    """Phase king: the majority among the preferences that the king of a phase received."""

    source: GeneralId
    dest: GeneralId
    phase: int
    order: Order


Message: TypeAlias = Vote | Oral | Signed | Init | Echo | Ready | Preference | KingsOrder
