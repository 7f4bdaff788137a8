"""The dispatcher of events: the rules about terms are here, all other rules in the modules of their topics."""

from typing import assert_never

from quorate.raft import check_quorum, commitment, election, reads, reconfiguration, replication, snapshot, transfer
from quorate.raft.configuration import NodeId
from quorate.raft.events import (
    ChangeMembers,
    ElectionTimeout,
    Event,
    Hear,
    HeartbeatTimeout,
    Persisted,
    Propose,
    ReadRequest,
    Receive,
    SnapshotTaken,
    StepDown,
    TransferLeadership,
)
from quorate.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    ConfirmLeadership,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    TimeoutNow,
)
from quorate.raft.output import Durable, Output, settle
from quorate.raft.roles import become_follower
from quorate.raft.state import Config, State
from quorate.raft.validation import check_message


def restart(config: Config, node_id: NodeId, durable: Durable) -> State:
    """The state of server `node_id` after a start or restart with this disk; `Durable()` is an empty disk.

    The driver gives `durable.snapshot` to the state machine first. Later entries are applied again when they are known
    to be committed.
    """
    index = durable.log.snapshot_index
    return State(
        config=config,
        id=node_id,
        current_term=durable.current_term,
        voted_for=durable.voted_for,
        log=durable.log,
        commit_index=index,
        last_applied=index,
    )


def step(state: State, event: Event) -> Output:
    """The new state after `event`, and what the driver must do (see Output).

    An event that has no effect in this state returns the same state and nothing to do. Raises RemoteError for a message
    that no correct peer sends, LocalError for a call that no correct driver makes; then nothing has happened.
    """
    return settle(state, reconfiguration.finish(_handle(state, event)))


def _handle(state: State, event: Event) -> Output:  # noqa: C901, PLR0911  # one case for each event
    match event:
        case Receive(message):
            check_message(state, message)
            return _receive(state, message)
        case ElectionTimeout():
            return election.on_election_timeout(state)
        case Hear():
            return check_quorum.on_hear(state, event)
        case HeartbeatTimeout():
            return replication.on_heartbeat_timeout(state)
        case Propose():
            return replication.on_propose(state, event)
        case ChangeMembers():
            return reconfiguration.on_change_members(state, event)
        case TransferLeadership():
            return transfer.on_transfer_leadership(state, event)
        case ReadRequest():
            return reads.on_read_request(state)
        case Persisted():
            return commitment.on_persisted(state, event)
        case SnapshotTaken():
            return snapshot.on_snapshot_taken(state, event)
        case StepDown():
            return election.on_step_down(state)
        case _:
            assert_never(event)


def _receive(state: State, message: Message) -> Output:  # noqa: C901, PLR0911, PLR0912  # one case for each message
    if message.term < state.current_term:
        return _answer_old_term(state, message)
    if message.term > state.current_term and not _is_hypothetical(message):
        if check_quorum.ignores(state, message):
            return Output(state)
        # §5.1: a server that sees a newer term enters it, as a follower.
        state = become_follower(state, message.term, leader_id=None)
    state = check_quorum.count(state, message)
    match message:
        case PreVote():
            return election.on_pre_vote(state, message)
        case PreVoteReply():
            return election.on_pre_vote_reply(state, message)
        case RequestVote():
            return election.on_request_vote(state, message)
        case RequestVoteReply():
            return election.on_request_vote_reply(state, message)
        case AppendEntries():
            return replication.on_append_entries(state, message)
        case AppendEntriesReply():
            return replication.on_append_entries_reply(state, message)
        case InstallSnapshot():
            return snapshot.on_install_snapshot(state, message)
        case InstallSnapshotReply():
            return snapshot.on_install_snapshot_reply(state, message)
        case ConfirmLeadership():
            return reads.on_confirm_leadership(state, message)
        case LeadershipConfirmed():
            return reads.on_leadership_confirmed(state, message)
        case TimeoutNow():
            return election.on_timeout_now(state, message)
        case _:
            assert_never(message)


def _is_hypothetical(message: Message) -> bool:
    """Whether the term of `message` is one that its sender has not entered (§9.6)."""
    return isinstance(message, PreVote) or (isinstance(message, PreVoteReply) and message.vote_granted)


def _answer_old_term(state: State, message: Message) -> Output:
    """§5.1: a request of an old term is refused with the current term; a reply of an old term is ignored.

    So are a ConfirmLeadership and a TimeoutNow, which have no refusal: the sender's heartbeats are refused.
    """
    me, peer, term = state.id, message.source, state.current_term
    match message:
        case PreVote():
            return Output(state, send_now=(PreVoteReply(me, peer, term, vote_granted=False),))
        case RequestVote():
            return Output(state, send_when_durable=(RequestVoteReply(me, peer, term, vote_granted=False),))
        case AppendEntries():
            return Output(state, send_when_durable=(AppendEntriesReply(me, peer, term, success=False),))
        case InstallSnapshot():
            return Output(state, send_when_durable=(InstallSnapshotReply(me, peer, term, match_index=0),))
        case PreVoteReply() | RequestVoteReply() | AppendEntriesReply() | InstallSnapshotReply():
            return Output(state)
        case ConfirmLeadership() | LeadershipConfirmed() | TimeoutNow():
            return Output(state)
        case _:
            assert_never(message)
