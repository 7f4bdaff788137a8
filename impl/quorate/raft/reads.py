"""ReadIndex: a read is linearizable if, after it arrived, a quorum confirmed the leader's term (dissertation §6.4).

1. The leader needs a committed entry of its own term: before that its commit index may be too old.
2. It keeps its commit index as the read index, and asks all peers in a new, numbered round whether they are still in
   its term. No clock is involved.
3. When a quorum, itself included, has confirmed *this* round, no later leader had been elected when the round began. So
   every write that had been acknowledged by then is at or before the read index.
4. When the state machine has applied the read index, it may answer the reads that had arrived when the round began.

Term and number identify a round, because no server leads a term twice. The numbers say which reads a confirmation is
for; the driver has the reads themselves.
"""

from dataclasses import replace

from quorate.raft.messages import ConfirmLeadership, LeadershipConfirmed
from quorate.raft.output import ConfirmedReads, Output
from quorate.raft.state import ReadRound, Role, State


def may_begin(state: State) -> bool:
    """Whether a server leads and has committed an entry of its term: before that its commit index may be too old."""
    return state.role is Role.LEADER and state.log.term_at(state.commit_index) == state.current_term


def on_read_request(state: State) -> Output:
    """A leader that may begins a new round, and gives up the one before: its answers may be lost (§6.4)."""
    if not may_begin(state):
        return Output(state)
    number = state.reads.number + 1
    state = replace(state, reads=ReadRound(number, state.commit_index, frozenset({state.id})))
    questions = tuple(ConfirmLeadership(state.id, peer, state.current_term, number) for peer in state.peers)
    return replace(_finished(state), send_now=questions)


def on_confirm_leadership(state: State, message: ConfirmLeadership) -> Output:
    """A server in the leader's term says so, and changes nothing.

    It has voted for no leader of a later term: a vote leaves only after its term is on disk, so a server whose vote has
    left never returns to an earlier term. For the same reason the answer needn't wait for the disk.
    """
    answer = LeadershipConfirmed(state.id, message.source, state.current_term, message.round)
    return Output(state, send_now=(answer,))


def on_leadership_confirmed(state: State, message: LeadershipConfirmed) -> Output:
    """A leader counts a server once, and only for the present round: earlier answers may be older than the reads."""
    reads = state.reads
    if not reads.confirmed_by or message.round != reads.number or message.source in reads.confirmed_by:
        return Output(state)
    return _finished(replace(state, reads=replace(reads, confirmed_by=reads.confirmed_by | {message.source})))


def _finished(state: State) -> Output:
    """The end of a round that a quorum has confirmed; nothing yet if it hasn't."""
    reads = state.reads
    if not state.is_quorum(reads.confirmed_by):
        return Output(state)
    return Output(replace(state, reads=ReadRound(reads.number)), reads=ConfirmedReads(reads.number, reads.index))
