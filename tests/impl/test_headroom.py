"""A term or index at the edge of its type, from a peer, leaves a cluster that elects and commits, restarted too."""

from dataclasses import replace

import pytest

from impl_cluster import Cluster, server
from quorate.membership.claim import Claim
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ElectionTimeout,
    HeartbeatTimeout,
    InstallSnapshot,
    InstallSnapshotReply,
    Message,
    PreVote,
    PreVoteReply,
    Propose,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
)
from quorate.raft_server.headroom import (
    FARTHEST_INDEX,
    FARTHEST_TERM,
    MOST_INDEX,
    MOST_STARTS,
    implausible,
    implausible_claim,
)

EDGES = (2**62, 2**62 - 1, 2**61, 2**53, FARTHEST_TERM * 2 + 1)


class Wary(Cluster):
    """Members that drop what is implausible, as servers do."""

    def arrive(self, message: Message) -> None:
        """One message."""
        if implausible(self.state(message.dest), message) is None:
            super().arrive(message)

    def works(self) -> bool:
        """Whether somebody can be elected, and commits something new with the others that can be reached."""
        present = [node for node in self.nodes.values() if node.id not in self.cut]
        for _ in range(6):
            for node in present:
                self.happen(node.id, ElectionTimeout())
                if node.state.role is Role.LEADER:
                    before = node.state.commit_index
                    self.happen(node.id, Propose((b"x",)))
                    self.happen(node.id, HeartbeatTimeout())
                    self.happen(node.id, HeartbeatTimeout())
                    if all(other.state.commit_index > before for other in present):
                        return True
        return False


def false_messages(term: int) -> list[Message]:
    """One of each kind, to node 2, whose term nobody has seen."""
    return [
        PreVote(1, 2, term, 0, 0),
        PreVoteReply(1, 2, term, vote_granted=False),
        RequestVote(1, 2, term, 0, 0),
        RequestVoteReply(1, 2, term, vote_granted=True),
        AppendEntries(1, 2, term, 0, 0, (), 0),
        AppendEntriesReply(1, 2, term, success=False),
        InstallSnapshot(1, 2, term, Snapshot(1, 1, b"")),
        InstallSnapshotReply(1, 2, term, 0),
    ]


@pytest.mark.parametrize("kind", range(8))
@pytest.mark.parametrize("term", EDGES)
def test_a_term_at_the_edge_changes_nothing(kind: int, term: int) -> None:
    """In whatever message it stands."""
    assert implausible(server(2, term=5), false_messages(term + 5)[kind]) is not None


@pytest.mark.parametrize("pre_vote", [False, True])
@pytest.mark.parametrize("absent", [1, 3])
def test_the_greatest_term_that_is_believed_leaves_a_cluster_that_works(absent: int, pre_vote: bool) -> None:  # noqa: FBT001
    """A false request for a vote, as far ahead as one may be: also for who was away, and for who starts again."""
    config = replace(server().config, pre_vote=pre_vote)
    cluster = Wary(config)
    assert cluster.works()
    cluster.cut = frozenset({absent})
    term = cluster.state(2).current_term + FARTHEST_TERM
    cluster.arrive(RequestVote(1, 2, term, 2**62, term - 1))
    cluster.settle()
    assert cluster.state(2).current_term == term
    assert cluster.works()
    for node in cluster.nodes.values():
        node.crash()
    cluster.cut = frozenset()
    assert cluster.works()


@pytest.mark.parametrize("index", [2**62, 2**61, MOST_INDEX + 1, FARTHEST_INDEX + 8])
def test_a_snapshot_at_the_edge_is_not_installed(index: int) -> None:
    """Nothing could follow it."""
    assert implausible(server(2, term=5), InstallSnapshot(1, 2, 5, Snapshot(index, 5, b""))) is not None


def test_what_a_member_says_that_was_away_for_long_is_believed() -> None:
    """A million terms and a billion entries are nothing."""
    assert implausible(server(2), InstallSnapshot(1, 2, 10**6, Snapshot(10**9, 10**6, b""))) is None


@pytest.mark.parametrize("term", EDGES)
def test_a_term_at_the_edge_in_a_hello_is_not_believed(term: int) -> None:
    """A storage that takes a lost one's place would begin there, and nobody would hear it."""
    assert implausible_claim(5, Claim(term=term + 5)) is not None
    assert implausible_claim(5, Claim(term=10**6, starts=10**6)) is None


def test_starts_at_the_edge_in_a_hello_are_not_believed() -> None:
    """Every smaller count would be an older copy's."""
    for starts in (2**62, 2**53, MOST_STARTS + 1):
        assert implausible_claim(5, Claim(starts=starts)) is not None
