"""CheckQuorum: a leader without the answers of a quorum steps down, and who has a leader helps no other.

(§6.2 and §4.2.3 of the dissertation.) A leader counts the members that answer it in its term. When an election timeout
has passed, it stays in office if they are a quorum, and begins to count anew. So a server that has a leader may ignore
requests for votes: it neither votes nor enters the term. Otherwise a server that its leader doesn't reach could depose
a leader that a quorum follows; and without the count, servers would ignore all others for the sake of a leader that
can't commit anything.

A candidate that is ignored has a later term than the leader. It joins again when the leader's next heartbeat reaches
it: it refuses that in its own term, which the leader then enters, for refusals are never ignored.
"""

from dataclasses import replace

from quorate.raft.configuration import NodeId
from quorate.raft.events import Hear
from quorate.raft.messages import (
    AppendEntriesReply,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    RequestVote,
    RequestVoteReply,
)
from quorate.raft.output import Output
from quorate.raft.state import Role, State

_ANSWERS = (RequestVoteReply, AppendEntriesReply, InstallSnapshotReply, LeadershipConfirmed)


def on_hear(state: State, event: Hear) -> Output:
    """A leader counts a member that answers by something else than a message of the core."""
    return Output(_with(state, event.member))


def count(state: State, message: Message) -> State:
    """The state of a server in the term of `message`, which a leader counts if it is an answer."""
    return _with(state, message.source) if isinstance(message, _ANSWERS) else state


def keeps_office(state: State) -> bool:
    """Whether a leader stays in office at the end of an election timeout: always without CheckQuorum."""
    return not state.config.check_quorum or state.is_quorum(state.heard_from)


def count_anew(state: State) -> State:
    """The leader's state at the beginning of an election timeout, in which only the leader itself counts yet."""
    only_itself = frozenset({state.id}) if state.config.check_quorum else frozenset[NodeId]()
    return state if state.heard_from == only_itself else replace(state, heard_from=only_itself)


def ignores(state: State, message: Message) -> bool:
    """Whether a server stays in its term, though `message` is of a later one.

    It does if it has a leader, or leads, and the message requests a vote without that leader's consent.
    """
    return (
        state.config.check_quorum
        and state.leader_id is not None
        and isinstance(message, RequestVote)
        and not message.transfer
    )


def _with(state: State, member: NodeId) -> State:
    if not state.config.check_quorum or state.role is not Role.LEADER or member in state.heard_from:
        return state
    return replace(state, heard_from=state.heard_from | {member})
