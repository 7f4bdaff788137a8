"""The actions of Raft.tla, under the same names and in the same order, each at the one server where it happens.

An action takes the server and the other parameters of the TLA+ action, and yields every step that it allows: none if
its guard, the first `if`, is false. Conditions and effects are in the order of the TLA+ text. `RECEIVING` lists the
actions for a message, which must be for this server and in flight; a step consumes it unless `stays` is True or the
network duplicates it. The network alone loses messages: `drop_message`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from quorate_spec.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    ConfirmLeadership,
    Entry,
    Id,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    TimeoutNow,
    Value,
)
from quorate_spec.raft.state import (
    Answered,
    Role,
    Server,
    acknowledge,
    awaited,
    be_follower,
    config,
    has,
    is_quorum,
    is_reply,
    last_change,
    learned,
    members_of,
    memory,
    merged,
    on_disk,
    progress,
    reconfigure,
    shows_new_term,
    stalled,
    term_at,
    up_to_date,
    vote_is_durable,
    voters_of,
    when_durable,
    with_progress,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step: the server after it, the messages that it sends, and whether the received message stays in flight."""

    server: Server
    sent: tuple[Message, ...] = ()
    stays: bool = False


Steps = Iterator[Step]

# Elections (§5.2, §5.4.1; pre-vote: §9.6)


def become_pre_candidate(server: Server) -> Steps:
    """The election timeout of a voter elapses, and it asks first whether it could win an election (§9.6)."""
    if server.role is not Role.LEADER and server.id in voters_of(config(server)):
        yield Step(replace(server, role=Role.PRE_CANDIDATE, votes_granted=frozenset({server.id})))


def request_pre_vote(server: Server, peer: Id) -> Steps:
    """A pre-candidate asks whether `peer` would vote for it in the next term, which it doesn't enter yet (§9.6)."""
    if server.role is Role.PRE_CANDIDATE and peer in voters_of(config(server)) and peer not in server.votes_granted:
        last = len(server.log)
        yield Step(server, (PreVote(server.id, peer, server.current_term + 1, last, term_at(server.log, last)),))


def handle_pre_vote_request(server: Server, m: Message) -> Steps:
    """The server answers a pre-vote and changes nothing; it may always refuse, as if it knew a live leader (§9.6)."""
    if isinstance(m, PreVote):
        if m.term > server.current_term and up_to_date(server, m):
            yield Step(server, (PreVoteReply(server.id, m.source, m.term, vote_granted=True),))
        yield Step(server, (PreVoteReply(server.id, m.source, server.current_term, vote_granted=False),))


def handle_pre_vote_reply(server: Server, m: Message) -> Steps:
    """A pre-candidate counts a pre-vote (§9.6)."""
    if isinstance(m, PreVoteReply) and awaited(server, m):
        voters = {m.source} if m.vote_granted else set()
        yield Step(replace(server, votes_granted=server.votes_granted | voters))


def timeout(server: Server) -> Steps:
    """The election timeout of a voter elapses: it becomes a candidate in a new term, and votes for itself (§5.2)."""
    if server.role is not Role.LEADER and server.id in voters_of(config(server)):
        yield Step(
            replace(
                server,
                current_term=server.current_term + 1,
                voted_for=server.id,
                role=Role.CANDIDATE,
                votes_granted=frozenset({server.id}),
            )
        )


def request_vote(server: Server, peer: Id) -> Steps:
    """A candidate asks `peer` for its vote, once its disk has its own (§5.2)."""
    if (
        server.role is Role.CANDIDATE
        and peer in voters_of(config(server))
        and peer not in server.votes_granted
        and not stalled(server)
    ):
        last, term = len(server.log), server.current_term
        yield Step(server, (RequestVote(server.id, peer, term, last, term_at(server.log, last), transfer=False),))


def handle_request_vote(server: Server, m: Message) -> Steps:
    """The server votes once in a term, and only for a log at least as complete as its own (§5.2, §5.4.1)."""
    if isinstance(m, RequestVote) and m.term == server.current_term:
        granted = server.voted_for in {None, m.source} and up_to_date(server, m)
        yield Step(
            replace(server, voted_for=m.source if granted else server.voted_for),
            when_durable(server, RequestVoteReply(server.id, m.source, server.current_term, granted)),
        )


def ignore_request_vote(server: Server, m: Message) -> Steps:
    """A server that may have a leader ignores a request of a later term that this leader didn't ask for (§4.2.3)."""
    if (
        isinstance(m, RequestVote)
        and not m.transfer
        and m.term > server.current_term
        and server.role in {Role.FOLLOWER, Role.LEADER}
    ):
        yield Step(server)


