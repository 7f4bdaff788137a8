"""Changes of role: each clears the variables of the old role, so that they can't count in the new one.

The handlers decide when a server changes its role.
"""

from dataclasses import replace

from quorate.raft import check_quorum
from quorate.raft.configuration import NodeId
from quorate.raft.messages import Entry
from quorate.raft.state import Role, State


def become_follower(state: State, term: int, leader_id: NodeId | None) -> State:
    """A follower in `term`; the vote survives if the term does (a server votes once in a term, §5.2)."""
    return State(
        config=state.config,
        id=state.id,
        current_term=term,
        voted_for=state.voted_for if term == state.current_term else None,
        log=state.log,
        role=Role.FOLLOWER,
        leader_id=leader_id,
        commit_index=state.commit_index,
        last_applied=state.last_applied,
    )


def become_pre_candidate(state: State) -> State:
    """A server that asks for pre-votes; its term and its vote stay (§9.6)."""
    return replace(state, role=Role.PRE_CANDIDATE, leader_id=None, votes_granted=frozenset({state.id}))


def become_candidate(state: State) -> State:
    """A candidate in a new term, with only its own vote (§5.2)."""
    return replace(
        state,
        current_term=state.current_term + 1,
        voted_for=state.id,
        role=Role.CANDIDATE,
        leader_id=None,
        votes_granted=frozenset({state.id}),
    )


def become_leader(state: State) -> State:
    """A leader that knows nothing of its followers' logs, and whose whole log is durable (§5.3)."""
    last = state.log.last_index
    members = state.configuration.members
    no_op = (Entry(state.current_term, None),) if state.config.no_op else ()  # §8
    state = replace(
        state,
        log=state.log.append(no_op),
        role=Role.LEADER,
        leader_id=state.id,
        votes_granted=frozenset(),
        durable_index=last,
        next_index=tuple(1 if member == state.id else last + 1 for member in members),
        match_index=(0,) * len(members),
    )
    return check_quorum.count_anew(state)
