"""An entry of the leader's own term is committed once a majority has it on disk (§5.3, §5.4.2)."""

from dataclasses import replace

from quorate.raft.events import Persisted
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def advance_commit_index(state: State) -> State:
    """The leader's state with the commit index that its followers' logs and its own disk allow."""
    match = dict(zip(state.configuration.members, state.match_index, strict=True))
    index = state.committable_index(match | {state.id: state.durable_index})
    # §5.4.2: only entries of the current term commit by counting; what precedes them commits with them.
    if index > state.commit_index and state.log.term_at(index) == state.current_term:
        return replace(state, commit_index=index)
    return state


def on_persisted(state: State, event: Persisted) -> Output:
    """A leader counts itself for the entries on its disk, if they are still in its log.

    A confirmation may arrive late. If its entry has been overwritten, the term differs, for an index and a term
    determine the whole log up to them (§5.3, Log Matching).
    """
    if state.role is not Role.LEADER or state.log.term_at(event.index) != event.term:
        return Output(state)
    if event.index <= state.durable_index:
        return Output(state)
    return Output(advance_commit_index(replace(state, durable_index=event.index)))