def handle_request_vote_reply(server: Server, m: Message) -> Steps:
    """A candidate counts a voter once, however many replies it receives (§5.2)."""
    if isinstance(m, RequestVoteReply) and awaited(server, m):
        voters = {m.source} if m.vote_granted else set()
        yield Step(replace(server, votes_granted=server.votes_granted | voters))


def become_leader(server: Server) -> Steps:
    """A candidate has the votes of a quorum: it leads, and doesn't know the others' logs yet (§5.2, §5.3)."""
    if server.role is Role.CANDIDATE and is_quorum(server.votes_granted, config(server)) and vote_is_durable(server):
        yield Step(
            replace(
                server,
                role=Role.LEADER,
                votes_granted=frozenset(),
                next_index=progress({j: len(server.log) + 1 for j in members_of(config(server)) - {server.id}}, 1),
                led=server.led | {server.current_term},
            )
        )


def step_down(server: Server) -> Steps:
    """A leader steps down within its term, for instance because no majority replies (dissertation §6.2)."""
    if server.role is Role.LEADER:
        yield Step(be_follower(server))


# Replication and commitment (§5.3, §5.4.2)


def client_request(server: Server, value: Value) -> Steps:
    """A leader appends a client's value, or a no-op, to its own log, unless it transfers its leadership (§5.3, §8)."""
    if server.role is Role.LEADER and server.transfer_target is None:
        yield Step(replace(server, log=(*server.log, Entry(server.current_term, value))))


def append_entries(server: Server, peer: Id, count: int) -> Steps:
    """A leader sends `peer` the `count` entries from nextIndex on; with `count` = 0 it is a heartbeat (§5.3)."""
    if (
        server.role is Role.LEADER
        and peer in members_of(config(server))
        and peer != server.id
        and server.next_of(peer) > server.snapshot_index
        and server.next_of(peer) + count <= len(server.log) + 1
    ):
        prev = server.next_of(peer) - 1
        yield Step(
            server,
            (
                AppendEntries(
                    source=server.id,
                    dest=peer,
                    term=server.current_term,
                    prev_log_index=prev,
                    prev_log_term=term_at(server.log, prev),
                    entries=server.log[prev : prev + count],
                    leader_commit=server.commit_index,
                ),
            ),
        )


def handle_append_entries(server: Server, m: Message) -> Steps:
    """The server follows; if the logs agree before the new entries, it appends and acknowledges them (§5.3)."""
    if isinstance(m, AppendEntries) and m.term == server.current_term and server.role is not Role.LEADER:
        agrees = has(server.log, m.prev_log_index, m.prev_log_term)
        verified = m.prev_log_index + len(m.entries)
        log = merged(server.log, m.prev_log_index, m.entries) if agrees else server.log
        commit = max(server.commit_index, min(m.leader_commit, verified)) if agrees else server.commit_index
        yield Step(
            replace(be_follower(server), log=log, commit_index=commit, applied=learned(server, log, commit)),
            when_durable(
                server,
                AppendEntriesReply(
                    source=server.id,
                    dest=m.source,
                    term=server.current_term,
                    success=agrees,
                    match_index=verified if agrees else 0,
                    prev_log_index=0 if agrees else m.prev_log_index,
                ),
            ),
        )


def handle_append_entries_reply(server: Server, m: Message) -> Steps:
    """A leader learns how far a log agrees, or tries an earlier index; a stale refusal changes nothing (§5.3)."""
    if isinstance(m, AppendEntriesReply) and awaited(server, m):
        next_index, match = server.next_of(m.source), server.match_of(m.source)
        fresh = m.prev_log_index == next_index - 1 and m.prev_log_index > match
        if m.success:
            yield Step(acknowledge(server, m.source, m.match_index))
        else:
            for earlier in range(match + 1, m.prev_log_index + 1) if fresh else [next_index]:
                yield Step(with_progress(server, m.source, earlier, match))


def advance_commit_index(server: Server) -> Steps:
    """A leader knows that a majority has an entry of its term on disk: it and all before commit (§5.3, §5.4.2)."""
    if server.role is Role.LEADER:
        for n in range(server.commit_index + 1, len(server.log) + 1):
            own = {server.id} if has(on_disk(server).log, n, server.current_term) else set()
            holders = frozenset(own | {j for j in members_of(config(server)) - {server.id} if server.match_of(j) >= n})
            if term_at(server.log, n) == server.current_term and is_quorum(holders, config(server)):
                yield Step(replace(server, commit_index=n, applied=learned(server, server.log, n)))


# Membership (§6; chapter 4 of the dissertation, and its erratum of 2015)


