"""A driver of the Raft core for one path: what `--pytest` writes into a test, which then needs nothing of the checker.

The text of this module is copied, so it imports only what a test may: the core and pytest. It remembers of each server
what a promise may be about: the terms it led, the votes it gave, the entries it applied. The promises are stated here
once more for the same reason, and each is tried on a path that breaks it (tests/modelcheck/test_regression.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    Propose,
    Receive,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    StepDown,
    restart,
    step,
)


@dataclass
class DrivenServer:
    """A core, its disk, and what it has done; `queue` holds the writes that the disk hasn't got yet."""

    state: State
    disk: Durable = field(default=Durable())
    queue: Queue[Persist, Message] = ()
    led: set[int] = field(default_factory=set)
    votes: dict[int, set[int]] = field(default_factory=dict)
    applied: list[tuple[Entry, int]] = field(default_factory=list)  # with the term by which it was committed
    changed: list[str] = field(default_factory=list)  # what it applied otherwise the second time


class Cluster:
    """Servers and the messages between them; `before` and `after` are the acting server's state in the last step."""

    def __init__(self, config: Config, *, sync: bool, ordered: bool) -> None:
        self.config, self.sync, self.ordered = config, sync, ordered
        self.servers = {i: DrivenServer(restart(config, i, Durable())) for i in config.members}
        self.flight: list[Message] = []
        self.before = self.after = self.servers[config.members[0]].state
        self.on_disk = Durable()
        self.crashed = False

    def timeout(self, i: int) -> None:
        """Server `i` hears of no leader, and stands."""
        self._may(self.servers[i].state.role is not Role.LEADER, f"s{i} leads")
        self._react(i, ElectionTimeout())

    def heartbeat(self, i: int) -> None:
        """Leader `i` calls."""
        self._leads(i)
        self._react(i, HeartbeatTimeout())

    def request(self, i: int) -> None:
        """A client asks leader `i` for something."""
        self._leads(i)
        self._react(i, Propose((str(i).encode(),)))

    def step_down(self, i: int) -> None:
        """Leader `i` is told to step down."""
        self._leads(i)
        self._react(i, StepDown())

    def compact(self, i: int) -> None:
        """Server `i` takes a snapshot of all that it has applied."""
        state, server = self.servers[i].state, self.servers[i]
        index = state.last_applied
        self._may(index > state.log.snapshot_index, f"s{i} has nothing to compact")
        held = [entry for entry, _ in server.applied[:index]]
        text = b";".join(b"%d:%s" % (e.term, b"-" if e.command is None else e.command) for e in held)
        self._react(i, SnapshotTaken(Snapshot(index, held[-1].term, text)))

    def deliver(self, message: Message, *, stays: bool = False) -> None:
        """A message arrives, and may stay in flight."""
        self._in_flight(message)
        if not stays:
            self.flight.remove(message)
        self._react(message.dest, Receive(message))

    def lose(self, message: Message) -> None:
        """The network loses a message."""
        self._in_flight(message)
        self.flight.remove(message)

    def flush(self, i: int) -> None:
        """The oldest write of server `i` reaches its disk, and what waited for it leaves."""
        server = self.servers[i]
        self._may(bool(server.queue), f"s{i} has nothing to write")
        self.before, self.crashed, self.on_disk = server.state, False, server.disk
        self._flush(server)
        self.after = server.state

    def crash(self, i: int, writes: int) -> None:
        """Server `i` crashes when so many of its waiting writes have reached the disk, and starts again."""
        server = self.servers[i]
        self._may(writes <= len(server.queue), f"s{i} has no {writes} writes waiting")
        server.disk = crash(server.disk, server.queue, Durable.after)[writes]
        self.before, self.crashed, self.on_disk = server.state, True, server.disk
        server.queue = ()
        server.state = self.after = restart(self.config, i, server.disk)

    def _react(self, i: int, event: Event) -> None:
        server = self.servers[i]
        self.before, self.crashed, self.on_disk = server.state, False, server.disk
        output = step(server.state, event)
        assert written(server.state, output), "the write that a step asks for isn't what the step changed"
        self._take(server, output)
        while self.sync and server.queue:
            self._flush(server)
        self.after = server.state

    def _flush(self, server: DrivenServer) -> None:
        """Make the oldest write durable, and let leave what waited for it."""
        (write,), server.queue = flush(server.queue)
        server.disk = server.disk.after(write.persist)
        self._send(server, write.messages)
        if write.persist.confirmation is not None:
            self._take(server, step(server.state, write.persist.confirmation))

    def _take(self, server: DrivenServer, output: Output) -> None:
        """Keep what a step made of a server, send what may leave, and remember what it did."""
        server.state = output.state
        server.queue, leaving = add(server.queue, output.persist, output.send_now, output.send_when_durable)
        self._send(server, leaving)
        if output.state.role is Role.LEADER:
            server.led.add(output.state.current_term)
        if output.install is not None:
            self._apply(server, 1, decoded(output.install))
        self._apply(server, output.first_apply_index, list(output.apply))

    def _apply(self, server: DrivenServer, first: int, entries: list[Entry]) -> None:
        for index, entry in enumerate(entries, start=first):
            if index > len(server.applied):
                server.applied.append((entry, server.state.current_term))
            elif server.applied[index - 1][0] != entry:
                server.changed.append(f"index {index}: {server.applied[index - 1][0]}, then {entry}")
                server.applied[index - 1] = (entry, server.state.current_term)

    def _send(self, server: DrivenServer, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, RequestVote):
                server.votes.setdefault(message.term, set()).add(message.source)
            if isinstance(message, RequestVoteReply) and message.vote_granted:
                server.votes.setdefault(message.term, set()).add(message.dest)
            if self.ordered or message not in self.flight:
                self.flight.append(message)

    def _in_flight(self, message: Message) -> None:
        self._may(message in self.flight, f"nobody has sent {message}")

    def _leads(self, i: int) -> None:
        self._may(self.servers[i].state.role is Role.LEADER, f"s{i} doesn't lead")

    def _may(self, possible: bool, why: str) -> None:  # noqa: FBT001 - it is the question
        if not possible:
            pytest.skip(f"this path can't be walked any more: {why}")


