"""Elections: a term has at most one leader, because a server votes once in a term and a leader needs a majority (§5.2).

Deviation from the paper: an election may be preceded by a pre-vote (§9.6 of the dissertation), in which a server
asks whether the others would vote for it. The request has the term that the server would enter, and changes nobody's
state. A server that knows a leader refuses.

A voter that is alone sends its vote to itself, so that it leads when its disk has the vote: a crash before that could
let another server, or itself, lead the same term.

Who asks for votes, and whose votes count, is decided by the candidate's configuration alone. A server that is asked
doesn't look at its own, and learners vote, too: the configuration that they are to decide by may not have reached them.
"""

from dataclasses import replace

from quorate.raft import check_quorum, reconfiguration, replication, roles, transfer
from quorate.raft.configuration import NodeId
from quorate.raft.messages import PreVote, PreVoteReply, RequestVote, RequestVoteReply, TimeoutNow
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def on_election_timeout(state: State) -> Output:
    """A voter begins an election, or a pre-vote, at each timeout (§5.2); a leader checks its quorum instead.

    Who is no voter by its own log has no leader any more, either: a candidate may need its vote.
    """
    if state.role is Role.LEADER:
        if not check_quorum.keeps_office(state):
            return on_step_down(state)
        return Output(reconfiguration.begin_round(check_quorum.count_anew(transfer.give_up(state))))
    if not state.configuration.is_voter(state.id):
        return Output(state if state.leader_id is None else roles.become_follower(state, state.current_term, None))
    return _ask_first(state) if state.config.pre_vote else _stand(state)


def on_timeout_now(state: State, message: TimeoutNow) -> Output:
    """The target of a transfer becomes a candidate at once (§3.10 of the dissertation)."""
    return _stand(state, is_asked=True) if transfer.heeds(state, message) else Output(state)


def on_step_down(state: State) -> Output:
    """A leader becomes a follower without a leader, in the same term (§6.2 of the dissertation).

    This is safe because a crash, which may happen at any time, loses more. The vote stays, so no other server can lead
    this term, and this server can lead again only in a later term, which ignores replies to its earlier messages.
    """
    if state.role is not Role.LEADER:
        return Output(state)
    return Output(roles.become_follower(state, state.current_term, leader_id=None), reset_election_timer=True)


def on_pre_vote(state: State, message: PreVote) -> Output:
    """A pre-vote is granted as a vote would be, unless a leader is known, and changes nothing (§9.6)."""
    granted = (
        message.term > state.current_term
        and state.leader_id is None
        and _is_up_to_date(state, message.last_log_term, message.last_log_index)
    )
    term = message.term if granted else state.current_term
    return Output(state, send_now=(PreVoteReply(state.id, message.source, term, granted),))


def on_pre_vote_reply(state: State, message: PreVoteReply) -> Output:
    """A majority of pre-votes begins an election, in which pre-votes don't count."""
    if state.role is not Role.PRE_CANDIDATE or not message.vote_granted:
        return Output(state)
    if message.term != state.current_term + 1:
        return Output(state)
    state = replace(state, votes_granted=state.votes_granted | {message.source})
    return _stand(state) if _has_quorum(state) else Output(state)


def on_request_vote(state: State, message: RequestVote) -> Output:
    """A server votes once in a term, and only for a log at least as up-to-date as its own (§5.2, §5.4.1)."""
    granted = state.voted_for in (None, message.source) and _is_up_to_date(
        state, message.last_log_term, message.last_log_index
    )
    if granted:
        state = replace(state, voted_for=message.source)
    reply = RequestVoteReply(state.id, message.source, state.current_term, granted)
    return Output(state, send_when_durable=(reply,), reset_election_timer=granted)


def on_request_vote_reply(state: State, message: RequestVoteReply) -> Output:
    """A candidate becomes leader with votes of a majority; repeated replies count once (§5.2)."""
    if state.role is not Role.CANDIDATE or not message.vote_granted:
        return Output(state)
    state = replace(state, votes_granted=state.votes_granted | {message.source})
    return _lead(state) if _has_quorum(state) else Output(state)


def _ask_first(state: State) -> Output:
    state = roles.become_pre_candidate(state)
    if _has_quorum(state):
        return _stand(state)
    log, term = state.log, state.current_term + 1
    questions = tuple(PreVote(state.id, peer, term, log.last_index, log.last_term) for peer in _other_voters(state))
    return Output(state, send_now=questions, reset_election_timer=True)


def _stand(state: State, *, is_asked: bool = False) -> Output:
    state = roles.become_candidate(state)
    if _has_quorum(state):
        # Nobody's vote is needed, but the own one on disk: else it could lead this term again after a crash.
        vote = RequestVoteReply(state.id, state.id, state.current_term, vote_granted=True)
        return Output(state, send_when_durable=(vote,), reset_election_timer=True)
    log, term = state.log, state.current_term
    last = log.last_index, log.last_term
    requests = tuple(RequestVote(state.id, peer, term, *last, is_asked) for peer in _other_voters(state))
    return Output(state, send_when_durable=requests, reset_election_timer=True)


def _lead(state: State) -> Output:
    state = reconfiguration.begin_round(roles.become_leader(state))
    # §5.2: a new leader sends heartbeats at once, to prevent further elections.
    return Output(state, send_now=replication.messages_to(state, state.peers))


def _has_quorum(state: State) -> bool:
    return state.is_quorum(state.votes_granted)


def _other_voters(state: State) -> tuple[NodeId, ...]:
    return tuple(peer for peer in state.peers if state.configuration.is_voter(peer))


def _is_up_to_date(state: State, last_log_term: int, last_log_index: int) -> bool:
    # §5.4.1: the later last term wins; of equal ones, the longer log.
    return (last_log_term, last_log_index) >= (state.log.last_term, state.log.last_index)