def change_members(server: Server, new_voters: frozenset[Id], new_learners: frozenset[Id]) -> Steps:
    """A leader begins a change of the members: directly if at most one voter comes or goes, else jointly (§6)."""
    if server.role is Role.LEADER and server.transfer_target is None:
        old = config(server)
        changed = new_voters ^ old.voters
        new = Config(new_voters, frozenset() if len(changed) <= 1 else old.voters, new_learners)
        if (
            not old.outgoing
            and last_change(server.log) <= server.commit_index
            and server.commit_index > 0
            and term_at(server.log, server.commit_index) == server.current_term
            and new_voters
            and not new_voters & new_learners
            and new_voters - old.voters <= old.learners
        ):
            yield Step(reconfigure(server, new))


def leave_joint(server: Server) -> Steps:
    """A leader knows that the joint configuration is committed: it appends that of the new voters alone (§6)."""
    if server.role is Role.LEADER and config(server).outgoing and last_change(server.log) <= server.commit_index:
        yield Step(reconfigure(server, replace(config(server), outgoing=frozenset())))


# Transfers of leadership (§3.10)


def transfer_leadership(server: Server, target: Id) -> Steps:
    """A leader begins to transfer its leadership to a voter; no change of the members is under way (§3.10)."""
    if (
        server.role is Role.LEADER
        and server.transfer_target is None
        and target in voters_of(config(server)) - {server.id}
        and not config(server).outgoing
        and last_change(server.log) <= server.commit_index
    ):
        yield Step(replace(server, transfer_target=target))


def timeout_now(server: Server, peer: Id) -> Steps:
    """A leader asks the target of its transfer, which has its whole log, to stand for election at once (§3.10)."""
    if server.transfer_target == peer and server.match_of(peer) == len(server.log):
        yield Step(server, (TimeoutNow(server.id, peer, server.current_term),))


def handle_timeout_now(server: Server, m: Message) -> Steps:
    """A voter stands because the leader of its term asked it to, and says so to all whom it asks for votes (§3.10)."""
    if (
        isinstance(m, TimeoutNow)
        and m.term == server.current_term
        and server.role is Role.FOLLOWER
        and server.id in voters_of(config(server))
    ):
        term, last = server.current_term + 1, len(server.log)
        yield Step(
            replace(
                server,
                current_term=term,
                voted_for=server.id,
                role=Role.CANDIDATE,
                votes_granted=frozenset({server.id}),
            ),
            when_durable(
                server,
                *(
                    RequestVote(server.id, peer, term, last, term_at(server.log, last), transfer=True)
                    for peer in sorted(voters_of(config(server)) - {server.id})
                ),
            ),
        )


def ignore_timeout_now(server: Server, m: Message) -> Steps:
    """The server doesn't follow the leader that asks it to stand, or not any more, or has no vote (§3.10)."""
    if isinstance(m, TimeoutNow) and m.term <= server.current_term:
        yield Step(server)


def give_up_transfer(server: Server) -> Steps:
    """A leader still leads after an election timeout: it gives up its transfer, and serves again (§3.10)."""
    if server.transfer_target is not None:
        yield Step(replace(server, transfer_target=None))


# Terms (§5.1)


def update_term(server: Server, m: Message) -> Steps:
    """The server sees a newer term and enters it as a follower; the message stays, to be handled in it (§5.1)."""
    if shows_new_term(server, m):
        yield Step(replace(be_follower(server), current_term=m.term, voted_for=None), stays=True)


def refuse_old_request(server: Server, m: Message) -> Steps:
    """The server refuses a request of an old term, and replies with its own term (§5.1)."""
    if isinstance(m, RequestVote | AppendEntries | InstallSnapshot) and m.term < server.current_term:
        here, there, term = server.id, m.source, server.current_term
        match m:
            case RequestVote():
                yield Step(server, when_durable(server, RequestVoteReply(here, there, term, vote_granted=False)))
            case AppendEntries():
                refusal = AppendEntriesReply(here, there, term, success=False, match_index=0, prev_log_index=0)
                yield Step(server, when_durable(server, refusal))
            case InstallSnapshot():
                yield Step(server, when_durable(server, InstallSnapshotReply(here, there, term, match_index=0)))


def drop_stale_reply(server: Server, m: Message) -> Steps:
    """The server ignores a reply that it no longer waits for: of an old term, or for a role that it has left (§5.1)."""
    if is_reply(m) and not awaited(server, m) and not shows_new_term(server, m):
        yield Step(server)


# Snapshots (§7)


def compact(server: Server) -> Steps:
    """The server replaces entries that it knows to be committed by a snapshot (§7)."""
    if server.snapshot_index < server.commit_index:
        for n in range(server.snapshot_index + 1, server.commit_index + 1):
            yield Step(replace(server, snapshot_index=n))


