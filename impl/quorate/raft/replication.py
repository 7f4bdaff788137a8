"""Replication: a follower's log becomes its leader's, and an acknowledgement claims exactly what was compared (§5.3).

Deviations from the paper:

- One AppendEntries per follower is under way at a time: `next_index` rises with acknowledgements only, and proposals
  that arrive meanwhile travel together in the next one. There is no pipelining.
- Entries that were not acknowledged are sent again with every heartbeat: as many as fit into one message, or a whole
  snapshot.
- A follower's reply to a mismatch lets the leader skip a whole term (the optimisation at the end of §5.3).
"""

from collections.abc import Iterable
from dataclasses import replace

from quorate.raft import commitment, roles, transfer
from quorate.raft.configuration import NodeId
from quorate.raft.errors import LocalError, NotLeader, RemoteError, TransferUnderWay
from quorate.raft.events import Propose
from quorate.raft.log import Log
from quorate.raft.messages import AppendEntries, AppendEntriesReply, Entry, InstallSnapshot, Message
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def on_propose(state: State, event: Propose) -> Output:
    """A leader appends, and sends the entries to every follower that has all earlier ones (§5.3)."""
    if state.role is not Role.LEADER:
        raise NotLeader(state.leader_id)
    if state.transfer_target is not None:
        raise TransferUnderWay(transfer.under_way(state.transfer_target))
    if not event.commands or any(type(command) is not bytes for command in event.commands):
        raise LocalError(f"a proposal is one or more commands of bytes, not {event.commands!r}")
    old_last_index = state.log.last_index
    entries = tuple(Entry(state.current_term, command) for command in event.commands)
    state = replace(state, log=state.log.append(entries))
    idle = (peer for peer in state.peers if state.next_index_of(peer) > old_last_index)
    return Output(state, send_now=messages_to(state, idle))


def on_heartbeat_timeout(state: State) -> Output:
    """A leader sends heartbeats, and repeats entries that have not been acknowledged (§5.2, §5.3)."""
    if state.role is not Role.LEADER:
        return Output(state)
    return Output(state, send_now=messages_to(state, state.peers) + transfer.requests(state))


def on_append_entries(state: State, message: AppendEntries) -> Output:
    """A follower takes the leader's entries if the logs agree before them; then they agree on them, too (§5.3)."""
    # §5.2: a server that hears from the leader of its term follows it.
    state = roles.become_follower(state, state.current_term, message.source)
    if not _agree_before(state.log, message):
        return Output(state, send_when_durable=(_rejection(state, message),), reset_election_timer=True)
    # The comparison ends here; entries of this log beyond it may be of any leader.
    verified = message.prev_log_index + len(message.entries)
    state = replace(
        state,
        log=_merge(state, message),
        commit_index=max(state.commit_index, min(message.leader_commit, verified)),
    )
    reply = AppendEntriesReply(state.id, message.source, state.current_term, success=True, match_index=verified)
    return Output(state, send_when_durable=(reply,), reset_election_timer=True)


def on_append_entries_reply(state: State, message: AppendEntriesReply) -> Output:
    """A leader learns up to where a follower's log agrees, or where to try again (§5.3)."""
    if state.role is not Role.LEADER or message.source not in state.configuration.members:
        return Output(state)
    if message.success:
        return acknowledged(state, message.source, message.match_index)
    return _rejected(state, message)


def acknowledged(state: State, peer: NodeId, match_index: int) -> Output:
    """`peer` has the log up to `match_index`: count it, and send the next entries."""
    if match_index <= state.match_index_of(peer):
        return Output(state)
    next_index = max(state.next_index_of(peer), match_index + 1)
    state = commitment.advance_commit_index(_with_progress(state, peer, next_index, match_index))
    more = (peer,) if next_index <= state.log.last_index else ()
    requests = transfer.requests(state) if peer == state.transfer_target else ()
    return Output(state, send_now=messages_to(state, more) + requests)


