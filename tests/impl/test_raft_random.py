"""Whatever happens to a cluster, the five properties of Figure 3 hold; and left in peace, it makes progress.

A walk chooses freely among timeouts, proposals, flushes, crashes, snapshots, leaders that step down, and the delivery,
loss or repetition of any message ever sent. Disks lose what was not flushed. The walks are short and many; exhaustion
is the checker's work.
"""

from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impl_cluster import Cluster, Node
from quorate.raft import (
    Config,
    ElectionTimeout,
    Entry,
    Event,
    Hear,
    HeartbeatTimeout,
    Message,
    NodeId,
    Propose,
    ReadRequest,
    ReadRound,
    Receive,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    StepDown,
    TransferLeadership,
)

CONFIGS = [
    Config(members, pre_vote=pre_vote, no_op=pre_vote, check_quorum=pre_vote, max_entries=2)
    for members in ((1,), (1, 2, 3), (1, 2, 3, 4, 5))
    for pre_vote in (False, True)
]


@dataclass
class History:
    """What must not be forgotten: who led each term; what is committed where, and the term in which that was seen.

    Of each round of reads, by its term and number, how much was committed when it began.
    """

    leaders: dict[int, NodeId] = field(default_factory=dict)
    committed: dict[int, tuple[Entry, int]] = field(default_factory=dict)
    rounds: dict[tuple[int, int], int] = field(default_factory=dict)

    def check_step(self, before: State, after: State) -> None:
        """A step within one life of a node: terms and commit indices grow, a leader's log only grows."""
        assert after.current_term >= before.current_term
        assert after.commit_index >= before.commit_index
        if before.current_term == after.current_term:
            assert before.voted_for in (None, after.voted_for)
            if before.role is after.role is Role.LEADER:
                first = max(before.log.first_index, after.log.first_index)
                last = before.log.last_index
                assert before.log.slice(first, last) == after.log.slice(first, last), "Leader Append-Only"
                assert all(a >= b for a, b in zip(after.match_index, before.match_index, strict=True))
                assert after.durable_index >= before.durable_index

    def check_state(self, state: State) -> None:
        """Election Safety, Leader Completeness, State Machine Safety, and the canonical form of a state."""
        assert state.last_applied == state.commit_index <= state.log.last_index
        if state.role is Role.LEADER:
            assert self.leaders.setdefault(state.current_term, state.id) == state.id, "Election Safety"
            assert all(n > m for n, m in zip(state.next_index, state.match_index, strict=True))
            assert state.leader_id == state.id
            for index, (entry, term) in self.committed.items():
                if term < state.current_term and index >= state.log.first_index:
                    assert state.log.slice(index, index) == (entry,), "Leader Completeness"
        else:
            assert (state.next_index, state.match_index, state.durable_index) == ((), (), 0)
            assert (state.reads, state.transfer_target) == (ReadRound(), None)
        assert (state.role in {Role.CANDIDATE, Role.PRE_CANDIDATE}) == bool(state.votes_granted)
        for index in range(state.log.first_index, state.commit_index + 1):
            (entry,) = state.log.slice(index, index)
            assert self.committed.setdefault(index, (entry, state.current_term))[0] == entry, "State Machine Safety"


