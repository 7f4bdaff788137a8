"""The Raft core that serves clusters, as a system to be checked: `quorate.raft.step` behind a disk and a history.

The adapter adds to a node's own state what the core leaves to its driver and what the invariants must remember:

- a disk, in one of the forms of `disks.py`.
- a `Record` of the terms that the server led, its last vote and the entries that it applied. It survives restarts, and
  the core doesn't know it.

With CheckQuorum a leader's local state doesn't say who has answered it. The core reads that only when a leader checks
its quorum, and then the leader steps down or begins to count anew. Both are explored wherever it leads (`CheckQuorum`).
Nothing is lost, since a quorum may be silent or answer in any election timeout; nothing is added but a leader that
stays in office before it was answered at all, to which nothing happens.

Servers are numbered from 1 as in the paper, nodes from 0 as in the checker. A command is the number of the server that
proposed it, so that a renaming of servers renames commands. Term, index and command identify a proposal, unless one
server leads one term twice, which violates TermNeverDecreases first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol, TypeAlias

from quorate import raft as code
from quorate.disk import Queue, add
from quorate.raft.check_quorum import count_anew
from quorate.raft.reads import may_begin
from quorate_check.core.system import Deliver, Outcome


class Durability(Enum):
    """When a write becomes durable: SYNC before any message leaves, ASYNC at any later time."""

    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A client's command reaches a leader."""


@dataclass(frozen=True, slots=True)
class ClientRead:
    """Clients' reads reach a leader, which begins a round of them, or begins again."""


@dataclass(frozen=True, slots=True)
class CheckQuorum:
    """An election timeout passes at a leader, in which all the others have answered it, or nobody has."""

    has_quorum: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """A leader is asked to transfer its leadership, to any other member that it doesn't refuse."""


@dataclass(frozen=True, slots=True)
class Flush:
    """The oldest queued write becomes durable, and the messages that waited for it leave."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The server crashes, loses writes that aren't durable, and starts again from its disk."""


@dataclass(frozen=True, slots=True)
class Compact:
    """The server takes a snapshot of its state machine and drops the log entries that the snapshot replaces."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A message from the disk of a server to its core, both of number `source`: a write is durable."""

    source: int
    dest: int
    persisted: code.Persisted


Sent: TypeAlias = tuple[code.Message | Confirmation, ...]
CheckerEvent: TypeAlias = (
    Deliver
    | code.ElectionTimeout
    | code.HeartbeatTimeout
    | ClientRequest
    | ClientRead
    | CheckQuorum
    | Flush
    | Restart
    | code.StepDown
    | Transfer
    | code.ChangeMembers
    | Compact
)


@dataclass(frozen=True, slots=True)
class Applied:
    """An entry that a server applied, and the server's term when it first did: it was committed by then."""

    entry: code.Entry
    by_term: int


@dataclass(frozen=True, slots=True)
class Record:
    """The history of a server that the invariants read: the terms that it led, its last vote, the entries it applied.

    `reads` has each round of reads that a quorum confirmed, with its term.
    `vote` is (term, candidate) of the last vote sent; it becomes None once the disk has a later term, because the
    server can't enter the vote's term again. In a correct core it repeats `voted_for`.
    """

    terms_led: frozenset[int] = frozenset()
    vote: tuple[int, int] | None = None
    applied: tuple[Applied, ...] = ()
    reads: frozenset[tuple[int, code.ConfirmedReads]] = frozenset()


@dataclass(frozen=True, slots=True)
class CoreNode:
    """A node's local state: the core's state, its disk and the record.

    `durable` is None while the disk has all that the memory has. Only one form of a disk has a queue (`disks.py`).
    """

    state: code.State
    durable: code.Durable | None = None
    queue: Queue[code.Persist, code.Message] = ()
    record: Record = field(default=Record())

    @property
    def in_memory(self) -> code.Durable:
        """The contents that the disk would have if every write were durable."""
        return code.Durable(self.state.current_term, self.state.voted_for, self.state.log)

    @property
    def on_disk(self) -> code.Durable:
        """The durable state, from which the server starts after a crash that loses all other writes."""
        return self.in_memory if self.durable is None else self.durable


