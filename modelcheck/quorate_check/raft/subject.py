"""The Raft core that serves clusters, as a system to be checked: `quorate.raft.step` behind a disk and a history.

The adapter adds to a node's own state what the core leaves to its driver and what the invariants must remember:

- a disk, with the queue of writes that servers run (`quorate.disk`). With `sync` storage an Output is durable before
  anything leaves. With `async` storage writes queue up; `Flush` makes the oldest durable and releases what waited for
  it; `Restart` keeps any prefix of the queue.
- a `Record`: terms led, the vote last given, entries applied. It survives restarts, and the core knows nothing of it.

Servers are numbered from 1 as in the paper, nodes from 0 as in the checker. A command is the number of the server that
proposed it: with term and index that tells any two proposals apart, unless one server leads one term twice (and that
breaks TermNeverDecreases first); and it is renamed with the servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from quorate import raft as code
from quorate.disk import Queue, Write, add, crash, flush
from quorate_check.core.system import Deliver, Outcome


class Durability(Enum):
    """When a write is durable: before anything leaves, or only at a later Flush."""

    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A client's command reaches a leader."""


@dataclass(frozen=True, slots=True)
class Flush:
    """The oldest queued write becomes durable, and what waited for it leaves."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The server crashes, loses what its disk hasn't got, and starts again."""


@dataclass(frozen=True, slots=True)
class Compact:
    """The server's state machine is serialised, and the log before it dropped."""


CheckerEvent = (
    Deliver | code.ElectionTimeout | code.HeartbeatTimeout | ClientRequest | Flush | Restart | code.StepDown | Compact
)


@dataclass(frozen=True, slots=True)
class Applied:
    """An entry that a server applied, and the server's term when it first did: it was committed by then."""

    entry: code.Entry
    by_term: int


@dataclass(frozen=True, slots=True)
class Record:
    """The history of a server for the invariants: every term it led, the vote it last gave, every entry it applied.

    `vote` is kept only while its term could be entered again; in a correct core it repeats `voted_for`.
    """

    terms_led: frozenset[int] = frozenset()
    vote: tuple[int, int] | None = None
    applied: tuple[Applied, ...] = ()


@dataclass(frozen=True, slots=True)
class CoreNode:
    """A node's local state: the core's, the disk's where it differs, and the record."""

    state: code.State
    durable: code.Durable | None = None  # None: the disk has all of it (always so with sync storage)
    queue: Queue[code.Persist, code.Message] = ()
    record: Record = field(default=Record())

    @property
    def on_disk(self) -> code.Durable:
        """The durable state, which a crash leaves."""
        if self.durable is not None:
            return self.durable
        return code.Durable(self.state.current_term, self.state.voted_for, self.state.log)


@dataclass(frozen=True, slots=True)
class Adapter:
    """The step function of one server within bounds on terms and log lengths."""

    config: code.Config
    storage: Durability
    max_term: int
    max_log: int

    def initial(self) -> tuple[CoreNode, ...]:
        """Return the servers of a new cluster."""
        return tuple(CoreNode(code.restart(self.config, member, code.Durable())) for member in self.config.members)

    def step(self, server: CoreNode, event: CheckerEvent) -> tuple[Outcome, ...]:
        """Return the outcomes of `event` at `server`."""
        match event:
            case Flush():
                return self._flush(server)
            case Restart():
                return tuple(self._restarts(server))
            case _:
                translated = self._translate(server, event)
                return () if translated is None else (self._react(server, translated),)

    def beyond(self, server: CoreNode) -> bool:
        """Whether no-ops have made the log longer than the bounds allow."""
        return server.state.log.last_index > self.max_log

    def _translate(
        self,
        server: CoreNode,
        event: Deliver | code.ElectionTimeout | code.HeartbeatTimeout | ClientRequest | code.StepDown | Compact,
    ) -> code.Event | None:
        """Return the core's event, None if it would do nothing or leave the bounds."""
        state = server.state
        leads = state.role is code.Role.LEADER
        match event:
            case Deliver(message):
                return code.Receive(message)
            case code.ElectionTimeout():
                return None if leads or state.current_term >= self.max_term else event
            case code.HeartbeatTimeout() | code.StepDown():
                return event if leads else None
            case ClientRequest():
                fits = leads and state.log.last_index < self.max_log
                return code.Propose((str(state.id).encode(),)) if fits else None
            case Compact():
                index = state.last_applied
                if index <= state.log.snapshot_index:
                    return None
                entries = tuple(a.entry for a in server.record.applied[:index])
                return code.SnapshotTaken(code.Snapshot(index, entries[-1].term, encode(entries)))

    def _react(self, server: CoreNode, event: code.Event) -> Outcome:
        output = code.step(server.state, event)
        assert is_written(server.state, output), "the write that a step asks for isn't what the step changed"
        if self.storage is Durability.ASYNC:
            return self._queue(server, output)
        sent = sent_with(output)
        record = remember(server.record, output, sent, output.state.current_term)
        if output.persist is not None and (confirmation := output.persist.confirmation) is not None:
            output = code.step(output.state, confirmation)
            assert output.persist is None, "a confirmation must not ask for another write"
            sent += sent_with(output)
            record = remember(record, output, sent, output.state.current_term)
        return Outcome(CoreNode(output.state, record=record), sent)

    def _queue(self, server: CoreNode, output: code.Output) -> Outcome:
        """Append the output's write, with the messages that wait for it, to the queue."""
        queue, leaving = add(server.queue, output.persist, output.send_now, output.send_when_durable)
        if queue is not server.queue:
            queue = (*queue[:-1], Write(queue[-1].persist, by_link(queue[-1].messages)))
        disk = server.on_disk if queue else None
        term_on_disk = output.state.current_term if disk is None else disk.current_term
        record = remember(server.record, output, leaving, term_on_disk)
        return Outcome(CoreNode(output.state, disk, queue, record), leaving)

    def _flush(self, server: CoreNode) -> tuple[Outcome, ...]:
        if not server.queue:
            return ()
        (oldest,), rest = flush(server.queue)
        disk = server.on_disk.after(oldest.persist)
        flushed = replace(server, queue=rest, durable=disk if rest else None)
        if oldest.persist.confirmation is None:
            output = code.Output(server.state)
        else:
            output = code.step(server.state, oldest.persist.confirmation)
            assert output.persist is None, "a confirmation must not ask for another write"
        outcome = self._queue(flushed, output)
        released = replace(
            outcome.local, record=remember(outcome.local.record, None, oldest.messages, disk.current_term)
        )
        return (Outcome(released, oldest.messages + outcome.messages),)

    def _restarts(self, server: CoreNode) -> list[Outcome]:
        """Return the server after a crash that loses the latest writes: none, some, or all that aren't durable."""
        left = crash(server.on_disk, server.queue, code.Durable.after)
        return [
            Outcome(CoreNode(code.restart(self.config, server.state.id, disk), record=server.record)) for disk in left
        ]