def install_snapshot(server: Server, peer: Id) -> Steps:
    """A leader has compacted the entry that `peer` needs next, and sends its snapshot instead (§7)."""
    if (
        server.role is Role.LEADER
        and peer in members_of(config(server))
        and peer != server.id
        and server.next_of(peer) <= server.snapshot_index
    ):
        snapshot = server.log[: server.snapshot_index]
        yield Step(server, (InstallSnapshot(server.id, peer, server.current_term, snapshot),))


def handle_install_snapshot(server: Server, m: Message) -> Steps:
    """The server installs a snapshot beyond its commit index, and keeps later entries of an agreeing log (§7)."""
    if isinstance(m, InstallSnapshot) and m.term == server.current_term and server.role is not Role.LEADER:
        last = len(m.snapshot)
        ahead = last > server.commit_index
        log = m.snapshot if ahead and not has(server.log, last, term_at(m.snapshot, last)) else server.log
        commit = max(server.commit_index, last)
        yield Step(
            replace(
                be_follower(server),
                log=log,
                snapshot_index=last if ahead else server.snapshot_index,
                commit_index=commit,
                applied=learned(server, log, commit),
            ),
            when_durable(server, InstallSnapshotReply(server.id, m.source, server.current_term, last)),
        )


def handle_install_snapshot_reply(server: Server, m: Message) -> Steps:
    """A leader learns that a follower has the entries of the snapshot (§7)."""
    if isinstance(m, InstallSnapshotReply) and awaited(server, m):
        yield Step(acknowledge(server, m.source, m.match_index))


# Reads (§6.4)


def begin_reads(server: Server) -> Steps:
    """A leader begins a round of reads, giving up one that hasn't ended; its term has a committed entry (§6.4)."""
    if (
        server.role is Role.LEADER
        and server.commit_index > 0
        and term_at(server.log, server.commit_index) == server.current_term
    ):
        number, index, itself = server.read_round + 1, server.commit_index, frozenset({server.id})
        yield Step(replace(server, read_round=number, read_index=index, confirmed_by=itself))


def confirm_leadership(server: Server, peer: Id) -> Steps:
    """A leader asks `peer` whether it is still in the leader's term (§6.4)."""
    if server.confirmed_by and peer in members_of(config(server)) and peer not in server.confirmed_by:
        yield Step(server, (ConfirmLeadership(server.id, peer, server.current_term, server.read_round),))


def handle_confirm_leadership(server: Server, m: Message) -> Steps:
    """The server confirms the leader of its term: it voted in no later one; an old question gets no answer (§6.4)."""
    if isinstance(m, ConfirmLeadership) and m.term <= server.current_term:
        if m.term < server.current_term:
            yield Step(server)
        else:
            yield Step(server, (LeadershipConfirmed(server.id, m.source, server.current_term, m.round),))


def handle_leadership_confirmed(server: Server, m: Message) -> Steps:
    """A leader counts a server that confirms the present round; earlier answers may be older than the reads (§6.4)."""
    if isinstance(m, LeadershipConfirmed) and awaited(server, m):
        yield Step(replace(server, confirmed_by=server.confirmed_by | {m.source}))


def end_reads(server: Server) -> Steps:
    """A majority has confirmed a leader's round: clients may read what is committed up to the read index (§6.4)."""
    if is_quorum(server.confirmed_by, config(server)):
        answer = Answered(server.current_term, server.read_round, server.read_index)
        yield Step(replace(server, read_index=0, confirmed_by=frozenset(), answered=server.answered | {answer}))


# Failures (§5.5)


def stall_disk(server: Server) -> Steps:
    """From now on nothing reaches the server's disk: the crash that follows loses all later writes."""
    if not stalled(server):
        yield Step(replace(server, disk=memory(server)))


def restart(server: Server) -> Steps:
    """The server crashes and starts again with what is on its disk, which no longer stalls (§5.5)."""
    durable = on_disk(server)
    yield Step(
        replace(
            be_follower(server),
            current_term=durable.current_term,
            voted_for=durable.voted_for,
            log=durable.log,
            snapshot_index=durable.snapshot_index,
            disk=None,
            commit_index=durable.snapshot_index,
        )
    )


def drop_message(messages: frozenset[Message], m: Message) -> Iterator[frozenset[Message]]:
    """The network loses a message. It duplicates one if a step receives it and the message stays in flight."""
    if m in messages:
        yield messages - {m}


RECEIVING: Final[tuple[Callable[[Server, Message], Steps], ...]] = (
    handle_pre_vote_request,
    handle_pre_vote_reply,
    handle_request_vote,
    ignore_request_vote,
    handle_request_vote_reply,
    handle_append_entries,
    handle_append_entries_reply,
    handle_timeout_now,
    ignore_timeout_now,
    update_term,
    refuse_old_request,
    drop_stale_reply,
    handle_install_snapshot,
    handle_install_snapshot_reply,
    handle_confirm_leadership,
    handle_leadership_confirmed,
)
