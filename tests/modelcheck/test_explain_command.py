"""`model-check explain` shows a random walk, or what a cluster did, in the pictures of counterexamples."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from quorate.raft import Config
from quorate_check.cli import main
from quorate_check.core import behaviour
from quorate_check.engine.walks import one_walk
from quorate_check.raft.bounds import RaftBounds
from traced_cluster import TracedCluster

BOUNDS = ["--servers", "3", "--drops", "2", "--restarts", "1", "--max-term", "3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The traces of a cluster of three that ran for a while, crashes and snapshots included."""
    made = tmp_path_factory.mktemp("traces")
    cluster = TracedCluster(made, Config((1, 2, 3)), seed=5)
    cluster.elect(1)
    cluster.run(600)
    cluster.settle()
    cluster.close()
    return made


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """What the command says as JSON."""
    assert main(["explain", *arguments, "--json", "-"]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_a_walk_is_one_of_the_real_code_and_the_same_for_the_same_seed() -> None:
    """Each move leads from one state to the next; another seed gives another walk."""
    system = RaftBounds(drops=1, restarts=1, symmetry=False).system()
    walked = one_walk(system, 60, 11)
    states = [walked.initial, *(step.after for step in walked.steps)]
    assert len(walked.steps) == 60
    for step, (before, after) in zip(walked.steps, pairwise(states), strict=True):
        assert before is not None
        assert any((move, to) == (step.move, after) for move, _, to in behaviour.moves(system, before))
    assert one_walk(system, 60, 11) == walked
    assert one_walk(system, 60, 12) != walked


def test_a_stretch_of_a_walk_is_what_stands_there_in_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """`--from` and `--steps` cut it out, and the numbers of the steps stay."""
    whole = shown(capsys, "3", "--steps", "40", *BOUNDS)
    part = shown(capsys, "3", "--from", "21", "--steps", "20", *BOUNDS)
    assert isinstance(whole["steps"], list)
    assert part["steps"] == whole["steps"][20:]
    assert part["conclusion"] == "steps 21 to 40 of walk 3"
    assert main(["explain", "3", "--from", "21", "--steps", "20", *BOUNDS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("21  ") for line in lines)
    assert not any(line.startswith("20  ") for line in lines)


def test_what_a_cluster_did_is_shown_with_the_rule_of_each_step(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words, picture and page tell of the same steps, each explained by the specification."""
    page = tmp_path / "run.html"
    assert main(["explain", str(folder), "--steps", "25", "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "● election timeout" in out
    assert "leader" in out
    assert "each is explained by the specification" in " ".join(out.split())
    text = page.read_text()
    assert text.count('class="scene"') == 25
    assert '"name": "BecomeLeader"' in text
    assert '"source": "\\u00a75.2, \\u00a75.3"' in text
    assert '"name": "no action"' not in text


def test_a_stretch_of_a_trace_goes_on_where_the_one_before_it_ended(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also across crashes and snapshots: two halves are the whole."""
    whole = shown(capsys, str(folder), "--steps", "300")["steps"]
    halves = [shown(capsys, str(folder), "--from", str(n), "--steps", "150")["steps"] for n in (1, 151)]
    assert isinstance(whole, list)
    assert halves == [whole[:150], whole[150:]]
    assert any("crash and restart" in step["event"] for step in whole)


def test_a_file_shows_its_server_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are only where messages come from."""
    steps = shown(capsys, str(folder / "n2.ndjson"), "--steps", "40")["steps"]
    assert isinstance(steps, list)
    assert {step["node"] for step in steps} == {1}
    everything = shown(capsys, str(folder), "--steps", "400")["steps"]
    assert isinstance(everything, list)
    assert steps == [step for step in everything if step["node"] == 1][:40]


def test_a_trace_that_is_wrong_is_shown_up_to_where_it_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last steps, the rule that is broken, and the line where."""
    for file in folder.iterdir():
        lines = file.read_text().splitlines(keepends=True)
        if file.name == "n1.ndjson":
            number = next(n for n, line in enumerate(lines) if '"role":"leader"' in line)
            lines[number] = lines[number].replace('"role":"leader"', '"role":"follower"', 1)
        (tmp_path / file.name).write_text("".join(lines))
    assert main(["explain", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "ReplaysTheCore is broken" in out
    assert f"n1.ndjson:{number + 1}: role is then" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["99999999999999999999"],
        ["-3"],
        ["/nowhere"],
        ["3", "--from", "0"],
        ["3", "--from", "999999"],
        ["3", "--steps", "100000"],
        ["3", "--servers", "3", "--in-flight", "1"],  # nothing fits into the network, so the walk ends at once
        ["README.md"],
        ["path.json"],
        ["3", "--html", "/nowhere/x.html"],
        ["3", "--save", "x"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_explained_is_refused_in_a_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and status 2."""
    assert main(["explain", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("model-check: ")


def test_a_stretch_behind_the_end_says_how_many_steps_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And bounds, which a trace doesn't have, are refused with one."""
    assert main(["explain", str(folder), "--from", "100000"]) == 2
    assert "there are " in capsys.readouterr().err
    assert main(["explain", str(folder), "--drops", "1"]) == 2
    assert "bounds are for random walks" in capsys.readouterr().err
