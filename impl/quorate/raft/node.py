"""One event in, one output out: the rules about terms are here, every other rule is in the module of its topic.

Left out of this core, and of what its checks say: changes of membership (§6), reads that bypass the log (§8), handing
over leadership, and when a leader should step down: it has no clock, so that is for its driver to find.
"""

from typing import assert_never

from quorate.raft import commitment, election, replication, snapshot
from quorate.raft.errors import LocalError
from quorate.raft.events import (
    ElectionTimeout,
    Event,
    HeartbeatTimeout,
    Persisted,
    Propose,
    Receive,
    SnapshotTaken,
    StepDown,
    TimeoutNow,
)
from quorate.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    Message,
    NodeId,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
)
from quorate.raft.output import Durable, Output, settle
from quorate.raft.roles import become_follower
from quorate.raft.state import Config, State
from quorate.raft.validation import check_message


def restart(config: Config, node_id: NodeId, durable: Durable) -> State:
    """Member `node_id` as it starts, or starts again, from what its disk holds; `Durable()` is an empty disk.

    The driver gives `durable.snapshot` to the state machine first. What follows it is applied again as it is found
    to be committed. LocalError if `node_id` is not a member.
    """
    if node_id not in config.members:
        raise LocalError(f"node {node_id} is not among the members {config.members}")
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
    """What `event` makes of `state`, and what the world owes the result (see Output).

    An event that means nothing in this state gives the same state and nothing to do. RemoteError if the event is a
    message that no correct peer sends, LocalError if it is a call that no correct driver makes: either way nothing
    has happened.
    """
    return settle(state, _handle(state, event))


def _handle(state: State, event: Event) -> Output:  # noqa: PLR0911  # one case for each event
    match event:
        case Receive(message):
            check_message(state, message)
            return _receive(state, message)
        case ElectionTimeout():
            return election.on_election_timeout(state)
        case TimeoutNow():
            return election.on_timeout_now(state)
        case HeartbeatTimeout():
            return replication.on_heartbeat_timeout(state)
        case Propose():
            return replication.on_propose(state, event)
        case Persisted():
            return commitment.on_persisted(state, event)
        case SnapshotTaken():
            return snapshot.on_snapshot_taken(state, event)
        case StepDown():
            return election.on_step_down(state)
        case _:
            assert_never(event)


def _receive(state: State, message: Message) -> Output:  # noqa: C901, PLR0911  # one case for each message
    if message.term < state.current_term:
        return _answer_old_term(state, message)
    if message.term > state.current_term and not _is_hypothetical(message):
        # §5.1: whoever sees a newer term enters it, as a follower.
        state = become_follower(state, message.term, leader_id=None)
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
        case _:
            assert_never(message)


def _is_hypothetical(message: Message) -> bool:
    """Whether the term of `message` is one that its sender only asks about, and nobody has entered (§9.6)."""
    return isinstance(message, PreVote) or (isinstance(message, PreVoteReply) and message.vote_granted)


def _answer_old_term(state: State, message: Message) -> Output:
    """§5.1: a request of an old term is refused, with the current one; a reply of an old term is nothing to anyone."""
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
        case _:
            assert_never(message)
