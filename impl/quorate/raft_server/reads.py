"""A read is linearizable if, after it arrived, a majority said that nobody had led a later term (dissertation §6.4).

1. The leader needs an entry of its own term to be committed: before that its commit index may be too old.
2. It notes its commit index as the read index, and asks everybody in a new, numbered round whether its term is still
   theirs. No clock is involved.
3. When a majority, itself included, has answered *this* round, no later leader had been elected when it began. So all
   that had been acknowledged to any client by then is at or before the read index.
4. When the state machine has applied that much, it may answer.

One round is under way at a time. Reads that arrive meanwhile go into the next.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from quorate.raft.messages import NodeId
from quorate.raft.state import Role, State
from quorate.raft_server.messages import ConfirmLeadership, LeadershipConfirmed

Read = TypeVar("Read")


@dataclass(slots=True)
class ReadRounds(Generic[Read]):
    """The reads of one leader, from their arrival until they may be answered; a read is whatever the caller says."""

    arrived: list[Read] = field(default_factory=list)
    asking: list[Read] = field(default_factory=list)
    term: int = 0
    round: int = 0
    read_index: int = 0
    confirmed_by: set[NodeId] = field(default_factory=set)

    def begin(self, state: State, *, again: bool = False) -> ConfirmLeadership | None:
        """Return the question of a new round, to be sent to all peers, if there are reads for one and it may begin.

        `again` begins a new one even if the last still lacks answers, for messages get lost.
        """
        if (self.asking and not again) or not (self.asking or self.arrived):
            return None
        # A commit index that a new leader inherited says nothing of what the leader before it committed last.
        if state.role is not Role.LEADER or state.log.term_at(state.commit_index) != state.current_term:
            return None
        self.asking += self.arrived
        self.arrived = []
        self.term, self.round, self.read_index = state.current_term, self.round + 1, state.commit_index
        self.confirmed_by = {state.id}
        return ConfirmLeadership(self.term, self.round)

    def answered(self, peer: NodeId, answer: LeadershipConfirmed) -> None:
        """Count an answer, if it is to the present round: one to an earlier round was given before these reads came."""
        if (answer.term, answer.round) == (self.term, self.round):
            self.confirmed_by.add(peer)

    def take_confirmed(self, state: State, applied_index: int) -> list[Read]:
        """Return the reads that may be answered now from a state machine that has applied up to `applied_index`."""
        if not self.asking or (state.role, state.current_term) != (Role.LEADER, self.term):
            return []
        if applied_index < self.read_index or not state.config.is_quorum(self.confirmed_by):
            return []
        reads, self.asking = self.asking, []
        return reads

    def take_all(self) -> list[Read]:
        """Return every read, unanswered: for a server that doesn't lead any more."""
        reads, self.asking, self.arrived = self.asking + self.arrived, [], []
        return reads


def confirm(state: State, question: ConfirmLeadership) -> LeadershipConfirmed | None:
    """Return this server's answer; None from one that knows of another term.

    A server's term never goes back but by a crash, and a vote leaves only after its term is on disk. So whoever is
    in `term` now hasn't helped to elect anybody in a later one.
    """
    return LeadershipConfirmed(question.term, question.round) if state.current_term == question.term else None
