"""A trace whose first parts are gone is judged from where it begins, and the report says where that is."""

import json
from pathlib import Path

import pytest

from nightly import NIGHTLY
from quorate.raft import Config, ElectionTimeout, HeartbeatTimeout, Persisted, Propose, Receive, RequestVoteReply
from quorate_check.cli import main
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.findings import TraceRule
from quorate_check.raft.traces.report import beginnings, conclusion_of
from traced_cluster import TracedCluster, finding, judged


@pytest.fixture
def cluster(tmp_path: Path) -> TracedCluster:
    """Three servers of which node 1 leads, and the first parts of its trace are gone."""
    made = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1, cut=frozenset({1}), part_bytes=1500, parts=1)
    made.elect(1)
    for number in range(12):
        made.nodes[1].handle(Propose((b"%d" % number,)))
        made.settle()
    made.nodes[1].part_bytes = made.nodes[1].tracer._part_bytes = None
    made.nodes[1].handle(HeartbeatTimeout())
    made.settle()
    assert not list(tmp_path.glob("n1.*.ndjson"))
    assert json.loads((tmp_path / "n1.ndjson").read_text().splitlines()[0])["part"] > 1
    return made


@pytest.mark.parametrize("seed", range(120 if NIGHTLY else 12))
def test_a_correct_cluster_is_accepted_whichever_parts_are_gone(seed: int, tmp_path: Path) -> None:
    """Of one trace or of all; with crashes, cut lines, a bad network, snapshots, and writes that wait at the cut."""
    members = tuple(range(1, (1, 3, 3, 5)[seed % 4] + 1))
    config = Config(members, pre_vote=seed % 2 == 1, no_op=seed % 3 > 0, max_entries=(3, 1024)[seed // 2 % 2])
    cut = frozenset(members[: 1 + seed % 3])
    cluster = TracedCluster(tmp_path, config, seed, cut=cut, part_bytes=8_000 + 2_000 * (seed % 12), parts=1 + seed % 2)
    cluster.run(2500)
    for node in cluster.nodes.values():
        node.part_bytes = node.tracer._part_bytes = None
    lost_before = cluster.lost_steps
    cluster.run(300)
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert beginnings(check) != ""
    assert check.counts.steps > 10
    lost_in_whole_parts = cluster.lost_steps - lost_before  # no part was closed any more, so none of it is gone
    assert lost_in_whole_parts <= check.counts.lost_steps <= cluster.lost_steps
    assert len(list(tmp_path.iterdir())) <= len(members) + len(cut)


def test_the_verdict_says_where_the_traces_begin(
    cluster: TracedCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It never reads like that on the whole run; the messages that were sent in parts that are gone are counted."""
    cluster.close()
    assert main(["trace", str(tmp_path), "--json", str(tmp_path / "report.json")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    part = json.loads((tmp_path / "n1.ndjson").read_text().splitlines()[0])["part"]
    assert said.endswith(
        f"each is explained, from where the traces begin (node 1: part {part}; what was before is gone)"
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["taken_as_sent"] > 0
    assert any("Earlier parts of traces are gone" in caveat for caveat in report["caveats"])


def test_a_whole_trace_in_parts_needs_no_checkpoint(tmp_path: Path) -> None:
    """Nothing is said of beginnings, and nothing is taken to have been sent."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1, cut=frozenset({1, 2, 3}), part_bytes=2000)
    cluster.run(600)
    cluster.close()
    check = judged(tmp_path)
    assert (check.finding, beginnings(check), check.counts.taken_as_sent) == (None, "", 0)
    assert "begin" not in conclusion_of(check)


def test_what_was_sent_since_must_stand_in_the_parts_that_are_there(cluster: TracedCluster, tmp_path: Path) -> None:
    """A vote in a term that its server hadn't reached where its trace begins can't have been sent before."""
    cluster.nodes[2].handle(ElectionTimeout())
    term = cluster.nodes[2].state.current_term
    cluster.nodes[2].write(1)
    cluster.nodes[2].handle(Receive(RequestVoteReply(1, 2, term, vote_granted=True)))
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.SENT, "n2.ndjson")
    assert found.what.endswith("was never sent")


def test_a_confirmation_after_the_beginning_must_be_true(cluster: TracedCluster, tmp_path: Path) -> None:
    """What the disk had at the beginning is confirmed; what was written since needs its line."""
    node = cluster.nodes[1]
    node.handle(Propose((b"more",)))
    node.handle(Persisted(node.state.current_term, node.state.log.last_index))
    cluster.close()
    assert finding(tmp_path).rule is TraceRule.CONFIRMED


def test_a_restart_is_held_to_the_disk_of_the_beginning(cluster: TracedCluster, tmp_path: Path) -> None:
    """What a checkpoint says is on the disk can't be lost later."""
    node = cluster.nodes[1]
    durable = node.durable
    node.durable = type(durable)(durable.current_term, durable.voted_for, durable.log.truncate_from(3))
    node.crash()
    cluster.close()
    assert finding(tmp_path).rule is TraceRule.RESTARTED


@pytest.mark.parametrize("field", ["commit_index", "last_applied", "last_index", "current_term"])
def test_a_checkpoint_that_contradicts_itself_is_refused(cluster: TracedCluster, tmp_path: Path, field: str) -> None:
    """By file and line, as every line that no server wrote."""
    cluster.nodes[1].handle(HeartbeatTimeout())
    cluster.close()
    path = tmp_path / "n1.ndjson"
    part, checkpoint, *others = path.read_text().splitlines()
    changed = json.loads(checkpoint)
    changed["state"][field] += 100
    path.write_text("\n".join([part, json.dumps(changed), *others]) + "\n")
    with pytest.raises(UnusableSystemError, match=r"n1\.ndjson:2: no line of a trace: the checkpoint contradicts"):
        judged(tmp_path)


def test_a_part_without_a_checkpoint_cannot_be_the_first(
    cluster: TracedCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what can be done; from the next start of the node on it can be judged."""
    cluster.nodes[1].crash()
    cluster.close()
    path = tmp_path / "n1.ndjson"
    part, _, *others = path.read_text().splitlines()
    path.write_text("\n".join([part, *others]) + "\n")
    assert main(["trace", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "begins in the middle of a run without saying with what" in line
    boots = [number for number, text in enumerate(others) if '"line":"boot"' in text]
    path.write_text("\n".join([part, *others[boots[-1] :]]) + "\n")
    assert judged(tmp_path).finding is None


def test_a_part_in_the_middle_cannot_be_gone(tmp_path: Path) -> None:
    """Only the first ones can: what a server did in between decides what it may do afterwards."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1, cut=frozenset({1}), part_bytes=1500)
    cluster.elect(1)
    for number in range(20):
        cluster.nodes[1].handle(Propose((b"%d" % number,)))
        cluster.settle()
    cluster.close()
    first, second, *_ = sorted(tmp_path.glob("n1.*.ndjson"), key=lambda path: int(path.name.split(".")[1]))
    second.unlink()
    with pytest.raises(UnusableSystemError, match="a part is missing"):
        judged(tmp_path)
    first.unlink()
    assert judged(tmp_path).finding is None
