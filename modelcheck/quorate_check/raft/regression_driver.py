"""A driver of the Raft core along one path, whose text `--pytest` copies into a test that doesn't need the checker.

Because the text is copied, it imports only the core and pytest, and states the promises a second time. Each of them is
tried on a path that breaks it (tests/modelcheck/test_regression.py). The driver records of each server what promises
depend on: the terms that it led, its votes, and the entries that it applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import permutations

import pytest

from quorate.disk import Queue, add, crash, flush
from quorate.raft import (
    Config,
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
    step unless it is stalled, and confirms later.
    """

    def __init__(self, config: Config, *, disk: str, ordered: bool) -> None:
        self.config, self.disk, self.ordered = config, disk, ordered
        self.servers = {i: DrivenServer(restart(config, i, Durable())) for i in config.members}
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
        server.state = replace(server.state, heard_from=frozenset(self.config.members if has_quorum else {i}))
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

    def compact(self, i: int) -> None:
        """Server `i` takes a snapshot of all entries that it has applied."""
        state, server = self.servers[i].state, self.servers[i]
        index = state.last_applied
        self._require(index > state.log.snapshot_index, f"s{i} has nothing to compact")
        entries = [entry for entry, _ in server.applied[:index]]
        text = b";".join(b"%d:%s" % (e.term, b"-" if e.command is None else e.command) for e in entries)
        self._react(i, SnapshotTaken(Snapshot(index, entries[-1].term, text)))

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
        server.state = self.after = restart(self.config, i, server.disk)

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


def decode(snapshot: Snapshot) -> list[Entry]:
    """Return the entries that `Cluster.compact` encoded in a snapshot."""
    pairs = [item.split(b":") for item in snapshot.data.split(b";")]
    return [Entry(int(term), None if command == b"-" else command) for term, command in pairs]


def entries(log: Log) -> list[Entry]:
    """Return the entries of a log from index 1 on, including those that its snapshot replaced."""
    return [*([] if log.snapshot is None else decode(log.snapshot)), *log.entries]


def election_safety(cluster: Cluster) -> None:
    """At most one server leads a term (§5.2)."""
    for (i, first), (j, second) in permutations(cluster.servers.items(), 2):
        assert not first.terms_led & second.terms_led, (
            f"s{i} and s{j} both led term {min(first.terms_led & second.terms_led)}"
        )


def leader_append_only(cluster: Cluster) -> None:
    """A leader only appends to its log (§5.3)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        assert entries(new.log)[: old.log.last_index] == entries(old.log)


def log_matching(cluster: Cluster) -> None:
    """Logs that agree on the term of an index agree on all before it (§5.3)."""
    logs = [entries(server.state.log) for server in cluster.servers.values()]
    for first, second in permutations(logs, 2):
        for index, (first_entry, second_entry) in enumerate(zip(first, second, strict=False), start=1):
            if first_entry.term == second_entry.term:
                assert first[:index] == second[:index]


def leader_completeness(cluster: Cluster) -> None:
    """The leader of a term has every entry that was committed in it or before (§5.4)."""
    for i, leader in cluster.servers.items():
        if leader.state.role is not Role.LEADER:
            continue
        log = entries(leader.state.log)
        for j, server in cluster.servers.items():
            for index, (entry, by_term) in enumerate(server.applied, start=1):
                if by_term <= leader.state.current_term:
                    own = log[index - 1] if index <= len(log) else None
                    assert own == entry, f"s{i} leads with {own} at index {index}, where s{j} applied {entry}"


def state_machine_safety(cluster: Cluster) -> None:
    """No two servers apply different entries at one index (§5.4.3)."""
    for (i, first), (j, second) in permutations(cluster.servers.items(), 2):
        for index, ((first_entry, _), (second_entry, _)) in enumerate(
            zip(first.applied, second.applied, strict=False), start=1
        ):
            assert first_entry == second_entry, (
                f"at index {index} s{i} applied {first_entry}, s{j} applied {second_entry}"
            )


def applied_never_changes(cluster: Cluster) -> None:
    """A server applies after a restart the entries that it applied before (§5.4.3)."""
    for i, server in cluster.servers.items():
        assert not server.changes, f"s{i} applied at {server.changes[0]}"


def term_never_decreases(cluster: Cluster) -> None:
    """No server returns from a term on disk or in use to an older one (§5.1)."""
    least = cluster.on_disk.current_term if cluster.crashed else cluster.before.current_term
    assert cluster.after.current_term >= least


def commit_index_never_decreases(cluster: Cluster) -> None:
    """The commit index of a running server never decreases (Figure 2)."""
    assert cluster.crashed or cluster.after.commit_index >= cluster.before.commit_index


def one_vote_per_term(cluster: Cluster) -> None:
    """A server votes for at most one candidate in a term, also across restarts (§5.2)."""
    for i, server in cluster.servers.items():
        for term, candidates in server.votes.items():
            assert len(candidates) == 1, f"in term {term} s{i} voted for {sorted(candidates)}"


def match_below_next(cluster: Cluster) -> None:
    """A leader's next_index for each server is above its match_index: it sends no entry that the server has."""
    for server in cluster.servers.values():
        pairs = zip(server.state.match_index, server.state.next_index, strict=True)
        assert all(match < following for match, following in pairs)


def counted_is_on_disk(cluster: Cluster) -> None:
    """A leader counts itself only for entries of its term that its disk has (§10.2.1 of the dissertation)."""
    for server in cluster.servers.values():
        state = server.state
        if state.role is Role.LEADER:
            own, disk = entries(state.log)[: state.durable_index], entries(server.disk.log)
            for index, entry in enumerate(own):
                assert entry.term < state.current_term or disk[index : index + 1] == [entry]


def match_index_never_decreases(cluster: Cluster) -> None:
    """match_index increases monotonically while a leader leads its term (Figure 2)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        assert all(
            old_index <= new_index for old_index, new_index in zip(old.match_index, new.match_index, strict=True)
        )


def raises_nothing(cluster: Cluster) -> None:
    """The core takes every step of the path without an exception; the driver has run them all before this is called."""
    assert cluster.servers
