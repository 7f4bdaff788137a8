"""Each kind of network, as the compiled searches hold it, beside what it means in plain Python (`core/networks.py`).

What is in flight is a row of message ids; that of a set is sorted, so that one set is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quorate_check.core.networks import SEMANTICS, Queues, Set
from quorate_check.core.system import NetworkKind, System, UnusableSystemError
from quorate_check.engine import kernel

Links = np.ndarray[Any, Any]  # a link for each message id


@dataclass(frozen=True, slots=True)
class CompiledKind:
    """A kind of network: its meaning, and its number in `kernel`, None if the search of any network is for it."""

    meaning: Queues
    number: int | None

    def row(self, flight: Sequence[int], link: Links) -> list[int]:
        """Return message ids in the order in which a packed state has them; of a link the oldest first."""
        if isinstance(self.meaning, Set):
            return sorted(flight)
        return list(flight) if self.meaning.in_rounds else sorted(flight, key=lambda m: int(link[m]))


KINDS: Final[dict[NetworkKind, CompiledKind]] = {
    NetworkKind.UNORDERED: CompiledKind(SEMANTICS[NetworkKind.UNORDERED], kernel.UNORDERED),
    NetworkKind.ORDERED: CompiledKind(SEMANTICS[NetworkKind.ORDERED], kernel.ORDERED),
    NetworkKind.LOCKSTEP: CompiledKind(SEMANTICS[NetworkKind.LOCKSTEP], kernel.LOCKSTEP),
    NetworkKind.ANY: CompiledKind(SEMANTICS[NetworkKind.ANY], None),
}


def kind_of(system: System) -> CompiledKind:
    """Return the kind of a system's network."""
    return KINDS[system.network.kind]


def kernel_number(system: System) -> int:
    """Return the kernel's number of a system's network; raise UnusableSystemError if it takes the other search."""
    number = kind_of(system).number
    if number is None:
        raise UnusableSystemError(
            f"{system.name}: random walks need a network that holds so many messages; give another than any"
        )
    return number
