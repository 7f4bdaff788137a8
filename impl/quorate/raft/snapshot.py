"""Snapshots: they replace only committed entries, which no server needs any more (§7).

Deviations from Figure 13: a snapshot is sent whole; and a snapshot beyond the commit index replaces the state machine
even if the log has its last entry, which saves applying the entries one by one.
"""

from dataclasses import replace

from quorate.raft import replication, roles
from quorate.raft.errors import LocalError
from quorate.raft.events import SnapshotTaken
from quorate.raft.messages import InstallSnapshot, InstallSnapshotReply
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def on_snapshot_taken(state: State, event: SnapshotTaken) -> Output:
    """The log is compacted up to an applied entry, with the configuration there; an older snapshot is ignored."""
    index = event.snapshot.last_included_index
    if index <= state.log.snapshot_index:
        return Output(state)
    if index > state.last_applied:
        raise LocalError(f"a snapshot at {index} was taken, but only entries up to {state.last_applied} are applied")
    if event.snapshot.last_included_term != state.log.term_at(index):
        raise LocalError(
            f"a snapshot at {index} was taken in term {event.snapshot.last_included_term}, "
            f"but the entry there is of term {state.log.term_at(index)}"
        )
    snapshot, configuration = event.snapshot, state.log.configuration_at(index)
    if snapshot.configuration != configuration:
        snapshot = replace(snapshot, configuration=configuration)
    return Output(replace(state, log=state.log.compact(snapshot)))


def on_install_snapshot(state: State, message: InstallSnapshot) -> Output:
    """A snapshot of the leader replaces the log up to its last entry; an old one is only acknowledged."""
    state = roles.become_follower(state, state.current_term, message.source)
    snapshot = message.snapshot
    index = snapshot.last_included_index
    reply = InstallSnapshotReply(state.id, message.source, state.current_term, match_index=index)
    if index <= state.commit_index:
        return Output(state, send_when_durable=(reply,), reset_election_timer=True)
    state = replace(state, log=state.log.compact(snapshot), commit_index=index, last_applied=index)
    return Output(state, send_when_durable=(reply,), install=snapshot, reset_election_timer=True)


def on_install_snapshot_reply(state: State, message: InstallSnapshotReply) -> Output:
    """The reply to a snapshot acknowledges all entries that it includes."""
    if state.role is not Role.LEADER or message.source not in state.configuration.members:
        return Output(state)
    return replication.acknowledged(state, message.source, message.match_index)