class Disk(Protocol):
    """The disk between a core and its messages: when writes become durable, and what waits until then."""

    @property
    def events(self) -> tuple[Flush, ...]:
        """The events of the disk itself."""

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Return the outcomes of a step with `output` at `server`."""

    def flush(self, server: CoreNode) -> tuple[Outcome, ...]:
        """Return the outcomes of a flush at `server`; none if there is nothing to write."""

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return all contents that the disk of `server` may have after a crash, the fewest writes first."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """The step function of one server of so many, within bounds on terms and log lengths.

    `config` is that of the servers that found the cluster; the others are to join it.
    """

    servers: int
    config: code.Config
    disk: Disk
    max_term: int
    max_log: int

    def initial(self) -> tuple[CoreNode, ...]:
        """Return the servers of a new cluster, and those that are to join it."""
        founders = self.config.first_configuration.members
        newcomers = (server for server in range(1, self.servers + 1) if server not in founders)
        config_of = dict.fromkeys(founders, self.config)
        config_of |= {server: replace(self.config, members=(), learners=()) for server in newcomers}
        return tuple(CoreNode(code.restart(config_of[server], server, code.Durable())) for server in sorted(config_of))

    def step(self, server: CoreNode, event: CheckerEvent) -> tuple[Outcome, ...]:
        """Return the outcomes of `event` at `server`."""
        match event:
            case Flush():
                return self.disk.flush(server)
            case Restart():
                config, me = server.state.config, server.state.id
                return tuple(
                    Outcome(CoreNode(code.restart(config, me, contents), record=server.record))
                    for contents in self.disk.crash(server)
                )
            case CheckQuorum(has_quorum=has_quorum):
                if server.state.role is not code.Role.LEADER:
                    return ()
                checking = replace(server, state=with_answers(server.state, has_quorum=has_quorum))
                return self._react(checking, code.ElectionTimeout())
            case Transfer():
                peers = server.state.peers if server.state.role is code.Role.LEADER else ()
                return tuple(o for peer in peers for o in self._attempt(server, code.TransferLeadership(peer)))
            case _:
                translated = self._translate(server, event)
                return () if translated is None else self._attempt(server, translated)

    def beyond(self, server: CoreNode) -> bool:
        """Whether a leader's no-op made the log longer than `max_log`, which limits only clients' requests."""
        return server.state.log.last_index > self.max_log

    def _translate(  # noqa: C901, PLR0911 - one case for each event
        self,
        server: CoreNode,
        event: Deliver
        | code.ElectionTimeout
        | code.HeartbeatTimeout
        | ClientRequest
        | ClientRead
        | code.StepDown
        | code.ChangeMembers
        | Compact,
    ) -> code.Event | None:
        """Return the core's event; None if `event` would do nothing or would pass `max_term` or `max_log`."""
        state = server.state
        leads = state.role is code.Role.LEADER
        match event:
            case Deliver(Confirmation(persisted=persisted)):
                return persisted
            case Deliver(code.TimeoutNow()) if state.current_term >= self.max_term:
                return None
            case Deliver(message):
                return code.Receive(message)
            case code.ElectionTimeout() if leads:  # with CheckQuorum that event is another
                return event if state.transfer_target is not None and not state.config.check_quorum else None
            case code.ElectionTimeout():
                return None if state.current_term >= self.max_term else event
            case code.HeartbeatTimeout() | code.StepDown():
                return event if leads else None
            case ClientRead():
                return code.ReadRequest() if may_begin(state) else None
            case ClientRequest():
                fits = leads and state.log.last_index < self.max_log
                return code.Propose((str(state.id).encode(),)) if fits else None
            case code.ChangeMembers():
                return event if leads and state.log.last_index < self.max_log else None
            case Compact():
                index = state.last_applied
                if index <= state.log.snapshot_index:
                    return None
                entries = tuple(a.entry for a in server.record.applied[:index])
                return code.SnapshotTaken(code.Snapshot(index, entries[-1].term, encode(entries)))

    def _attempt(self, server: CoreNode, event: code.Event) -> tuple[Outcome, ...]:
        try:
            return self._react(server, event)
        except (code.ChangeRefused, code.TransferRefused, code.TransferUnderWay):
            return ()

    def _react(self, server: CoreNode, event: code.Event) -> tuple[Outcome, ...]:
        output = code.step(server.state, event)
        assert is_written(server.state, output), "the write that a step asks for isn't what the step changed"
        return self.disk.store(server, without_answers(output))


def with_answers(leader: code.State, *, has_quorum: bool) -> code.State:
    """Return a leader that all the others have answered, or nobody (CheckQuorum)."""
    return replace(leader, heard_from=frozenset(leader.configuration.members if has_quorum else {leader.id}))


