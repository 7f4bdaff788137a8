"""The mapping from the code's variables and messages to those of the specification.

| specification (TLA+, Python)  | code                                    | abstracted away                |
| ----------------------------- | --------------------------------------- | ------------------------------ |
| currentTerm, current_term     | state.current_term                      |                                |
| votedFor, voted_for           | state.voted_for                         |                                |
| log                           | state.log, after its snapshot's entries | blocks; where it was compacted |
| config of an entry            | configuration of an entry               |                                |
| snapshotIndex, snapshot_index | state.log.snapshot_index                | the bytes of a snapshot        |
| disk                          | durable, None if it is equal to memory  |                                |
| role                          | state.role                              |                                |
| commitIndex, commit_index     | state.commit_index                      | last_applied, always the same  |
| votesGranted, votes_granted   | state.votes_granted                     |                                |
| nextIndex, next_index         | state.next_index, or 1s                 | durable_index: the local disk  |
| matchIndex, match_index       | state.match_index, or 0s                |                                |
| (none)                        | state.caught_up_index                   | when a learner may vote        |
| readRound, read_round         | state.reads.number                      |                                |
| readIndex, read_index         | state.reads.index                       |                                |
| confirmedBy, confirmed_by     | state.reads.confirmed_by                |                                |
| led                           | record.terms_led                        | record.vote                    |
| applied                       | record.applied                          |                                |
| transferTarget,               | state.transfer_target                   |                                |
| transfer_target               |                                         |                                |
| answered                      | record.reads                            |                                |
| (none)                        | state.leader_id                         | the redirection of clients     |
| (none)                        | state.heard_from                        | when a leader steps down       |
| (none)                        | RequestVoteReply of a server to itself  | the way of its own vote        |
| messages                      | what a step sends                       | order, repetition              |
| mentries                      | entries: (term, command)                | the number in one message      |
| AppendEntriesReply            | the same                                | the hint: conflict_*           |
| msnapshot                     | the entries encoded in snapshot.data    | last_included_*                |

A command is a value; the code's None, a no-op, is the specification's NO_OP. The specification has no queue of writes:
the mapping holds for disks that aren't behind their memory, or stall (`disks.py`). Nor has it confirmations of writes,
for a leader need not count itself at once. traces/window.py maps the steps of traces by the same table except for
snapshots, whose bytes are those of a server's state machine.
"""

from __future__ import annotations

from typing import assert_never

from quorate import raft as code
from quorate_check.raft import subject
from quorate_spec.raft import messages as spec
from quorate_spec.raft.state import Answered, Applied, Disk, Log, Role, Server, progress

ROLES = {
    code.Role.FOLLOWER: Role.FOLLOWER,
    code.Role.PRE_CANDIDATE: Role.PRE_CANDIDATE,
    code.Role.CANDIDATE: Role.CANDIDATE,
    code.Role.LEADER: Role.LEADER,
}


def map_server(server: subject.CoreNode) -> Server:
    """Return the specification's server for a local state of the code."""
    state = server.state
    configuration = state.configuration
    return Server(
        id=state.id,
        first_config=map_configuration(state.config.first_configuration),
        current_term=state.current_term,
        voted_for=state.voted_for,
        log=map_log(state.log),
        snapshot_index=state.log.snapshot_index,
        disk=None if server.durable is None else map_disk(server.durable),
        role=ROLES[state.role],
        commit_index=state.commit_index,
        votes_granted=state.votes_granted,
        next_index=progress(dict(zip(configuration.members, state.next_index, strict=False)), 1),
        match_index=progress(dict(zip(configuration.members, state.match_index, strict=False)), 0),
        read_round=state.reads.number,
        read_index=state.reads.index,
        confirmed_by=state.reads.confirmed_by,
        transfer_target=state.transfer_target,
        led=server.record.terms_led,
        applied=tuple(map_applied(a) for a in server.record.applied),
        answered=frozenset(Answered(term, reads.round, reads.index) for term, reads in server.record.reads),
    )


def map_disk(durable: code.Durable) -> Disk:
    """Return what is on the disk of a server, which is behind its memory."""
    return Disk(durable.current_term, durable.voted_for, map_log(durable.log), durable.log.snapshot_index)


def map_log(log: code.Log) -> Log:
    """Return the whole log, including the entries that a snapshot replaced."""
    before = () if log.snapshot is None else subject.decode(log.snapshot.data)
    return map_entries((*before, *log.entries))


def map_entries(entries: tuple[code.Entry, ...]) -> Log:
    """Return entries with commands as values."""
    return tuple(
        spec.Entry(
            e.term,
            spec.NO_OP if e.command is None else e.command,
            None if e.configuration is None else map_configuration(e.configuration),
        )
        for e in entries
    )


def map_applied(applied: subject.Applied) -> Applied:
    """Return an applied entry, with the term in which the server first knew it to be committed."""
    (entry,) = map_entries((applied.entry,))
    return Applied(entry.term, entry.value, applied.by_term, entry.config)


def map_configuration(configuration: code.Configuration) -> spec.Config:
    """Return a configuration as sets."""
    return spec.Config(*map(frozenset, (configuration.voters, configuration.outgoing, configuration.learners)))


def map_message(m: code.Message) -> spec.Message:  # noqa: C901, PLR0911 - one case for each message
    """Return the specification's message for a message of the code."""
    match m:
        case code.PreVote():
            return spec.PreVote(m.source, m.dest, m.term, m.last_log_index, m.last_log_term)
        case code.PreVoteReply():
            return spec.PreVoteReply(m.source, m.dest, m.term, m.vote_granted)
        case code.RequestVote():
            return spec.RequestVote(m.source, m.dest, m.term, m.last_log_index, m.last_log_term, m.transfer)
        case code.RequestVoteReply():
            return spec.RequestVoteReply(m.source, m.dest, m.term, m.vote_granted)
        case code.AppendEntries():
            return spec.AppendEntries(
                source=m.source,
                dest=m.dest,
                term=m.term,
                prev_log_index=m.prev_log_index,
                prev_log_term=m.prev_log_term,
                entries=map_entries(m.entries),
                leader_commit=m.leader_commit,
            )
        case code.AppendEntriesReply():
            return spec.AppendEntriesReply(m.source, m.dest, m.term, m.success, m.match_index, m.prev_log_index)
        case code.InstallSnapshot():
            entries = map_entries(subject.decode(m.snapshot.data))
            return spec.InstallSnapshot(m.source, m.dest, m.term, entries)
        case code.InstallSnapshotReply():
            return spec.InstallSnapshotReply(m.source, m.dest, m.term, m.match_index)
        case code.ConfirmLeadership():
            return spec.ConfirmLeadership(m.source, m.dest, m.term, m.round)
        case code.LeadershipConfirmed():
            return spec.LeadershipConfirmed(m.source, m.dest, m.term, m.round)
        case code.TimeoutNow():
            return spec.TimeoutNow(m.source, m.dest, m.term)
        case _:
            assert_never(m)
