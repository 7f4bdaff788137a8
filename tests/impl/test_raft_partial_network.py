"""Pre-vote and CheckQuorum together keep a cluster alive whose servers don't all reach each other.

Howard and Abraham, "Raft does not guarantee liveness in the face of network faults" (2020), describe both networks.
Each option alone isn't enough, and these tests show for each network what happens without the other one.

Time is counted in heartbeats. A server's election timeout is drawn anew from [TIMEOUT, 2 * TIMEOUT), a message arrives
within the heartbeat in which it was sent, and a leader checks its quorum every TIMEOUT, as drivers do. Clients ask
every server that leads at every heartbeat.
"""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from impl_cluster import Cluster
from quorate.raft import Config, ElectionTimeout, Event, HeartbeatTimeout, Message, NodeId, Propose, Role
from quorate.raft_server.settings import served_config

TIMEOUT = 6
SEEDS = range(3)
SERVED = served_config((1, 2, 3, 4, 5))
STAR = [(2, other) for other in (1, 3, 4, 5)]


class TimedCluster(Cluster):
    """Servers with clocks, and connections between some of them; all are there at first."""

    def __init__(self, config: Config, seed: int) -> None:
        super().__init__(config)
        self.random = Random(seed)
        self.connections = {frozenset({one, other}) for one in config.members for other in config.members}
        self.left = {member: self.timeout() for member in config.members}

    def timeout(self) -> int:
        """A new election timeout in heartbeats; that of a leader is the time to its next check."""
        return TIMEOUT + self.random.randrange(TIMEOUT)

    def connect(self, pairs: Iterable[tuple[NodeId, NodeId]]) -> None:
        """From now on only these servers reach each other."""
        self.connections = {frozenset(pair) for pair in pairs}

    def arrive(self, message: Message) -> None:
        """A message arrives if there is a connection."""
        if frozenset({message.source, message.dest}) in self.connections:
            super().arrive(message)

    def happen(self, node_id: NodeId, event: Event) -> None:
        """An event, with what it means for the clocks of all servers that it makes do something."""
        before = {member: node.state for member, node in self.nodes.items()}
        super().happen(node_id, event)
        for member, node in self.nodes.items():
            state, old = node.state, before[member]
            leads, led = state.role is Role.LEADER, old.role is Role.LEADER
            if leads and not led:
                self.left[member] = TIMEOUT
            elif not leads and (led or state.voted_for not in (old.voted_for, None)):
                self.left[member] = self.timeout()

    def heartbeat(self) -> None:
        """Let the time of a heartbeat pass at every server."""
        for member in self.random.sample(tuple(self.nodes), len(self.nodes)):
            self.left[member] -= 1
            if self.left[member] == 0:
                leads = self.state(member).role is Role.LEADER
                self.left[member] = TIMEOUT if leads else self.timeout()
                self.happen(member, ElectionTimeout())
            if self.state(member).role is Role.LEADER:
                self.happen(member, Propose((b"command",)))
                self.happen(member, HeartbeatTimeout())
                self._reach(member)

    def _reach(self, leader: NodeId) -> None:
        for member, node in self.nodes.items():
            if member != leader and node.state.leader_id == leader and frozenset({leader, member}) in self.connections:
                self.left[member] = self.timeout()

    @property
    def committed(self) -> int:
        """The latest index that any server knows to be committed."""
        return max(node.state.commit_index for node in self.nodes.values())

    @property
    def term(self) -> int:
        """The latest term of any server."""
        return max(node.state.current_term for node in self.nodes.values())

    def run(self, heartbeats: int) -> None:
        """Let time pass."""
        for _ in range(heartbeats):
            self.heartbeat()


def led_by_one(config: Config, seed: int) -> TimedCluster:
    """A cluster whose leader is server 1."""
    cluster = TimedCluster(config, seed)
    cluster.happen(1, ElectionTimeout())
    cluster.run(2)
    assert cluster.state(1).role is Role.LEADER
    return cluster


def commits(cluster: TimedCluster, heartbeats: int) -> bool:
    """Whether the cluster commits what clients ask for in the second half of this time."""
    cluster.run(heartbeats // 2)
    before = cluster.committed
    cluster.run(heartbeats // 2)
    return cluster.committed > before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leader_that_reaches_only_the_bridge_gives_way_to_it(seed: int) -> None:
    """Only 2 reaches a majority. It follows 1 as long as 1 leads, and 1 must find that it can't commit anything."""
    cluster = led_by_one(SERVED, seed)
    cluster.connect(STAR)
    assert commits(cluster, 20 * TIMEOUT)
    term = cluster.term
    cluster.run(20 * TIMEOUT)
    assert cluster.state(2).role is Role.LEADER
    assert cluster.term == term
    assert all(node.state.commit_index >= cluster.committed - 1 for node in cluster.nodes.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_without_check_quorum_the_bridge_follows_the_leader_for_ever(seed: int) -> None:
    """2 hears 1, so it never stands, and refuses its pre-vote to everybody else: nothing is ever committed again."""
    cluster = led_by_one(replace(SERVED, check_quorum=False), seed)
    cluster.connect(STAR)
    assert not commits(cluster, 60 * TIMEOUT)
    assert cluster.state(1).role is Role.LEADER


MISSING = {frozenset(pair) for pair in ((1, 5), (2, 4), (3, 5))}
NOBODY_REACHES_ALL = [(a, b) for a in SERVED.members for b in SERVED.members if {a, b} not in MISSING]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pre_vote", [True, False])
def test_a_server_that_the_leader_does_not_reach_cannot_depose_it(seed: int, pre_vote: bool) -> None:  # noqa: FBT001
    """5 stands again and again, and all who could vote for it have a leader: they ignore it, also without pre-vote."""
    cluster = led_by_one(replace(SERVED, pre_vote=pre_vote), seed)
    cluster.connect(NOBODY_REACHES_ALL)
    cluster.run(40 * TIMEOUT)
    assert cluster.state(1).role is Role.LEADER
    assert {cluster.state(member).current_term for member in (1, 2, 3, 4)} == {1}
    assert (cluster.state(5).current_term == 1) is pre_vote


@pytest.mark.parametrize("seed", SEEDS)
def test_without_both_every_leader_is_deposed_by_who_does_not_hear_it(seed: int) -> None:
    """Whoever leads, somebody doesn't hear it, and ends its term: hardly one lasts two election timeouts, for ever."""
    cluster = led_by_one(replace(SERVED, pre_vote=False, check_quorum=False), seed)
    cluster.connect(NOBODY_REACHES_ALL)
    cluster.run(40 * TIMEOUT)
    assert cluster.term > 15


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_that_stood_alone_joins_when_the_network_is_whole_again(seed: int) -> None:
    """Without pre-vote it comes back with a later term, and is ignored; it deposes the leader once, then follows."""
    cluster = led_by_one(replace(SERVED, pre_vote=False), seed)
    cluster.connect(pair for pair in NOBODY_REACHES_ALL if 5 not in pair)
    cluster.run(20 * TIMEOUT)
    assert cluster.state(5).current_term > cluster.state(1).current_term
    cluster.connect((a, b) for a in SERVED.members for b in SERVED.members)
    assert commits(cluster, 20 * TIMEOUT)
    term = cluster.term
    cluster.run(20 * TIMEOUT)
    assert {node.state.current_term for node in cluster.nodes.values()} == {term}
