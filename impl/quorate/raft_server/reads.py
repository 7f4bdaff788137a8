"""ReadIndex: a read is linearizable if, after it arrived, a quorum confirmed the leader's term (dissertation §6.4).

1. The leader needs a committed entry of its own term: before that its commit index may be too old. 2. It keeps its
commit index as the read index, and asks all peers in a new, numbered round whether they are still in its
   term. No clock is involved.
3. When a quorum, itself included, has answered *this* round, no later leader had been elected when the round began. So
   every write that had been acknowledged by then is at or before the read index.
4. When the state machine has applied the read index, it may answer.

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
    """The reads of one leader, from their arrival until they may be answered; a read is any object of the caller."""

    arrived: list[Read] = field(default_factory=list)
    asking: list[Read] = field(default_factory=list)
    term: int = 0
    round: int = 0
    read_index: int = 0
    confirmed_by: set[NodeId] = field(default_factory=set)

    def begin(self, state: State, *, again: bool = False) -> ConfirmLeadership | None:
        """Begin a round if there are reads and it may begin; return its message to all peers, else None.

        With `again` a new round begins even if the last one lacks answers, which may be lost.
        """
        if (self.asking and not again) or not (self.asking or self.arrived):
            return None
        # The commit index of a new leader may be behind that of the leader before it.
        if state.role is not Role.LEADER or state.log.term_at(state.commit_index) != state.current_term:
            return None
        self.asking += self.arrived
        self.arrived = []
        self.term, self.round, self.read_index = state.current_term, self.round + 1, state.commit_index
        self.confirmed_by = {state.id}
        return ConfirmLeadership(self.term, self.round)

    def answered(self, peer: NodeId, answer: LeadershipConfirmed) -> None:
        """Count an answer to the current round; answers to earlier rounds were given before these reads arrived."""
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
        """Remove and return all reads, unanswered, after the end of leadership."""
        reads, self.asking, self.arrived = self.asking + self.arrived, [], []
        return reads


def confirm(state: State, question: ConfirmLeadership) -> LeadershipConfirmed | None:
    """Return this server's answer, None if it is in another term.

    A server's term goes back only by a crash, and a vote leaves only after its term is on disk. So a server that is in
    `term` has voted for no leader of a later term.
    """
    return LeadershipConfirmed(question.term, question.round) if state.current_term == question.term else None
