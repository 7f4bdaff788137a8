"""Traces that are followed while they grow are judged as traces that are complete, in bounded memory."""

import json
import subprocess
from pathlib import Path

import pytest

from patience import PATIENCE_S
from quorate.raft import Config, Propose
from quorate_check.raft.traces import follow
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.follow import FollowedCheck
from real_cluster import MODEL_CHECK
from traced_cluster import TracedCluster, judged

THREE = Config((1, 2, 3), no_op=True)
QUIET_LOOKS = 3  # with nothing new to read


def look(check: FollowedCheck, times: int = 1) -> None:
    """Read what is new, without waiting."""
    for _ in range(times):
        check._look()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace that has no new line ends there."""
    monkeypatch.setattr(follow, "PATIENCE_S", 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_is_followed_is_explained_as_afterwards(tmp_path: Path, seed: int) -> None:
    """The same steps by the same actions, though it looks at the files in the middle of everything."""
    cluster = TracedCluster(tmp_path, THREE, seed, cut=frozenset({2}), part_bytes=20_000)
    check = FollowedCheck(tmp_path)
    for _ in range(30):
        cluster.run(20, crashes=False)
        look(check)
    cluster.settle()
    cluster.close()
    look(check, QUIET_LOOKS)
    assert len(list(tmp_path.glob("n2.*.ndjson"))) > 0
    complete = judged(tmp_path)
    assert complete.finding is None
    assert check.lines_waiting == 0
    assert check.counts.steps == complete.counts.steps > 100
    assert check.sequences == complete.sequences


@pytest.mark.parametrize("seed", range(4))
def test_crashes_are_explained_while_they_happen(tmp_path: Path, seed: int) -> None:
    """Also those that lose writes, and lines that break off."""
    cluster = TracedCluster(tmp_path, THREE, seed)
    check = FollowedCheck(tmp_path)
    for _ in range(20):
        cluster.run(30)
        look(check)
    cluster.close()
    look(check, QUIET_LOOKS)
    assert check.counts.restarts == judged(tmp_path).counts.restarts > 0
    assert check.lines_waiting == 0


def change_a_line(path: Path) -> None:
    """Have the last step of a trace leave another state."""
    lines = path.read_text().splitlines()
    position = max(number for number, text in enumerate(lines) if json.loads(text)["line"] == "step")
    line = json.loads(lines[position])
    line["state"]["commit_index"] = line["state"].get("commit_index", 0) + 1
    lines[position] = json.dumps(line)
    path.write_text("\n".join(lines) + "\n")


def finding_of(check: TraceCheck, run: object) -> TraceRule:
    """The rule that is broken."""
    assert callable(run)
    with pytest.raises(RuleViolationError) as error:
        run()
    assert check.finding is None
    return error.value.finding.rule


def test_a_step_that_is_wrong_is_found_as_soon_as_it_is_there(tmp_path: Path) -> None:
    """By the same rule as afterwards."""
    cluster = TracedCluster(tmp_path, THREE, seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a",)))
    cluster.settle()
    cluster.close()
    change_a_line(tmp_path / "n2.ndjson")
    check = FollowedCheck(tmp_path)
    assert finding_of(check, lambda: look(check, QUIET_LOOKS)) is TraceRule.REPLAYED
    finding = judged(tmp_path).finding
    assert finding is not None
    assert finding.rule is TraceRule.REPLAYED


def test_a_message_that_nobody_sent_is_found_though_more_may_come(tmp_path: Path) -> None:
    """The sender's line would have been written first, so the next look would have read it."""
    cluster = TracedCluster(tmp_path, THREE, seed=1)
    cluster.elect(1)
    cluster.close()
    # Node 1 never wrote that it asked for votes.
    path = tmp_path / "n1.ndjson"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:1]))
    check = FollowedCheck(tmp_path)
    look(check)
    assert finding_of(check, lambda: look(check, QUIET_LOOKS)) is TraceRule.SENT


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the run: entries, messages and terms before the latest are forgotten, and steps still explained."""
    for name, value in (("ENTRIES", 30), ("MESSAGES", 100), ("TERMS", 3), ("EXPLANATIONS", 50), ("LINES_BETWEEN", 50)):
        monkeypatch.setattr(follow, name, value)
    cluster = TracedCluster(tmp_path, THREE, seed=3)
    check = FollowedCheck(tmp_path)
    for _ in range(60):
        cluster.run(30, crashes=False)
        look(check)
    cluster.close()
    look(check, QUIET_LOOKS)
    assert check.finding is None
    assert check.counts.steps > 500
    assert max(check.safety.applied) > 150
    assert len(check.safety.applied) < 100
    assert len(check.safety.entries) < 100
    assert len(check.safety.elections) <= 3 + 3
    assert len(check._departures.left) < 100 + 400


def test_the_command_prints_a_line_for_each_step_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Also if the traces begin after it."""
    command = [MODEL_CHECK, "trace", "--follow", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            cluster = TracedCluster(tmp_path, THREE, seed=1)
            cluster.elect(1)
            cluster.close()
            assert process.stdout is not None
            steps = []
            for text in process.stdout:
                line = json.loads(text)
                if line["line"] == "step":
                    steps.append(line)
                elif line["steps"] == judged(tmp_path).counts.steps:
                    break
            assert line["verdict"] == "holds"
            assert line["text"].endswith("steps judged so far, and each is explained")
            votes = next(step for step in steps if step["event"] == "RequestVote")
            assert [action["name"] for action in votes["actions"]] == ["UpdateTerm", "HandleRequestVote"]
            assert votes["actions"][0]["section"] == "§5.1"
            assert len(steps) == line["steps"]
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 3
