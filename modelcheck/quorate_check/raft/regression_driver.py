"""A driver of the Raft core along one path, whose text `--pytest` copies into a test that doesn't need the checker.

Because the text is copied, it imports only the core and pytest. The driver records of each server what promises depend
on: the terms that it led, its votes, and the entries that it applied. `regression_promises.py` states them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from quorate.disk import Queue, add, crash, flush
from quorate.raft import (
    ChangeMembers,
    ChangeRefused,
    Config,
    Configuration,
    Durable,
    ElectionTimeout,
    Entry,
    Event,
    HeartbeatTimeout,
    Log,
    Message,
    Output,
    Persist,
    Persisted,
    Propose,
    ReadRequest,
    Receive,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    StepDown,
    TransferLeadership,
    restart,
    step,
)


@dataclass
class DrivenServer:
    """A core, its disk, the queue of writes that aren't durable yet, the durable ones to confirm, and its history."""

    state: State
    disk: Durable = field(default=Durable())
    queue: Queue[Persist, Message] = ()
    confirmations: set[Persisted] = field(default_factory=set)
    stalled: bool = False
    terms_led: set[int] = field(default_factory=set)
    votes: dict[int, set[int]] = field(default_factory=dict)
    applied: list[tuple[Entry, int]] = field(default_factory=list)  # with the term by which it was committed
    changes: list[str] = field(default_factory=list)  # entries that differ from those applied before at the same index


class Cluster:
    """Servers and the messages between them; `before` and `after` are the acting server's state in the last step.

    An `immediate` disk writes and confirms within a step, a `queued` one at a flush; a `stalling` one writes within a
    step unless it is stalled, and confirms later. Those who have `config` found the cluster, and `newcomers` may join.
    """

    def __init__(self, config: Config, *, disk: str, ordered: bool, newcomers: tuple[int, ...] = ()) -> None:
        self.disk, self.ordered = disk, ordered
        configs = dict.fromkeys(config.first_configuration.members, config)
        configs |= dict.fromkeys(newcomers, replace(config, members=(), learners=()))
        self.servers = {i: DrivenServer(restart(configs[i], i, Durable())) for i in sorted(configs)}
        self.messages: list[Message] = []
        self.before = self.after = self.servers[config.members[0]].state
        self.on_disk = Durable()
        self.crashed = False

    def timeout(self, i: int) -> None:
        """The election timeout of server `i` elapses: it becomes a candidate, or as a leader gives up its transfer."""
        state = self.servers[i].state
        self._require(state.role is not Role.LEADER or state.transfer_target is not None, f"s{i} leads")
        self._react(i, ElectionTimeout())

    def check_quorum(self, i: int, *, has_quorum: bool) -> None:
        """An election timeout passes at leader `i`, in which all the others have answered it, or nobody has."""
        self._require_leader(i)
        server = self.servers[i]
        others = server.state.configuration.members if has_quorum else {i}
        server.state = replace(server.state, heard_from=frozenset(others))
        self._react(i, ElectionTimeout())

    def heartbeat(self, i: int) -> None:
        """Leader `i` sends AppendEntries to its followers."""
        self._require_leader(i)
        self._react(i, HeartbeatTimeout())

    def request(self, i: int) -> None:
        """A client sends leader `i` a command."""
        self._require_leader(i)
        self._react(i, Propose((str(i).encode(),)))

    def read(self, i: int) -> None:
        """Clients' reads reach leader `i`, which asks the others whether it still leads."""
        self._require_leader(i)
        self._react(i, ReadRequest())

    def step_down(self, i: int) -> None:
        """Leader `i` steps down at its driver's request."""
        self._require_leader(i)
        self._react(i, StepDown())

    def transfer(self, i: int, target: int) -> None:
        """Leader `i` is asked to transfer its leadership to server `target`."""
        self._require_leader(i)
        self._react(i, TransferLeadership(target))

    def change(self, i: int, voters: tuple[int, ...], learners: tuple[int, ...] = ()) -> None:
        """Leader `i` is asked to change the members, when all learners have caught up."""
        self._require_leader(i)
        server = self.servers[i]
        server.state = replace(server.state, caught_up_index=0)
        try:
            self._react(i, ChangeMembers(voters, learners))
        except ChangeRefused as refusal:
            pytest.skip(f"this path can't be walked any more: s{i} refuses the change: {refusal}")

    def compact(self, i: int) -> None:
        """Server `i` takes a snapshot of all entries that it has applied."""
        state, server = self.servers[i].state, self.servers[i]
        index = state.last_applied
        self._require(index > state.log.snapshot_index, f"s{i} has nothing to compact")
        entries = [entry for entry, _ in server.applied[:index]]
        self._react(i, SnapshotTaken(Snapshot(index, entries[-1].term, encode(entries))))

    def deliver(self, message: Message, *, stays: bool = False) -> None:
        """Deliver a message that is in flight; with `stays` it remains in flight."""
        self._require_in_flight(message)
        if not stays:
            self.messages.remove(message)
        self._react(message.dest, Receive(message))

    def lose(self, message: Message) -> None:
        """The network loses a message."""
        self._require_in_flight(message)
        self.messages.remove(message)

    def flush(self, i: int) -> None:
        """The oldest write of server `i` becomes durable, and the messages that waited for it leave."""
        server = self.servers[i]
        self._require(bool(server.queue), f"s{i} has nothing to write")
        self.before, self.crashed, self.on_disk = server.state, False, server.disk
        self._flush(server)
        self.after = server.state

    def stall(self, i: int) -> None:
        """The disk of server `i` takes no write from now on, until the server crashes."""
        self.servers[i].stalled = True

    def confirm(self, i: int, persisted: Persisted) -> None:
        """Server `i` learns late that a write is durable."""
        server = self.servers[i]
        self._require(persisted in server.confirmations, f"s{i} has no such write on its disk")
        self._react(i, persisted)

    def crash(self, i: int, writes: int) -> None:
        """Server `i` crashes when the first `writes` writes of its queue are durable, and starts again."""
        server = self.servers[i]
        self._require(writes <= len(server.queue), f"s{i} has no {writes} writes waiting")
        server.disk = crash(server.disk, server.queue, Durable.after)[writes]
        self.before, self.crashed, self.on_disk = server.state, True, server.disk
        server.queue, server.stalled = (), False
        server.state = self.after = restart(server.state.config, i, server.disk)

    def _react(self, i: int, event: Event) -> None:
        server = self.servers[i]
        self.before, self.crashed, self.on_disk = server.state, False, server.disk
        output = step(server.state, event)
        assert is_written(server.state, output), "the write that a step asks for isn't what the step changed"
        self._store_output(server, output)
        while server.queue and self.disk != "queued" and not server.stalled:
            self._flush(server)
        self.after = server.state

    def _flush(self, server: DrivenServer) -> None:
        """Make the oldest write durable, and send the messages that waited for it."""
        (write,), server.queue = flush(server.queue)
        server.disk = server.disk.after(write.persist)
        self._send(server, write.messages)
        if write.persist.confirmation is None:
            return
        if self.disk == "stalling":
            server.confirmations.add(write.persist.confirmation)
        else:
            self._store_output(server, step(server.state, write.persist.confirmation))

    def _store_output(self, server: DrivenServer, output: Output) -> None:
        """Store the state and the write of an output, send its messages, and record its history."""
        server.state = output.state
        server.queue, leaving = add(server.queue, output.persist, output.send_now, output.send_when_durable)
        self._send(server, leaving)
        if output.state.role is Role.LEADER:
            server.terms_led.add(output.state.current_term)
        if output.install is not None:
            self._apply(server, 1, decode(output.install))
        self._apply(server, output.first_apply_index, list(output.apply))

    def _apply(self, server: DrivenServer, first: int, entries: list[Entry]) -> None:
        for index, entry in enumerate(entries, start=first):
            if index > len(server.applied):
                server.applied.append((entry, server.state.current_term))
            elif server.applied[index - 1][0] != entry:
                server.changes.append(f"index {index}: {server.applied[index - 1][0]}, then {entry}")
                server.applied[index - 1] = (entry, server.state.current_term)

    def _send(self, server: DrivenServer, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, RequestVote):
                server.votes.setdefault(message.term, set()).add(message.source)
            if isinstance(message, RequestVoteReply) and message.vote_granted:
                server.votes.setdefault(message.term, set()).add(message.dest)
            if self.ordered or message not in self.messages:
                self.messages.append(message)

    def _require_in_flight(self, message: Message) -> None:
        self._require(message in self.messages, f"nobody has sent {message}")

    def _require_leader(self, i: int) -> None:
        self._require(self.servers[i].state.role is Role.LEADER, f"s{i} doesn't lead")

    def _require(self, condition: bool, reason: str) -> None:  # noqa: FBT001 - the value itself is the argument
        if not condition:
            pytest.skip(f"this path can't be walked any more: {reason}")


