"""Messages that no correct peer sends are refused before any handler sees them.

Each check compares one message with the rules of the protocol, or with a few numbers of the receiver's state, in time
proportional to the length of the message. A leader commit beyond the entries in a message is legal, and not checked.
"""

from typing import get_args

from quorate.raft.configuration import Configuration
from quorate.raft.errors import RemoteError
from quorate.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    ConfirmLeadership,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    Snapshot,
    TimeoutNow,
)
from quorate.raft.state import Role, State

_MESSAGES = frozenset(get_args(Message))


def check_message(state: State, message: Message) -> None:  # noqa: C901  # one case for each message
    """Raise a RemoteError that names the invalid field, if no correct peer can send `message`."""
    if type(message) not in _MESSAGES:
        raise RemoteError("message", f"{type(message).__name__} is no message of this protocol")
    _check_envelope(state, message)
    match message:
        case PreVote() | RequestVote():
            _check_request(message)
        case PreVoteReply() | RequestVoteReply():
            _check_bool("vote_granted", message.vote_granted)
        case AppendEntries():
            _check_append_entries(message)
            _check_only_leader(state, message)
        case AppendEntriesReply():
            _check_append_entries_reply(state, message)
        case InstallSnapshot():
            _check_snapshot(message)
            _check_only_leader(state, message)
        case InstallSnapshotReply():
            _check_match_index(state, message)
        case ConfirmLeadership():
            _check_round(message)
            _check_only_leader(state, message)
        case LeadershipConfirmed():
            _check_round(message)
            _check_begun(state, message)
        case TimeoutNow():
            _check_only_leader(state, message)


def _check_envelope(state: State, message: Message) -> None:
    _check_natural("source", message.source)
    _check_natural("term", message.term)
    if message.source == state.id and not isinstance(message, RequestVoteReply):
        raise RemoteError("source", "the message claims to be from its receiver")
    if type(message.dest) is not int or message.dest != state.id:
        raise RemoteError("dest", f"the message is for {message.dest!r}, not for node {state.id}")
    # A server may refuse a pre-vote before it has seen a first term; no other message has term 0.
    if message.term == 0 and not isinstance(message, PreVoteReply):
        raise RemoteError("term", "nobody stands, votes or leads in term 0")


def _check_request(message: PreVote | RequestVote) -> None:
    _check_position("last_log", message.last_log_index, message.last_log_term)
    if message.last_log_term >= message.term:
        raise RemoteError("last_log_term", f"{message.last_log_term} is not before the new term {message.term}")
    if isinstance(message, RequestVote):
        _check_bool("transfer", message.transfer)


def _check_append_entries(message: AppendEntries) -> None:
    _check_position("prev_log", message.prev_log_index, message.prev_log_term)
    _check_natural("leader_commit", message.leader_commit)
    if type(message.entries) is not tuple:
        raise RemoteError("entries", f"{type(message.entries).__name__} is not a tuple")
    term = max(1, message.prev_log_term)
    for entry in message.entries:
        _check_entry(entry)
        if entry.term < term:
            raise RemoteError("entries", f"an entry of term {entry.term} follows one of term {term}")
        term = entry.term
    if message.prev_log_term > message.term:
        raise RemoteError("prev_log_term", f"{message.prev_log_term} is after the leader's term {message.term}")
    if message.entries and term > message.term:
        raise RemoteError("entries", f"an entry of term {term} is after the leader's term {message.term}")


def _check_entry(entry: Entry) -> None:
    if type(entry) is not Entry:
        raise RemoteError("entries", f"{type(entry).__name__} is not an entry")
    _check_natural("entries", entry.term)
    if type(entry.command) is not bytes and entry.command is not None:
        raise RemoteError("entries", f"a command is bytes, not {type(entry.command).__name__}")
    _check_configuration("entries", entry.configuration)
    if entry.configuration is not None and entry.command is not None:
        raise RemoteError("entries", "an entry has both a command and a configuration")


def _check_append_entries_reply(state: State, message: AppendEntriesReply) -> None:
    _check_bool("success", message.success)
    _check_natural("prev_log_index", message.prev_log_index)
    _check_natural("conflict_index", message.conflict_index)
    if message.conflict_term is not None:
        _check_natural("conflict_term", message.conflict_term)
    if message.conflict_index > message.prev_log_index:
        raise RemoteError("conflict_index", f"{message.conflict_index} is after what was asked about")
    _check_match_index(state, message)


def _check_match_index(state: State, message: AppendEntriesReply | InstallSnapshotReply) -> None:
    _check_natural("match_index", message.match_index)
    # A leader's log only grows, so nobody can have matched more of it than there is now.
    if _leads(state, message.term) and message.match_index > state.log.last_index:
        raise RemoteError("match_index", f"{message.match_index} is beyond the leader's log")


def _check_snapshot(message: InstallSnapshot) -> None:
    snapshot = message.snapshot
    if type(snapshot) is not Snapshot:
        raise RemoteError("snapshot", f"{type(snapshot).__name__} is not a snapshot")
    _check_position("last_included", snapshot.last_included_index, snapshot.last_included_term)
    if snapshot.last_included_index == 0:
        raise RemoteError("last_included_index", "an empty log has no snapshot")
    if snapshot.last_included_term > message.term:
        raise RemoteError("last_included_term", f"{snapshot.last_included_term} is after the leader's term")
    if type(snapshot.data) is not bytes:
        raise RemoteError("data", f"a snapshot is bytes, not {type(snapshot.data).__name__}")
    _check_configuration("configuration", snapshot.configuration)


def _check_configuration(field: str, configuration: Configuration | None) -> None:
    if configuration is None:
        return
    if type(configuration) is not Configuration:
        raise RemoteError(field, f"{type(configuration).__name__} is not a configuration")
    if not configuration.voters:
        raise RemoteError(field, "a configuration has no voters")


def _check_round(message: ConfirmLeadership | LeadershipConfirmed) -> None:
    _check_natural("round", message.round)
    if message.round == 0:
        raise RemoteError("round", "rounds are counted from 1")


def _check_begun(state: State, message: LeadershipConfirmed) -> None:
    if _leads(state, message.term) and message.round > state.reads.number:
        raise RemoteError("round", f"{message.round} has not begun")


def _check_only_leader(state: State, message: AppendEntries | InstallSnapshot | ConfirmLeadership | TimeoutNow) -> None:
    if _leads(state, message.term):
        raise RemoteError("source", f"node {message.source} claims to lead term {message.term}, as this node does")


def _leads(state: State, term: int) -> bool:
    return state.role is Role.LEADER and state.current_term == term


def _check_position(prefix: str, index: int, term: int) -> None:
    _check_natural(f"{prefix}_index", index)
    _check_natural(f"{prefix}_term", term)
    # Index 0 is the beginning of every log and has term 0; the index and the term of every entry are above 0.
    if (index == 0) != (term == 0):
        raise RemoteError(f"{prefix}_term", f"index {index} cannot have term {term}")


def _check_natural(field: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise RemoteError(field, f"{value!r} is not a non-negative integer")


def _check_bool(field: str, value: object) -> None:
    if type(value) is not bool:
        raise RemoteError(field, f"{value!r} is not true or false")