def sent_with(output: code.Output) -> tuple[code.Message, ...]:
    """Return the messages of an output in order, as sent when its write is durable at once."""
    queue, leaving = add((), output.persist, output.send_now, output.send_when_durable)
    return leaving + tuple(message for write in queue for message in write.messages)


def is_written(before: code.State, output: code.Output) -> bool:
    """Return whether the output's write makes what was held before the persistent state of after: no more, no less.

    A write of nothing is wrong as well: messages would wait for it, and a disk would be kept busy.
    """
    after, log, write = output.state, before.log, output.persist
    held, wanted = (before.current_term, before.voted_for, log), (after.current_term, after.voted_for, after.log)
    if write is None:
        return held == wanted
    log = log.truncate_from(write.first_index)
    if write.snapshot is not None:
        log = log.compact(write.snapshot)
    written = (write.current_term, write.voted_for, log.append(write.entries))
    return written == wanted and (bool(write.entries) or written != held)


def by_link(messages: tuple[code.Message, ...]) -> tuple[code.Message, ...]:
    """Return the waiting messages of a server, each once, sorted by receiver and then by age.

    A network sees no more of their order, and to an unordered one the same message twice is once. Without this a write
    that waits would collect the same answer without end, and its servers couldn't be renamed.
    """
    return tuple(sorted(dict.fromkeys(messages), key=lambda message: message.dest))


def remember(record: Record, output: code.Output | None, sent: tuple[code.Message, ...], term_on_disk: int) -> Record:
    """Return the record after a step that gave `output` and let `sent` leave."""
    terms_led, vote, applied = record.terms_led, record.vote, record.applied
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
            applied = extended(applied, 1, decode(output.install.data), state.current_term)
        if output.apply:
            applied = extended(applied, output.first_apply_index, output.apply, state.current_term)
    return Record(terms_led, vote, applied)


def extended(
    applied: tuple[Applied, ...], first: int, entries: tuple[code.Entry, ...], term: int
) -> tuple[Applied, ...]:
    """Return `applied` with `entries` from index `first` on; what was applied before keeps the term it was known by."""
    known = applied[first - 1 : first - 1 + len(entries)]
    new = [
        known[i] if i < len(known) and known[i].entry == entry else Applied(entry, term)
        for i, entry in enumerate(entries)
    ]
    return (*applied[: first - 1], *new, *applied[first - 1 + len(entries) :])


def encode(entries: tuple[code.Entry, ...]) -> bytes:
    """Return the state machine's state as bytes: the entries applied, so that snapshots can be judged."""
    return b";".join(b"%d:%b" % (e.term, b"-" if e.command is None else e.command) for e in entries)


def decode(data: bytes) -> tuple[code.Entry, ...]:
    """Return the entries that `encode` wrote."""
    pairs = [item.split(b":") for item in data.split(b";")]
    return tuple(code.Entry(int(term), None if command == b"-" else command) for term, command in pairs)


def entry_at(log: code.Log, index: int) -> code.Entry | None:
    """Return the entry at `index`, from the log or from the snapshot it starts after; None if there is none."""
    if index > log.last_index:
        return None
    if index > log.snapshot_index:
        return log.slice(index, index)[0]
    return decode(log.snapshot.data)[index - 1] if log.snapshot is not None else None
