"""`model-check trace` says what it judged, what is wrong and where, and in one line what is no trace."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drawn import steps_of
from junit_reading import read_junit
from mutants_support import ROOT, mutated
from nightly import all_by_day_but
from patience import PROGRAM_S
from quorate.raft import AppendEntriesReply, Config, Durable, Propose, Receive
from quorate_check.cli import main
from quorate_check.core.verdict import Verdict
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import TraceRule
from quorate_check.raft.traces.picture import STEPS
from quorate_check.raft.traces.report import conclusion_of, verdict_of, verdict_on
from traced_cluster import TracedCluster

# Rules that random runs break soon, with the action at which the specification stops, and a seed that shows it.
UNEXPLAINED = {
    "C1": ("advance_commit_index", 1),
    "C4": ("handle_append_entries", 1),
    "C10": ("handle_append_entries_reply", 1),
    "C18": ("advance_commit_index", 10),
    "C19": ("handle_append_entries", 1),
    "E1": ("become_leader", 3),
    "E3": ("handle_append_entries", 1),
    "E4": ("handle_request_vote", 2),
    "E7": ("handle_request_vote", 1),
    "server/R1": ("begin_reads", 1),
    "server/R2": ("end_reads", 1),
    "server/R5": ("end_reads", 1),
}
RUN_AND_JUDGE = """
import sys
from pathlib import Path
from quorate.raft import Config
from quorate_check.cli import main
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import TraceRule
from quorate_check.raft.traces.picture import STEPS
from quorate_check.raft.traces.report import conclusion_of, verdict_of, verdict_on
from quorate_check.core.verdict import Verdict
from traced_cluster import TracedCluster
folder, seed, page = sys.argv[1:]
cluster = TracedCluster(Path(folder), Config((1, 2, 3), no_op=True), int(seed))
cluster.run(1500, batch=3)
cluster.close()
sys.exit(main(["trace", folder, "--html", page]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Traces of three servers that agreed on two entries and of which one has restarted."""
    traces = tmp_path / "traces"
    traces.mkdir()
    cluster = TracedCluster(traces, Config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a", b"b")))
    cluster.settle()
    cluster.nodes[3].crash()
    cluster.close()
    return traces


def test_a_report_says_what_was_judged_and_what_explains_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule has a count, so that a check of nothing shows."""
    assert main(["trace", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "3 servers," in said
    for line in ("ReceivesWhatWasSent      holds    12 messages", "RestartsFromItsDisk      holds    1 restart:"):
        assert line in said
    assert "handle_request_vote_reply, become_leader" in said
    assert said.splitlines()[-1].startswith("holds: 3 servers took ")


def test_the_report_as_json_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get what people get."""
    assert main(["trace", str(folder), "--json", "-"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["servers"], report["finding"]) == ("holds", [1, 2, 3], None)
    assert report["rules"]["RestartsFromItsDisk"] == {"verdict": "holds", "judged": 1}
    assert sum(report["sequences"].values()) == report["steps"] + report["restarts"]


def test_ci_gets_a_case_for_each_rule(folder: Path, tmp_path: Path) -> None:
    """All of them passed, where all was judged."""
    report = tmp_path / "report.xml"
    assert main(["trace", str(folder), "--junit", str(report)]) == 0
    text = report.read_text()
    assert list(read_junit(text).values()) == ["passed"] * 9
    assert all(f'name="{rule.value}"' in text for rule in TraceRule)


def test_a_check_that_is_stopped_claims_nothing(folder: Path) -> None:
    """It says how far it came, and no rule holds for it."""
    check, seen = TraceCheck(folder), []
    check.run(lambda: "interrupted", seen.append)
    assert verdict_of(check) is Verdict.UNKNOWN
    assert conclusion_of(check) == "unknown: interrupted after 0 steps, all of which were explained"
    assert {verdict_on(check, rule) for rule in TraceRule} == {Verdict.UNKNOWN}
    assert "% read, 0 lines judged" in str(seen[0])


def test_what_is_wrong_is_told_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rule that is broken is violated; of the others nothing is known, for the traces were not read on."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a",)))
    cluster.nodes[1].handle(Receive(AppendEntriesReply(3, 1, 1, success=True, match_index=1)))
    cluster.close()
    assert main(["trace", str(tmp_path), "--json", str(tmp_path / "report.json")]) == 1
    said = capsys.readouterr().out
    assert "is broken: AppendEntriesReply(source=3, dest=1, " in said
    assert "ElectionSafety           unknown" in said
    finding = json.loads((tmp_path / "report.json").read_text())["finding"]
    assert (finding["rule"], finding["file"]) == ("ReceivesWhatWasSent", "n1.ndjson")
    assert said.splitlines()[-1] == f"violated: ReceivesWhatWasSent is broken at n1.ndjson:{finding['line']}"


@pytest.mark.parametrize("bug", all_by_day_but(UNEXPLAINED, "C10", "C18", "E3", "E4", "E7", "server/R1", "server/R5"))
def test_a_cluster_with_a_wrong_core_is_told_from_the_specification(bug: str, tmp_path: Path) -> None:
    """Replaying a wrong core finds nothing, for it does the same again; the specification does not."""
    action, seed = UNEXPLAINED[bug]
    traces = tmp_path / "traces"
    traces.mkdir()
    roots = [mutated(tmp_path, bug).resolve(), ROOT / "modelcheck", ROOT / "spec", ROOT / "tests"]
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_JUDGE, str(traces), str(seed), str(tmp_path / "page.html")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "ConformsToSpecification is broken: no sequence of the specification's actions" in done.stdout
    (line,) = (text for text in done.stdout.splitlines() if text.startswith("Next would be"))
    assert line.startswith(f"Next would be {action}, whose guard")
    page = tmp_path / "page.html"
    steps = steps_of(page)
    assert len(steps) == min(STEPS, int(re.search(r"after (\d+) steps", page.read_text(encoding="utf-8"))[1]))
    assert [rule["name"] for rule in steps[-1]["rules"]] == ["no action"]
    assert all(rule["name"] != "no action" for step in steps[:-1] for rule in step["rules"])


def test_the_last_steps_before_a_broken_rule_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its node, what it sent and the rules that explain it; last the line that breaks the rule."""
    traces = tmp_path / "traces"
    traces.mkdir()
    cluster = TracedCluster(traces, Config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[3].crash()
    cluster.nodes[1].handle(Propose((b"a",)))
    cluster.nodes[1].handle(Receive(AppendEntriesReply(3, 1, 1, success=True, match_index=1)))
    cluster.close()
    page = tmp_path / "page.html"
    assert main(["trace", str(traces), "--html", str(page)]) == 1
    assert f"Drawn: {page} opens in any browser." in capsys.readouterr().out
    steps = steps_of(page)
    assert steps[0]["text"] == "s1: election timeout"
    (restart,) = (step for step in steps if step["text"] == "s3: crash and restart")
    assert (restart["node"], restart["change"]) == (2, "nothing changes")
    request, refused = steps[-2:]
    assert [rule["name"] for rule in request["rules"]] == ["ClientRequest", "AppendEntries"]
    assert request["change"] == "log [t1 1 bytes]"
    assert request["sent"] == [f"AppendEntries t1 [t1 1 bytes] to s{peer}" for peer in (2, 3)]
    assert (refused["text"], refused["rules"]) == (
        "s1 receives AppendEntriesReply(term 1, holds everything up to 1) from s3",
        [],
    )
    assert "was never sent" in page.read_text(encoding="utf-8")


def test_traces_that_begin_with_what_breaks_a_rule_are_drawn_without_steps(tmp_path: Path) -> None:
    """Two servers that begin with different entries of one index and term have taken no step yet."""
    traces = tmp_path / "traces"
    traces.mkdir()
    TracedCluster(traces, Config((1, 2, 3)), seed=1).close()
    for number in (1, 2):
        file = traces / f"n{number}.ndjson"
        boot = json.loads(file.read_text().splitlines()[0])
        entry = {"term": 1, "command": f"{number}AAA", "configuration": None}
        boot |= {"current_term": 1, "entries": [entry]}
        file.write_text(json.dumps(boot) + "\n")
    page = tmp_path / "page.html"
    assert main(["trace", str(traces), "--html", str(page)]) == 1
    assert steps_of(page) == []
    assert "LogMatching is broken" in page.read_text(encoding="utf-8")


def test_traces_that_hold_are_not_drawn(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show."""
    page = tmp_path / "page.html"
    assert main(["trace", str(folder), "--html", str(page)]) == 0
    assert f"--html {page}: not written" in capsys.readouterr().out
    assert not page.exists()


def edit(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of node 1's trace."""
    path = folder / "n1.ndjson"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def another_cluster(folder: Path) -> None:
    """Put the trace of a cluster of one in place of node 2's."""
    (folder / "n2.ndjson").unlink()
    TracedCluster(folder, Config((2,)), seed=1).close()


# Things to do to a folder of traces, and what is then said of it.
SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty folder": (
        lambda folder: [path.unlink() for path in folder.iterdir()],
        "there is no trace in it (*.ndjson, written by quorate serve --trace)",
    ),
    "no folder": (shutil.rmtree, "No such file or directory"),
    "a foreign file": (
        lambda folder: (folder / "events.ndjson").write_text('{"event": "login"}\n'),
        "events.ndjson:1: no line of a trace: ",
    ),
    "a picture": (
        lambda folder: (folder / "events.ndjson").write_bytes(b"\x89PNG\r\n\x1a\n\x00\n"),
        "no trace: its first line doesn't say who started",
    ),
    "one node twice": (
        lambda folder: shutil.copy(folder / "n1.ndjson", folder / "copy.ndjson"),
        "copy.ndjson and n1.ndjson are both traces of node 1",
    ),
    "two clusters": (another_cluster, "are of two clusters: (1, 2, 3) and (2,)"),
    "a missing trace": (lambda folder: (folder / "n3.ndjson").unlink(), "there is no trace of node 3, which sent "),
    "a damaged line": (
        lambda folder: edit(folder, lambda lines: [lines[0], lines[1][:40] + "\n", *lines[2:]]),
        "n1.ndjson:2: the line is damaged, and its process went on after it",
    ),
    "a missing line": (
        lambda folder: edit(folder, lambda lines: [*lines[:2], *lines[4:]]),
        "n1.ndjson:3: step 3 comes after step 1",
    ),
    "an unknown event": (
        lambda folder: edit(folder, lambda lines: [line.replace('"ElectionTimeout"', '"Coffee"') for line in lines]),
        "n1.ndjson:2: no line of a trace: there is no event Coffee",
    ),
    "two servers in one file": (
        lambda folder: edit(
            folder, lambda lines: [*lines, *(folder / "n2.ndjson").read_text().splitlines(keepends=True)]
        ),
        "starts in the trace of node 1",
    ),
    "a step that is durable before it is taken": (
        lambda folder: edit(folder, lambda lines: [lines[0], '{"line":"durable","number":1}\n']),
        "n1.ndjson:2: step 1 is durable, but step 0 is the last before it",
    ),
    "a node that is no member": (
        lambda folder: edit(folder, lambda lines: [lines[0].replace('"node":1', '"node":7')]),
        "n1.ndjson:1: node 7 is not among the members (1, 2, 3)",
    ),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_no_trace_is_refused_in_one_line(folder: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2: nothing was judged."""
    spoil, said = SPOILED[how]
    spoil(folder)
    assert main(["trace", str(folder)]) == 2
    captured = capsys.readouterr()
    (line,) = [text for text in captured.err.splitlines() if text.startswith("model-check: ")]
    assert said in line
    assert captured.out == ""


def test_a_server_that_was_killed_before_it_wrote_anything_is_no_obstacle(folder: Path) -> None:
    """Its trace is empty, and nobody received anything from it."""
    (folder / "n4.ndjson").touch()
    assert main(["trace", str(folder)]) == 0


def test_entries_that_a_disk_lost_in_silence_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a user would see of a disk that lies about fsync."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a",)))
    cluster.settle()
    cluster.nodes[2].durable = Durable()
    cluster.nodes[2].crash()
    cluster.close()
    assert main(["trace", str(tmp_path)]) == 1
    assert "RestartsFromItsDisk is broken: starts with term 0, vote None, a log to 0" in capsys.readouterr().out
