"""The outcomes of a request, of which each client gets exactly one."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Done:
    """The request took effect; `reply` is that of the state machine."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class NotDone:
    """The request surely has not taken effect and never will; a retry is safe. `why` is one clause."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have taken effect, or may still take effect. `why` is one clause."""

    why: str


Outcome: TypeAlias = Done | NotDone | Unknown