def without_answers(output: code.Output) -> code.Output:
    """Return the output of a step with a leader that has not counted anybody yet who answers it (CheckQuorum).

    Nor has it noted how far learners must catch up: any learner may become a voter.
    """
    if output.state.role is not code.Role.LEADER:
        return output
    state = count_anew(output.state)
    if state.caught_up_index:
        state = replace(state, caught_up_index=0)
    return output if state is output.state else replace(output, state=state)


def sent_with(output: code.Output) -> tuple[code.Message, ...]:
    """Return the messages of an output in order, as sent when its write is durable at once."""
    queue, leaving = add((), output.persist, output.send_now, output.send_when_durable)
    return leaving + tuple(message for write in queue for message in write.messages)


def is_written(before: code.State, output: code.Output) -> bool:
    """Return whether the output's write turns the persistent state of `before` into exactly that of the output's state.

    False as well for a write that changes nothing, because messages would wait for the disk without need.
    """
    after, log, write = output.state, before.log, output.persist
    old, new = (before.current_term, before.voted_for, log), (after.current_term, after.voted_for, after.log)
    if write is None:
        return old == new
    log = log.truncate_from(write.first_index)
    if write.snapshot is not None:
        log = log.compact(write.snapshot)
    result = (write.current_term, write.voted_for, log.append(write.entries))
    return result == new and (bool(write.entries) or result != old)


def remember(record: Record, output: code.Output | None, sent: Sent, term_on_disk: int) -> Record:
    """Return the record after a step with `output` and the messages `sent`, when the disk has `term_on_disk`."""
    terms_led, vote, applied, reads = record.terms_led, record.vote, record.applied, record.reads
    for message in sent:
        match message:
            case code.RequestVote():
                vote = (message.term, message.source)
            case code.RequestVoteReply(vote_granted=True):
                vote = (message.term, message.dest)
            case _:
                pass
    if vote is not None and vote[0] < term_on_disk:
        vote = None
    if output is not None:
        state = output.state
        if state.role is code.Role.LEADER:
            terms_led |= {state.current_term}
        if output.install is not None:
            applied = with_entries(applied, 1, decode(output.install.data), state.current_term)
        if output.apply:
            applied = with_entries(applied, output.first_apply_index, output.apply, state.current_term)
        if output.reads is not None:
            reads |= {(state.current_term, output.reads)}
    return Record(terms_led, vote, applied, reads)


def with_entries(
    applied: tuple[Applied, ...], first: int, entries: tuple[code.Entry, ...], term: int
) -> tuple[Applied, ...]:
    """Return `applied` with `entries` from index `first` on, new ones by `term`; equal entries keep their `by_term`."""
    previous = applied[first - 1 : first - 1 + len(entries)]
    new = [
        previous[i] if i < len(previous) and previous[i].entry == entry else Applied(entry, term)
        for i, entry in enumerate(entries)
    ]
    return (*applied[: first - 1], *new, *applied[first - 1 + len(entries) :])


def encode(entries: tuple[code.Entry, ...]) -> bytes:
    """Return `term:content` of each applied entry, joined by `;`, so that the checker can read snapshots.

    The content is a command, `-` for a no-op, or the groups of a configuration with a `/` after each.
    """
    return b";".join(b"%d:%b" % (e.term, _content(e)) for e in entries)


def decode(data: bytes) -> tuple[code.Entry, ...]:
    """Return the entries in the bytes that `encode` returned."""
    pairs = [item.split(b":") for item in data.split(b";")]
    return tuple(_entry(int(term), content) for term, content in pairs)


def _content(entry: code.Entry) -> bytes:
    if entry.configuration is None:
        return b"-" if entry.command is None else entry.command
    groups = (entry.configuration.voters, entry.configuration.outgoing, entry.configuration.learners)
    return b"".join(b"%b/" % "".join(map(str, group)).encode() for group in groups)


def _entry(term: int, content: bytes) -> code.Entry:
    if b"/" not in content:
        return code.Entry(term, None if content == b"-" else content)
    voters, outgoing, learners, _ = (tuple(map(int, group.decode())) for group in content.split(b"/"))
    return code.Entry(term, None, code.Configuration(voters, outgoing, learners))


def entry_at(log: code.Log, index: int) -> code.Entry | None:
    """Return the entry at `index`, from the log or from the snapshot it starts after; None if there is none."""
    if index > log.last_index:
        return None
    if index > log.snapshot_index:
        return log.slice(index, index)[0]
    return decode(log.snapshot.data)[index - 1] if log.snapshot is not None else None
