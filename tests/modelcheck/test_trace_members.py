"""Traces of a cluster whose members change: who joins begins without members, and every step is explained."""

from pathlib import Path

import pytest

from quorate.raft import ChangeMembers, Config, Propose
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.check import TraceCheck
from traced_cluster import TracedCluster, TracedNode, judged


def changed(folder: Path) -> TracedCluster:
    """Three servers, of which 1 leads, removes 3 and itself, and is followed by 2 and a server that joined."""
    cluster = TracedCluster(folder, Config((1, 2, 3), no_op=True), seed=1)
    leader = cluster.nodes[1]
    cluster.elect(1)
    leader.handle(Propose((b"a", b"b", b"c", b"d", b"e")))
    cluster.settle()
    leader.snapshot()
    leader.handle(Propose((b"A", b"B", b"C", b"D", b"E")))
    cluster.settle()
    cluster.nodes[4] = TracedNode(Config((), no_op=True), 4, folder / "n4.ndjson", cluster.network.extend)
    leader.handle(ChangeMembers((1, 2, 3), (4,)))
    cluster.settle()
    for _ in range(2):
        leader.handle(Propose((b"f", b"g", b"h", b"i", b"j")))
        cluster.settle()
    leader.snapshot()  # covers the configuration
    leader.handle(Propose((b"k", b"l", b"m", b"n", b"o")))
    cluster.settle()
    leader.handle(ChangeMembers((2, 4)))
    cluster.settle()
    cluster.elect(4)
    cluster.nodes[4].handle(Propose((b"p",)))
    cluster.settle()
    return cluster


def test_changes_of_members_are_explained(tmp_path: Path) -> None:
    """A learner that joins, a joint change, a leader that removes itself, and snapshots that cover configurations."""
    cluster = changed(tmp_path)
    assert cluster.nodes[4].state.configuration.voters == (2, 4)
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    names = {name for sequence in check.sequences for name in sequence}
    assert {"change_members", "leave_joint", "step_down", "install_snapshot", "handle_install_snapshot"} <= names


def test_traces_that_begin_after_a_change_are_explained(tmp_path: Path) -> None:
    """No server shows that it applied the configurations, which are in snapshots."""
    cluster = changed(tmp_path)
    for number in (2, 4):
        cluster.nodes[number].snapshot()
        cluster.settle()
        cluster.nodes[number].trace_anew()
    for number in (1, 3):
        cluster.nodes[number].path.unlink()
    cluster.elect(2)
    cluster.nodes[2].handle(Propose((b"q", b"r")))
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert (check.finding, check.counts.began_late) == (None, 2)
    assert check.safety.commitments


def test_traces_of_other_founders_are_of_another_cluster(tmp_path: Path) -> None:
    """Although one who joined has none."""
    changed(tmp_path).close()
    other = TracedNode(Config((2, 5)), 5, tmp_path / "n5.ndjson", lambda _: None)
    other.tracer.close()
    with pytest.raises(UnusableSystemError, match=r"are of two clusters: \(1, 2, 3\) and \(2, 5\)"):
        TraceCheck(tmp_path)