class Walk:
    """One cluster, the messages that anybody ever sent, and a source of choices."""

    def __init__(self, config: Config, seed: int) -> None:
        self.cluster = Cluster(config)
        self.sent: list[Message] = []
        self.kinds_delivered: set[type[Message]] = set()
        self.history = History()
        self.random = Random(seed)  # choices, not secrets
        self.proposals = 0

    def run(self, steps: int) -> None:
        """Some steps of any kind, each checked."""
        kinds = ["deliver"] * 20 + ["flush"] * 10 + ["propose"] * 4 + ["read"] * 2
        kinds += ["beat", "timeout", "snapshot", "crash", "step down", "transfer"]
        for _ in range(steps):
            kind = self.random.choice(kinds)
            if kind == "deliver":
                self.deliver()
                continue
            nodes = [node for node in self.cluster.nodes.values() if self.can(kind, node)]
            if nodes:
                self.cause(kind, self.random.choice(nodes))

    def deliver(self) -> None:
        """One message arrives, the latest most often; it may stay to arrive again, or be the only one lost."""
        if not self.sent:
            return
        position = int(len(self.sent) * self.random.random() ** 0.2)
        message = self.sent[position] if self.random.random() < 0.2 else self.sent.pop(position)
        if self.random.random() < 0.95:
            self.kinds_delivered.add(type(message))
            self.happen(message.dest, Receive(message))

    @staticmethod
    def can(kind: str, node: Node) -> bool:
        """Whether this kind of step would be a step."""
        match kind:
            case "flush":
                return bool(node.queue)
            case "read" | "beat" | "step down":
                return node.state.role is Role.LEADER
            case "propose" | "transfer":
                has_peers = kind == "propose" or len(node.config.members) > 1
                return node.state.role is Role.LEADER and node.state.transfer_target is None and has_peers
            case "snapshot":
                return node.state.last_applied > node.state.log.snapshot_index
            case _:
                return True

    def cause(self, kind: str, node: Node) -> None:
        """One step that no message causes."""
        match kind:
            case "crash":
                node.crash()
                self.check()
            case "flush":
                before = node.state
                self.sent += node.flush()
                self.history.check_step(before, node.state)
                self.check()
            case "propose":
                self.proposals += 1
                self.happen(node.id, Propose((b"%d" % self.proposals,) * self.random.randint(1, 3)))
            case "read":
                number = node.state.reads.number + 1  # of the round that begins, if one does
                self.history.rounds[node.state.current_term, number] = max(self.history.committed, default=0)
                self.happen(node.id, ReadRequest())
            case "beat":
                self.happen(node.id, HeartbeatTimeout())
            case "timeout":
                heard = Hear(self.random.choice(node.config.members))
                self.happen(node.id, self.random.choice((ElectionTimeout(), heard)))
            case "step down":
                self.happen(node.id, StepDown())
            case "transfer":
                self.happen(node.id, TransferLeadership(self.random.choice(node.state.peers)))
            case "snapshot":
                index = self.random.randint(node.state.log.first_index, node.state.last_applied)
                term = node.state.log.term_at(index)
                assert term is not None
                self.happen(node.id, SnapshotTaken(Snapshot(index, term, b"up to %d" % index)))

    def happen(self, node_id: NodeId, event: Event) -> None:
        """One event at one node, checked."""
        node = self.cluster.nodes[node_id]
        before = node.state
        self.sent += node.handle(event)
        self.history.check_step(before, node.state)
        self.check()

    def check(self) -> None:
        """Figure 3, on all nodes together."""
        states = [node.state for node in self.cluster.nodes.values()]
        for state in states:
            self.history.check_state(state)
        for one, other in combinations([state.log for state in states], 2):
            first, last = max(one.first_index, other.first_index), min(one.last_index, other.last_index)
            agreed = [index for index in range(first, last + 1) if one.term_at(index) == other.term_at(index)]
            if agreed:
                assert one.slice(first, agreed[-1]) == other.slice(first, agreed[-1]), "Log Matching"
        for node in self.cluster.nodes.values():
            assert [index for index, _ in node.applied] == list(
                range(node.state.last_applied - len(node.applied) + 1, node.state.last_applied + 1)
            ), "applied in order, each once"
            for term, reads in node.confirmed:
                assert reads.index >= self.history.rounds[term, reads.round], "linearizable reads"

    def calm_down(self) -> State:
        """The leader that everybody follows, once messages arrive and timeouts come one at a time."""
        members = self.cluster.nodes[1].config.members
        self.cluster.settle()
        for member in members * 4:
            self.cluster.happen(member, ElectionTimeout())
            states = map(self.cluster.state, members)
            leader = max(states, key=lambda state: (state.current_term, state.role is Role.LEADER))
            self.cluster.happen(leader.id, HeartbeatTimeout())
            if {self.cluster.state(other).leader_id for other in members} == {leader.id}:
                return leader
        pytest.fail("nobody was elected")


def test_the_walks_go_where_something_can_break() -> None:
    """Witnesses: among a few seeds, everybody leads once, much is committed, and every kind of message arrives."""
    walks = [Walk(CONFIGS[3], seed) for seed in range(16)]
    for walk in walks:
        walk.run(400)
    assert {leader for walk in walks for leader in walk.history.leaders.values()} == {1, 2, 3}
    assert max(len(walk.history.leaders) for walk in walks) >= 3
    assert max(len(walk.history.committed) for walk in walks) > 10
    assert set.union(*(walk.kinds_delivered for walk in walks)) == set(get_args(Message))
    assert len([reads for walk in walks for node in walk.cluster.nodes.values() for reads in node.confirmed]) > 10


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_that_happens_to_a_cluster_breaks_its_promises(config: Config, seed: int) -> None:
    """Figure 3, after each of 400 steps."""
    Walk(config, seed).run(400)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=92417)  # of five servers others lead, each in a term that server 1 has as well
def test_a_cluster_that_is_left_in_peace_agrees_on_all_that_was_committed(config: Config, seed: int) -> None:
    """§5.2, §5.3, §7: one leader, one log, and nothing lost of what anybody had seen committed."""
    walk = Walk(config, seed)
    walk.run(200)
    leader = walk.calm_down()
    walk.cluster.happen(leader.id, Propose((b"last",)))
    walk.cluster.happen(leader.id, HeartbeatTimeout())
    walk.check()
    logs = [walk.cluster.state(member).log for member in config.members]
    assert len({(log.last_index, log.last_term) for log in logs}) == 1
    assert {walk.cluster.state(member).commit_index for member in config.members} == {logs[0].last_index}
    assert logs[0].last_index >= max(walk.history.committed)
