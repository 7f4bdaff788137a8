"""The command `model-check`: what it exits with, what it writes where, and how it ends early."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from junit_reading import read_junit
from patience import PROGRAM_S
from quorate_check.api.extras import has_z3
from quorate_check.api.registry import DefaultRun
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance.check import DEFAULT_RUNS as BYZANTINE_RUNS
from quorate_check.cli import bench, default, main, options
from quorate_check.cli.default import DEFAULT_CHECK
from quorate_check.cli.options import raft_bounds
from quorate_check.cli.output import console
from quorate_check.cli.running import interruptible
from quorate_check.conformance.runs import NamedBounds
from quorate_check.core.system import NetworkKind, System
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Durability
from quorate_check.raft.timely import TimelyBounds
from raft_promises import NOBODY_LEADS

COMMAND = str(Path(sys.executable).parent / "model-check")
ALONE = ["raft", "--servers", "1", "--engine", "reference"]  # 24 states
PAIR = ["raft", "--servers", "2", "--max-term", "1", "--engine", "reference"]


def test_what_holds_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    """And says how far it was searched."""
    assert main(ALONE) == 0
    assert "holds, exhaustive within bounds" in capsys.readouterr().out


@pytest.mark.usefixtures("_broken")
def test_a_violation_ends_with_status_1_its_path_and_how_to_keep_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As a picture."""
    assert main(PAIR) == 1
    out = capsys.readouterr().out
    assert "1  ● election timeout" in out
    assert "NobodyLeads is broken: no server ever leads" in out
    assert "--save FILE" in out


