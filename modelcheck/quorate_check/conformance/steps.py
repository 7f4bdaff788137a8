"""A step of the code as the specification's state and messages show it, whatever the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S")
M = TypeVar("M")
C = TypeVar("C", bound=Enum)


@dataclass(frozen=True, slots=True)
class LocalStep(Generic[S, M, C]):
    """A step of the code in the specification's terms; `received` is None if no message caused it."""

    before: S
    received: M | None
    after: S
    sent: frozenset[M]
    cause: C