def messages_to(state: State, peers: Iterable[NodeId]) -> tuple[Message, ...]:
    """For each peer the entries from its `next_index` on, or the snapshot if they are compacted (§5.3, §7)."""
    return tuple(_message_to(state, peer) for peer in peers)


def _message_to(state: State, peer: NodeId) -> Message:
    prev_log_index = state.next_index_of(peer) - 1
    prev_log_term = state.log.term_at(prev_log_index)
    if prev_log_term is None:
        assert state.snapshot is not None, "only compaction makes a leader forget an entry"
        return InstallSnapshot(state.id, peer, state.current_term, state.snapshot)
    return AppendEntries(
        source=state.id,
        dest=peer,
        term=state.current_term,
        prev_log_index=prev_log_index,
        prev_log_term=prev_log_term,
        entries=_batch(state, prev_log_index + 1),
        leader_commit=state.commit_index,
    )


def _batch(state: State, first: int) -> tuple[Entry, ...]:
    """The entries from `first` on that fit into one message; at least one, if there is one."""
    entries = state.log.slice(first, min(state.log.last_index, first + state.config.max_entries - 1))
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.command or b"")
        if size > state.config.max_bytes and count > 0:
            return entries[:count]
    return entries


def _agree_before(log: Log, message: AppendEntries) -> bool:
    # §5.4: what a snapshot covers is committed, hence in the log of every later leader.
    return message.prev_log_index < log.snapshot_index or log.term_at(message.prev_log_index) == message.prev_log_term


def _merge(state: State, message: AppendEntries) -> Log:
    """The log with the message's entries in it; entries after a conflict go, entries after a match stay (§5.3)."""
    log = state.log
    # §5.4: what a snapshot covers is committed, hence the same in both logs.
    first = max(message.prev_log_index + 1, log.first_index)
    theirs = message.entries[first - message.prev_log_index - 1 :]
    ours = log.slice(first, min(log.last_index, first + len(theirs) - 1))
    pairs = enumerate(zip(ours, theirs, strict=False))
    agreed = next((n for n, (one, other) in pairs if one.term != other.term), len(ours))
    if agreed == len(theirs):
        return log
    if first + agreed <= state.commit_index:
        raise RemoteError("entries", f"they would replace entry {first + agreed}, which is committed")
    return log.truncate_from(first + agreed).append(theirs[agreed:])


def _rejection(state: State, message: AppendEntries) -> AppendEntriesReply:
    prev_log_index = message.prev_log_index
    conflict_term = state.log.term_at(prev_log_index)
    conflict_index = state.log.last_index + 1 if conflict_term is None else state.log.first_index_of(conflict_term)
    return AppendEntriesReply(
        source=state.id,
        dest=message.source,
        term=state.current_term,
        success=False,
        prev_log_index=prev_log_index,
        conflict_term=conflict_term,
        conflict_index=conflict_index,
    )


def _rejected(state: State, message: AppendEntriesReply) -> Output:
    prev_log_index = message.prev_log_index
    match_index = state.match_index_of(message.source)
    # A reply to an older request says nothing about the latest, and can't revoke an acknowledgement.
    if prev_log_index != state.next_index_of(message.source) - 1 or prev_log_index <= match_index:
        return Output(state)
    hint = message.conflict_index
    if message.conflict_term is not None:
        # §5.3: if the leader has the conflicting term too, the logs may agree up to its own last entry of it.
        last_of_term = state.log.last_index_of(message.conflict_term)
        hint = hint if last_of_term is None else last_of_term + 1
    next_index = max(match_index + 1, min(hint, prev_log_index))
    state = _with_progress(state, message.source, next_index, match_index)
    return Output(state, send_now=messages_to(state, (message.source,)))


def _with_progress(state: State, peer: NodeId, next_index: int, match_index: int) -> State:
    position = state.configuration.members.index(peer)
    return replace(
        state,
        next_index=_put(state.next_index, position, next_index),
        match_index=_put(state.match_index, position, match_index),
    )


def _put(values: tuple[int, ...], position: int, value: int) -> tuple[int, ...]:
    return (*values[:position], value, *values[position + 1 :])
