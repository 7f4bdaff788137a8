"""The reads of a leader's clients, in the rounds by which the core finds out whether it still leads (ReadIndex).

`quorate.raft.reads` has the rules. Reads that arrive while a round is under way go into the next: the answers to that
round may have been given before they arrived.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from quorate.raft import Output, ReadRound, State
from quorate.raft.reads import may_begin

Read = TypeVar("Read")


@dataclass(slots=True)
class PendingReads(Generic[Read]):
    """The reads of one leader, from their arrival until they may be answered; a read is any object of the caller.

    `confirmed` has the reads of each confirmed round, with the read index that the state machine has to apply first.
    """

    arrived: list[Read] = field(default_factory=list)
    asking: list[Read] = field(default_factory=list)
    confirmed: deque[tuple[int, list[Read]]] = field(default_factory=deque)

    def need_round(self, state: State, *, again: bool = False) -> bool:
        """Return whether the core should begin a round now; `again` repeats the present one, for answers get lost."""
        waiting = self.arrived or self.asking if again else self.arrived and not self.asking
        return bool(waiting) and may_begin(state)

    def follow(self, before: ReadRound, output: Output) -> None:
        """Take note of a step of the core: a round that begins is for all reads that have arrived."""
        if output.state.reads.number > before.number:
            self.asking += self.arrived
            self.arrived = []
        if output.reads is not None:
            self.confirmed.append((output.reads.index, self.asking))
            self.asking = []

    def take_answerable(self, applied_index: int) -> list[Read]:
        """Return the reads that may be answered now from a state machine that has applied up to `applied_index`."""
        reads: list[Read] = []
        while self.confirmed and self.confirmed[0][0] <= applied_index:
            reads += self.confirmed.popleft()[1]
        return reads

    def take_all(self) -> list[Read]:
        """Remove and return all reads, unanswered, after the end of leadership."""
        reads = [read for _, confirmed in self.confirmed for read in confirmed] + self.asking + self.arrived
        self.arrived, self.asking = [], []
        self.confirmed.clear()
        return reads
