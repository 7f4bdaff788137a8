"""A step of a protocol's code in the terms of its specification."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S")
M = TypeVar("M")
C = TypeVar("C", bound=Enum)


@dataclass(frozen=True, slots=True)
class LocalStep(Generic[S, M, C]):
    """A step of the code, mapped to the specification's states and messages; `received` is None without a message."""

    before: S
    received: M | None
    after: S
    sent: frozenset[M]
    cause: C