def test_a_search_that_saw_too_little_ends_with_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """A witness that the bounds allow wasn't reached."""
    assert main([*PAIR, "--depth", "1"]) == 3
    assert "unknown: searched to depth 1, but never seen" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["raft", "--servers", "0"],
        ["raft", "--servers", "90"],
        ["raft", "--servers", "three"],
        ["raft", "--servers"],
        ["raft", "--servers", "8", "--symmetry"],
        ["raft", "--drops", "-1"],
        ["raft", "--max-term", "0"],
        ["raft", "--proposals", "99999999999999999999999"],
        ["raft", "--in-flight", "900"],
        ["raft", "--network", "pigeons"],
        ["raft", "--network", "lockstep"],
        ["raft", "--storage", "paper"],
        ["raft", "--engine", "steam"],
        ["raft", "--workers", "0"],
        ["raft", "--workers", "1000"],
        ["raft", "--depth", "-1"],
        ["raft", "--memory", "0"],
        ["raft", "--memory", "-1"],
        ["raft", "--memory", "nan"],
        ["raft", "--memory", "inf"],
        ["raft", "--memory", "1e30"],
        ["raft", "--memory", "0.001"],
        ["raft", "--engine", "reference", "--workers", "2"],
        ["raft", "--engine", "reference", "--memory", "1"],
        ["raft", "--json", "/nowhere/report.json"],
        ["raft", "--json", "/"],
        ["raft", "--json", ""],
        ["raft", "--json", "a\0b"],
        ["raft", "--save", "/nowhere/path.json"],
        ["raft", "--save", "-"],
        ["raft", "--save", "same", "--json", "same"],
        ["raft", "extra"],
        ["raft", "--network", "any", "--drops", "1"],
        ["raft", "--network", "any", "--in-flight", "4"],
        ["raft", "--depth", "3"],
        ["raft", "--disk", "states"],
        ["conform", "--depth", "3"],
        ["simulate", "--network", "any"],
        ["explain", "7", "--network", "any"],
        ["raft", "--teapot"],
        ["simulate", "--walks", "0"],
        ["simulate", "--depth", "0"],
        ["simulate", "--depth", "99999999999"],
        ["simulate", "--seed", "-1"],
        ["simulate", "--seed", str(1 << 63)],
        ["simulate", "--servers", "0"],
        ["replay"],
        ["replay", "/nowhere/path.json"],
        ["replay", "/"],
        ["bench", "--json", "/nowhere/bench.json"],
        ["--json", "/nowhere/report.json"],
        ["--workers", "1", "raft"],
        ["--memory", "nan"],
        ["--teapot"],
        ["pancakes"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said_in_one_line_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no table, nothing on standard output."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("model-check: ")
    assert said.err.count("\n") == 1


REPORTED = {
    *(
        "subject",
        "bounds",
        "engine",
        "workers",
        "verdict",
        "conclusion",
        "exhaustive",
        "states",
        "tuples",
        "transitions",
        "depth",
    ),
    *("levels", "orbit_sum", "over_capacity", "cut_off", "step_executions", "bytes_per_state", "seconds", "invariants"),
    *("liveness", "fairness", "coverage"),
    *("witnesses", "path", "claim", "useless_messages", "stored"),
}


def test_json_on_standard_output_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    """What people read goes to standard error."""
    assert main([*ALONE, "--json", "-"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert set(report) == REPORTED
    assert report["states"] == sum(report["levels"])
    assert report["depth"] == len(report["levels"]) - 1
    assert report["bounds"]["servers"] == 1
    assert "ElectionSafety" in said.err


@pytest.mark.usefixtures("_broken")
def test_json_of_a_violation_has_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps with kind, node, event, choice and change."""
    assert main([*PAIR, "--json", "-"]) == 1
    path = json.loads(capsys.readouterr().out)["path"]
    assert path["broken"] == "NobodyLeads"
    assert [step["node"] for step in path["steps"]] == [0, 1, 0]
    assert set(path["steps"][0]) == {"kind", "node", "event", "choice", "change"}


def test_json_goes_to_a_file_and_leaves_the_text_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is replaced, not added to."""
    file = tmp_path / "report.json"
    file.write_text("old")
    assert main([*ALONE, "--json", str(file)]) == 0
    assert json.loads(file.read_text())["verdict"] == "holds"
    assert "ElectionSafety" in capsys.readouterr().out


def test_a_run_that_cannot_begin_leaves_no_file_behind(tmp_path: Path) -> None:
    """It was only looked whether they could be written."""
    arguments = ["raft", "--in-flight", "900", "--json", str(tmp_path / "a"), "--save", str(tmp_path / "b")]
    assert main(arguments) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A report that was asked for and isn't there is no success."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    assert main([*ALONE, "--json", "/dev/full"]) == 2
    assert capsys.readouterr().err == "model-check: --json /dev/full: No space left on device\n"


def test_standard_output_that_cannot_be_written_is_status_2() -> None:
    """One line, and not the status of a violation."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *ALONE], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PROGRAM_S, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "model-check: standard output can't be written: No space left on device\n"


@pytest.mark.usefixtures("_broken")
def test_a_saved_violation_is_replayed_to_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the file alone."""
    file = str(tmp_path / "path.json")
    assert main([*PAIR, "--save", file]) == 1
    assert "To keep this path" not in capsys.readouterr().out
    assert main(["replay", file]) == 1
    assert "NobodyLeads is still broken" in capsys.readouterr().out


def test_a_replay_ends_with_0_if_nothing_breaks_and_with_3_if_it_gets_stuck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The promise that broke is gone; then so is a move."""
    file = tmp_path / "path.json"
    with pytest.MonkeyPatch.context() as patch:
        real: Callable[[RaftBounds], System] = RaftBounds.system
        patch.setattr(RaftBounds, "system", lambda bounds: replace(real(bounds), invariants=(NOBODY_LEADS,)))
        assert main([*PAIR, "--save", str(file)]) == 1
    assert main(["replay", str(file), "--json", "-"]) == 0
    replayed = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert replayed["path"]["broken"] is None
    saved = json.loads(file.read_text())
    saved["steps"][1]["event"] = "Surprise()"
    file.write_text(json.dumps(saved))
    assert main(["replay", str(file)]) == 3
    assert "step 2 of 3 isn't possible any more" in capsys.readouterr().out


def test_every_bound_has_an_option_that_reaches_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A field added to RaftBounds needs a flag."""
    assert list(options._FLAGS) == [field.name for field in fields(RaftBounds)]
    wanted = RaftBounds(
        servers=2, max_term=1, max_log=1, in_flight=1, proposals=3, restarts=4, step_downs=8,
        transfers=9, drops=5, duplicates=6, snapshots=7, pre_vote=True, no_op=True, check_quorum=True,
        network=NetworkKind.ORDERED, storage=Durability.ASYNC, symmetry=False,
    )  # fmt: skip
    given: list[RaftBounds] = []

    @raft_bounds(options.SEARCH_BOUNDS)
    def command(bounds: RaftBounds) -> int:
        given.append(bounds)
        return 0

    values = {f.name: getattr(wanted, f.name) for f in fields(RaftBounds)}
    assert command(**{**values, "network": options.RaftNetwork.ORDERED}) == 0
    assert given == [wanted]
    counted = [f.name for f in fields(RaftBounds) if type(values[f.name]) is int]
    flags = [word for name in counted for word in ("--" + name.replace("_", "-"), str(values[name]))]
    others = ["--pre-vote", "--leader-no-op", "--check-quorum", "--network", "ordered", "--storage", "async"]
    others += ["--no-symmetry"]
    main(["raft", "--engine", "reference", "--depth", "1", "--json", "-", *flags, *others])
    assert json.loads(capsys.readouterr().out)["bounds"] == wanted.as_dict()
    assert RaftBounds.from_dict(wanted.as_dict()) == wanted


def test_random_walks_are_a_sample_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed gives the same walks."""
    runs = []
    for seed in (1, 1, 2):
        assert main(["simulate", "--walks", "9", "--depth", "9", "--seed", str(seed), "--json", "-"]) == 0
        runs.append(json.loads(capsys.readouterr().out))
    assert "a sample" in runs[0]["conclusion"]
    assert runs[0]["exhaustive"] is False
    keys = ("transitions", "local_states", "step_executions", "witnesses")
    one, again, other = ([run[key] for key in keys] for run in runs)
    assert one == again != other


def test_the_default_check_runs_its_list_and_reports_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under one verdict, which also asks that every witness was seen somewhere."""
    runs = (
        DefaultRun("one", "term", RaftBounds(servers=1, max_term=1)),
        DefaultRun("two", "terms", RaftBounds(servers=1, restarts=1), reduced=True),
    )
    monkeypatch.setattr("quorate_check.cli.default.DEFAULT_CHECK", runs)
    monkeypatch.setattr(
        "quorate_check.cli.default.CONFORMANCE", (NamedBounds("steps", RaftBounds(servers=1, max_term=1)),)
    )
    monkeypatch.setattr("quorate_check.cli.default.BYZANTINE", BftBounds(max_view=1))
    monkeypatch.setattr("quorate_check.cli.default.BYZANTINE_CONFORMANCE", BYZANTINE_RUNS[:1])
    monkeypatch.setattr("quorate_check.cli.default.SPECIFICATION", SpecBounds(servers=1))
    monkeypatch.setattr("quorate_check.cli.liveness.DEFAULT_RUNS", (TimelyBounds(servers=2),))
    monkeypatch.setenv("PATH", "")  # where TLC would find its Java
    for_ci = tmp_path / "report.xml"
    assert main(["--json", "-", "--junit", str(for_ci), "--workers", "1"]) == 3
    assert set(read_junit(for_ci.read_text(encoding="utf-8")).values()) == {"passed", "error", "skipped"}
    report = json.loads(capsys.readouterr().out)
    generals, liar, survivor, alive, *explained, proved, specified, judged = report["side_checks"]
    assert generals["answer"] == "all 19 claims are as expected"
    assert liar["answer"].startswith("as claimed: ")
    assert survivor["answer"].startswith("4 servers, 1 of them a traitor, 1 views: ")
    assert [row["name"] for row in explained] == ["conformance of Raft", "conformance of BFT"]
    assert {row["verdict"] for row in (generals, liar, survivor, alive, *explained, specified)} == {"holds"}
    assert alive["answer"].startswith("after a lost message, a broken link and a change of the members: ")
    assert judged["verdict"] is None
    assert judged["answer"].startswith("not run: ")
    assert proved["verdict"] == "holds" if has_z3() else proved["answer"].startswith("not run: ")
    keys = ("name", "purpose", "verdict", "useless_messages")
    assert [tuple(run[key] for key in keys) for run in report["runs"]] == [
        ("one", "term", "holds", "searched"),
        ("two", "terms", "holds", "left out"),
    ]
    assert report["states"] == sum(run["states"] for run in report["runs"])
    assert report["verdict"] == "unknown"
    assert "no run ever saw: a conflicting suffix is truncated" in report["conclusion"]


def test_the_default_check_explains_the_steps_of_the_core_that_it_explores_first() -> None:
    """As it is served, with the same bounds."""
    assert default.CONFORMANCE[0].bounds == DEFAULT_CHECK[0].bounds == SERVED


def test_what_takes_long_in_the_default_check_is_a_part_of_it() -> None:
    """Parts begin by how long they take: a name that is no part's any more would let one begin last, and run alone."""
    assert set(default.SECONDS) <= {run.name for run in DEFAULT_CHECK} | set(default.SIDE_CHECKS)


def test_every_witness_is_possible_somewhere_in_the_default_check() -> None:
    """Otherwise it could never hold."""
    systems = [run.bounds.system() for run in DEFAULT_CHECK]
    possible = {w.name for system in systems for w in system.witnesses if w.impossible is None}
    assert possible == {w.name for system in systems for w in system.witnesses}


@pytest.mark.parametrize("command", [[], ["raft"], ["simulate"], ["replay"], ["bench"]], ids=str)
def test_every_help_ends_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Which names the command itself."""
    assert main([*command, "--help"]) == 0
    *_, last = capsys.readouterr().out.strip().split("\n\n")
    assert " ".join(["Example: model-check", *command]) in " ".join(last.split())


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """One line."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("model-check 0.")


def started(*arguments: str) -> "subprocess.Popen[str]":
    """The command in a process of its own, once it has shown that it is searching."""
    process = subprocess.Popen(
        [COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "depth" in line:
            break
    return process


LONG = ["raft", "--max-term", "3", "--in-flight", "8", "--drops", "3", "--memory", "4"]


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_a_search_with_what_is_known(number: signal.Signals, word: str) -> None:
    """Figures, the reason, status 3, and no traceback."""
    process = started(*LONG)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert f"unknown: {word}" in out
    assert "distinct states" in out
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["ladder"], ["mutants"], ["outside"], ["prove"], []], ids=str)
def test_ctrl_c_outside_a_search_ends_any_command_with_nothing_known(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3 and one line, wherever between its start and its end it comes."""

    def interrupted(*_given: object, **_options: object) -> None:
        raise KeyboardInterrupt

    for where in ("announce", "Display"):
        for module in ("ladder", "mutants", "outside", "prove", "running", "jobs"):
            monkeypatch.setattr(f"quorate_check.cli.{module}.{where}", interrupted, raising=False)
    assert main(command) == 3
    assert capsys.readouterr().err.endswith("model-check: unknown: interrupted before anything was found\n")


def test_the_second_signal_ends_the_process_at_once() -> None:
    """The first asks, and leaves the next to the operating system; afterwards all is as before."""
    before = signal.getsignal(signal.SIGINT)
    with interruptible(console(stderr=True)) as stop:
        assert stop() is None
        os.kill(os.getpid(), signal.SIGINT)
        assert stop() == "interrupted"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before


def test_a_reader_that_leaves_early_does_not_change_the_verdict() -> None:
    """`model-check | head` isn't a violation."""
    for arguments in (ALONE, [*ALONE, "--json", "-"], ["--help"]):
        read, written = os.pipe()
        os.close(read)
        with os.fdopen(written, "w") as nobody:
            done = subprocess.run(
                [COMMAND, *arguments], stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=PROGRAM_S, check=False
            )
        assert done.returncode == 0
        assert "Traceback" not in done.stderr


def test_text_that_the_terminal_cannot_show_does_not_end_in_a_traceback(tmp_path: Path) -> None:
    """Arrows are replaced where there are only ASCII letters."""
    file = tmp_path / "path.json"
    saved: dict[str, Any] = {
        "format": "quorate path 1",
        "subject": "raft",
        "bounds": RaftBounds(servers=1).as_dict(),
        "broken": "ElectionSafety",
        "steps": [{"kind": "spontaneous", "node": 0, "event": "ElectionTimeout()", "choice": 0}],
    }
    file.write_text(json.dumps(saved))
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [COMMAND, "replay", str(file)], capture_output=True, text=True, env=env, timeout=PROGRAM_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "| term 1, candidate" in done.stdout
    assert done.stdout.isascii()


def test_the_benchmark_compares_searches_that_agree() -> None:
    """Every figure is there, and disagreement would be said."""
    tiny = RaftBounds(servers=2, max_term=1, max_log=1, symmetry=False)
    names: list[str] = []

    def tell(name: str) -> Callable[[object], None]:
        names.append(name)
        return lambda _: None

    result = bench.measure(lambda: None, tell, small=tiny, large=tiny, byzantine=BftBounds(max_view=1), repeats=2)
    assert result.disagreements == ()
    assert result.small_states == result.large_states > 1
    assert all(len(figure.values) == 2 and min(figure.values) > 0 for figure in result.figures)
    assert len(names) == 22
    with pytest.raises(bench.StoppedError, match="enough"):
        bench.measure(lambda: "enough", tell, small=tiny, large=tiny)


def test_a_benchmark_that_is_stopped_shows_the_rounds_that_were_whole() -> None:
    """Ctrl-C in the second of three rounds leaves the figures of the first."""
    tiny = RaftBounds(servers=2, max_term=1, max_log=1, symmetry=False)
    names: list[str] = []

    def tell(name: str) -> Callable[[object], None]:
        names.append(name)
        return lambda _: None

    def stop() -> str | None:
        return "enough" if any(name.startswith("2/3") for name in names) else None

    result = bench.measure(stop, tell, small=tiny, large=tiny, byzantine=BftBounds(max_view=1), repeats=3)
    assert result.stopped == result.as_dict()["stopped"] == "enough after 1 of 3 rounds"
    assert {len(figure.values) for figure in result.figures} == {1}
