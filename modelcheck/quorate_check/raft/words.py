"""A path of the Raft core in the paper's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembers,
    Configuration,
    ConfirmLeadership,
    ElectionTimeout,
    Entry,
    Event,
    Hear,
    HeartbeatTimeout,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Log,
    Message,
    Persisted,
    PreVote,
    PreVoteReply,
    Propose,
    ReadRequest,
    RequestVote,
    RequestVoteReply,
    Role,
    SnapshotTaken,
    StepDown,
    TimeoutNow,
    TransferLeadership,
)
from quorate_check.raft.subject import (
    CheckerEvent,
    CheckQuorum,
    ClientRead,
    ClientRequest,
    Compact,
    Confirmation,
    CoreNode,
    Flush,
    Restart,
    Transfer,
)
from quorate_spec.raft import messages as spec
from quorate_spec.raft.state import Applied

EVENTS: dict[type, str] = {
    ElectionTimeout: "election timeout",
    HeartbeatTimeout: "heartbeat timeout",
    ClientRequest: "client request",
    ClientRead: "client read",
    ReadRequest: "client reads",
    Restart: "crash and restart",
    StepDown: "step-down request",
    Transfer: "request to transfer its leadership",
    Compact: "takes a snapshot",
    Flush: "the oldest write reaches the disk",
}


def describe_event(event: Message | CheckerEvent | Event) -> str:  # noqa: PLR0911 - one case for each event
    """Return one phrase for a message or a spontaneous event."""
    if isinstance(event, get_args(Message)):
        return f"{describe_message(event)} from s{event.source}"
    match event:
        case Confirmation(persisted=Persisted(term, index)):
            return f"the disk confirms its writes up to {index}:t{term}"
        case CheckQuorum(has_quorum=has_quorum):
            return f"election timeout of a leader that {'all' if has_quorum else 'none'} of the others answered"
        # Events of a cluster that ran.
        case Propose(commands=commands):
            return "client request" if len(commands) == 1 else f"{len(commands)} client requests"
        case ChangeMembers(voters=voters, learners=learners):
            return f"change to the members {config_text(Configuration(voters, learners=learners))}"
        case TransferLeadership(target=target):
            return f"request to transfer its leadership to s{target}"
        case Hear(member=member):
            return f"sign of life of s{member}"
        case Persisted(index=index):
            return f"the log is durable up to index {index}"
        case SnapshotTaken(snapshot=snapshot):
            return f"snapshot up to index {snapshot.last_included_index}"
        case _:
            return EVENTS[type(event)]


def describe_message(message: Message) -> str:
    """Return a message's name, its term and its other fields."""
    return f"{type(message).__name__}({', '.join((f'term {message.term}', *_content(message)))})"


def _content(message: Message) -> Iterator[str]:
    match message:
        case PreVote() | RequestVote():
            transfer = ", asked to stand by the leader" if isinstance(message, RequestVote) and message.transfer else ""
            yield f"last entry {message.last_log_index}:t{message.last_log_term}{transfer}"
        case PreVoteReply() | RequestVoteReply():
            yield "granted" if message.vote_granted else "refused"
        case AppendEntries():
            entries = _entries(message.entries) or "no entries"
            previous = f"after {message.prev_log_index}:t{message.prev_log_term}"
            yield f"{entries} {previous}, leader_commit {message.leader_commit}"
        case AppendEntriesReply(success=True):
            yield f"holds everything up to {message.match_index}"
        case AppendEntriesReply():
            yield f"differs at {message.prev_log_index}"
        case InstallSnapshot():
            snapshot = message.snapshot
            yield f"snapshot up to {snapshot.last_included_index}:t{snapshot.last_included_term}"
        case InstallSnapshotReply():
            yield f"holds everything up to {message.match_index}"
        case ConfirmLeadership() | LeadershipConfirmed():
            yield f"round {message.round}"
        case TimeoutNow():
            pass


def describe_change(before: CoreNode, after: CoreNode) -> str:
    """Return the changes of a step in one line."""
    old, new = before.state, after.state
    parts = []
    if old.current_term != new.current_term:
        parts.append(f"term {old.current_term} → {new.current_term}")
    if old.role is not new.role:
        parts.append(f"becomes {new.role.value}")
    if new.voted_for not in (old.voted_for, None):
        parts.append(f"votes for s{new.voted_for}")
    if new.votes_granted - old.votes_granted and new.role in {Role.CANDIDATE, Role.PRE_CANDIDATE}:
        parts.append("has votes of " + ", ".join(f"s{v}" for v in sorted(new.votes_granted)))
    if old.log != new.log:
        parts.append(f"log {_log(new.log)}")
    if old.match_index != new.match_index and new.match_index:
        parts.append(f"match_index {list(new.match_index)}")
    if old.next_index != new.next_index and new.next_index:
        parts.append(f"next_index {list(new.next_index)}")
    if old.commit_index != new.commit_index:
        parts.append(f"commit_index {old.commit_index} → {new.commit_index}")
    parts += _changes_of_transfer(before, after)
    parts += _changes_of_reads(before, after)
    parts += _changes_of_disk(before, after)
    return "; ".join(parts) or "nothing changes"


def _changes_of_transfer(before: CoreNode, after: CoreNode) -> Iterator[str]:
    target = after.state.transfer_target
    if after.state.role is Role.LEADER and target != before.state.transfer_target:
        yield "gives up its transfer" if target is None else f"transfers its leadership to s{target}"


def _changes_of_reads(before: CoreNode, after: CoreNode) -> Iterator[str]:
    old, new = before.state.reads, after.state.reads
    if new.confirmed_by not in (old.confirmed_by, frozenset()):
        servers = ", ".join(f"s{server}" for server in sorted(new.confirmed_by))
        yield f"round {new.number} of reads at index {new.index} is confirmed by {servers}"
    for _, reads in after.record.reads - before.record.reads:
        yield f"round {reads.round} of reads may be answered at index {reads.index}"


def _changes_of_disk(before: CoreNode, after: CoreNode) -> Iterator[str]:
    if len(before.queue) != len(after.queue):
        yield f"{len(after.queue)} writes not yet on disk"
    elif before.durable is None and after.durable is not None:
        yield "the disk stalls: the next crash loses this write and all later ones"


def entry_text(entry: Entry | spec.Entry | Applied) -> str:
    """Return an entry's term and command; what a client sent to a cluster that ran may be long, and isn't shown."""
    config = entry.configuration if isinstance(entry, Entry) else entry.config
    if config is not None:
        return f"t{entry.term} {config_text(config)}"
    match entry.command if isinstance(entry, Entry) else entry.value:
        case None:
            text = "no-op"
        case bytes() as command:
            text = f"x{command.decode()}" if command.isdigit() else f"{len(command)} bytes"
        case value:
            text = str(value)
    return f"t{entry.term} {text}"


def config_text(config: Configuration | spec.Config) -> str:
    """Return the voters of a configuration, the outgoing ones before an arrow, and the learners after a plus."""
    voters, outgoing, learners = (
        ",".join(map(str, sorted(group))) for group in (config.voters, config.outgoing, config.learners)
    )
    return "{" + (f"{outgoing}→" if outgoing else "") + voters + (f"+{learners}" if learners else "") + "}"


def _entries(entries: tuple[Entry, ...]) -> str:
    return "".join(f"[{entry_text(entry)}]" for entry in entries)


def _log(log: Log) -> str:
    snapshot = f"(snapshot up to {log.snapshot_index})" if log.snapshot_index else ""
    return snapshot + _entries(log.entries) or "empty"
