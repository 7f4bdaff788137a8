"""Conformance as a step invariant: the engine runs every distinct local step of the code once, and each is explained.

A step that nothing explains is a violation like any other: its path is replayed on the real code and printed, and what
the specification would have allowed is said beside it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from quorate.raft import Message
from quorate_check.conformance.explain import LocalStep, Sequence, explain
from quorate_check.conformance.mapping import map_message, map_server
from quorate_check.invariants import StepInvariant
from quorate_check.subjects.raft_bounds import RaftBounds
from quorate_check.subjects.raft_impl import CheckerEvent, Server, Storage
from quorate_check.system import Deliver, System, UnusableSystemError

CONFORMS = "ConformsToSpecification"


def local_step(before: Server, event: CheckerEvent, after: Server, sent: tuple[Message, ...]) -> LocalStep:
    """Return a step of the code in the specification's terms."""
    received = map_message(event.message) if isinstance(event, Deliver) else None
    return LocalStep(map_server(before), received, map_server(after), frozenset(map(map_message, sent)))


@dataclass
class Conformance:
    """Explains steps as they come; `sequences` counts the distinct mapped steps by what explains them."""

    sequences: Counter[Sequence] = field(default_factory=Counter)
    explained: dict[LocalStep, Sequence | None] = field(default_factory=dict)

    def holds(self, before: Server, event: CheckerEvent, after: Server, sent: tuple[Message, ...]) -> bool:
        """Judge one step of the code."""
        step = local_step(before, event, after, sent)
        if step not in self.explained:
            sequence = explain(step)
            self.explained[step] = sequence
            if sequence is not None:
                self.sequences[sequence] += 1
        return self.explained[step] is not None

    @property
    def steps(self) -> int:
        """The number of distinct steps, in the specification's terms."""
        return len(self.explained)

    @property
    def used(self) -> frozenset[str]:
        """The actions that explain some step."""
        return frozenset(name for sequence in self.sequences for name in sequence)

    def system(self, bounds: RaftBounds) -> System:
        """Return the core within `bounds`, which promises nothing but to be what the specification says.

        Raises UnusableSystemError for async storage: the specification has no disk that is behind its memory.
        """
        if bounds.storage is Storage.ASYNC:
            raise UnusableSystemError("--storage async: the specification's disk is never behind; conform with sync")
        promise = StepInvariant(CONFORMS, "every local step is a sequence of steps of the specification", self.holds)
        return replace(bounds.system(), invariants=(promise,))