def written(before: State, output: Output) -> bool:
    """Whether the output's write makes what was held before the persistent state of after: no more, no less."""
    after, log, write = output.state, before.log, output.persist
    if write is None:
        return (after.current_term, after.voted_for) == (before.current_term, before.voted_for) and after.log == log
    log = log.truncate_from(write.first_index)
    if write.snapshot is not None:
        log = log.compact(write.snapshot)
    held = (write.current_term, write.voted_for, log.append(write.entries))
    return held == (after.current_term, after.voted_for, after.log)


def decoded(snapshot: Snapshot) -> list[Entry]:
    """Return the entries that a snapshot stands for, as `Cluster.compact` writes them."""
    pairs = [item.split(b":") for item in snapshot.data.split(b";")]
    return [Entry(int(term), None if command == b"-" else command) for term, command in pairs]


def entries(log: Log) -> list[Entry]:
    """Return the entries of a log from its first index on, what a snapshot stands for included."""
    return [*([] if log.snapshot is None else decoded(log.snapshot)), *log.entries]


def election_safety(cluster: Cluster) -> None:
    """At most one server leads a term (§5.2)."""
    for (i, one), (j, other) in permutations(cluster.servers.items(), 2):
        assert not one.led & other.led, f"s{i} and s{j} both led term {min(one.led & other.led)}"


def leader_append_only(cluster: Cluster) -> None:
    """A leader only appends to its log (§5.3)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        assert entries(new.log)[: old.log.last_index] == entries(old.log)


def log_matching(cluster: Cluster) -> None:
    """Logs that agree on the term of an index agree on all before it (§5.3)."""
    logs = [entries(server.state.log) for server in cluster.servers.values()]
    for one, other in permutations(logs, 2):
        for index, (mine, others) in enumerate(zip(one, other, strict=False), start=1):
            if mine.term == others.term:
                assert one[:index] == other[:index]


def leader_completeness(cluster: Cluster) -> None:
    """Who leads a term has every entry that was committed in it or before (§5.4)."""
    for i, leader in cluster.servers.items():
        if leader.state.role is not Role.LEADER:
            continue
        log = entries(leader.state.log)
        for j, server in cluster.servers.items():
            for index, (entry, by_term) in enumerate(server.applied, start=1):
                if by_term <= leader.state.current_term:
                    held = log[index - 1] if index <= len(log) else None
                    assert held == entry, f"s{i} leads with {held} at index {index}, where s{j} applied {entry}"


def state_machine_safety(cluster: Cluster) -> None:
    """No two servers apply different entries at one index (§5.4.3)."""
    for (i, one), (j, other) in permutations(cluster.servers.items(), 2):
        for index, ((mine, _), (others, _)) in enumerate(zip(one.applied, other.applied, strict=False), start=1):
            assert mine == others, f"at index {index} s{i} applied {mine}, s{j} applied {others}"


def applied_never_changes(cluster: Cluster) -> None:
    """A server applies after a restart what it applied before (§5.4.3)."""
    for i, server in cluster.servers.items():
        assert not server.changed, f"s{i} applied at {server.changed[0]}"


def term_never_decreases(cluster: Cluster) -> None:
    """A term on disk or in use is never left for an older one (§5.1)."""
    least = cluster.on_disk.current_term if cluster.crashed else cluster.before.current_term
    assert cluster.after.current_term >= least


def commit_index_never_decreases(cluster: Cluster) -> None:
    """While a server runs, its commit index grows (Figure 2)."""
    assert cluster.crashed or cluster.after.commit_index >= cluster.before.commit_index


def one_vote_per_term(cluster: Cluster) -> None:
    """A server votes once in a term, also across restarts (§5.2)."""
    for i, server in cluster.servers.items():
        for term, given in server.votes.items():
            assert len(given) == 1, f"in term {term} s{i} voted for {sorted(given)}"


def match_below_next(cluster: Cluster) -> None:
    """What a follower is known to hold isn't sent again: match_index < next_index."""
    for server in cluster.servers.values():
        pairs = zip(server.state.match_index, server.state.next_index, strict=True)
        assert all(match < following for match, following in pairs)


def match_index_never_decreases(cluster: Cluster) -> None:
    """Within a term a leader never unlearns what a follower holds (Figure 2)."""
    old, new = cluster.before, cluster.after
    if old.role is new.role is Role.LEADER and old.current_term == new.current_term:
        assert all(was <= now for was, now in zip(old.match_index, new.match_index, strict=True))


def raises_nothing(cluster: Cluster) -> None:
    """The core takes every step of the path without an exception, so there is nothing left to look at."""
    assert cluster.servers