def is_written(before: State, output: Output) -> bool:
    """Whether the output's write turns the persistent state of `before` into exactly that of the output's state.

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


def encode(entries: list[Entry]) -> bytes:
    """Return the bytes of a snapshot of these entries."""
    return b";".join(b"%d:%b" % (entry.term, content(entry)) for entry in entries)


def content(entry: Entry) -> bytes:
    """Return an entry's command, `-` for a no-op, or the groups of a configuration with a `/` after each."""
    if entry.configuration is None:
        return b"-" if entry.command is None else entry.command
    groups = (entry.configuration.voters, entry.configuration.outgoing, entry.configuration.learners)
    return b"".join(b"%b/" % "".join(map(str, group)).encode() for group in groups)


def decode(snapshot: Snapshot) -> list[Entry]:
    """Return the entries that `encode` encoded in a snapshot."""
    return [entry_of(*item.split(b":")) for item in snapshot.data.split(b";")]


def entry_of(term: bytes, text: bytes) -> Entry:
    """Return the entry of a term with the content that `content` returned."""
    if b"/" not in text:
        return Entry(int(term), None if text == b"-" else text)
    voters, outgoing, learners, _ = (tuple(map(int, group.decode())) for group in text.split(b"/"))
    return Entry(int(term), None, Configuration(voters, outgoing, learners))


def entries(log: Log) -> list[Entry]:
    """Return the entries of a log from index 1 on, including those that its snapshot replaced."""
    return [*([] if log.snapshot is None else decode(log.snapshot)), *log.entries]
