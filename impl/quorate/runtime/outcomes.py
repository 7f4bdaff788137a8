"""What becomes of a request: each client is told exactly one of these."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Done:
    """The request took effect, and this is the state machine's reply."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class NotDone:
    """The request surely has not taken effect and never will; asking again is safe. `why` is one clause."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may or may not have taken effect, or may yet. `why` is one clause."""

    why: str


Outcome: TypeAlias = Done | NotDone | Unknown
