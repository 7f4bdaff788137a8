"""Outside checkers: they agree with us, a wrong text doesn't, and what isn't there is never taken for agreement."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nightly import by_night
from quorate_check.bft.bounds import BftBounds
from quorate_check.cli import bench, main
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.verdict import Verdict
from quorate_check.outside import apalache, process, tla_checker, tlc
from quorate_check.outside.compare import Agreement, Checker, Terms, agree
from quorate_check.outside.judgement import CheckerError, NotRunError
from quorate_check.outside.model import Extra, Model
from quorate_check.outside.process import Limit
from quorate_check.outside.sets import stray_lines
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.path_text import path_lines
from quorate_check.tell.saved import SavedPath, replay
from quorate_spec.raft import actions
from quorate_spec.raft.actions import Steps
from quorate_spec.raft.state import Server

COMMAND = str(Path(sys.executable).parent / "model-check")
TINY = SpecBounds(servers=2, in_flight=1, symmetry=False)  # 319 states
NO_LOG = SpecBounds(max_term=1, max_log=0, any_network=True)  # 2,965 states
TINY_OPTIONS = ["--servers", "2", "--in-flight", "1", "--no-symmetry"]
LARGE_OPTIONS = ["--servers", "3", "--no-symmetry"]  # TLC needs most of a minute
NOBODY_LEADS = Invariant("NobodyLeads", "no server ever leads", lambda s: s.led, lambda v: not v[0], Over.EACH)
NOBODY_LEADS_THERE = Extra("NobodyLeads", r"\A i \in Server : led[i] = {}")


@pytest.fixture
def _tlc() -> None:
    """TLC, or else the test is skipped and says why."""
    if (missing := Checker.TLC.missing()) is not None:
        pytest.skip(missing)


@pytest.fixture
def _tla_checker() -> None:
    if (missing := Checker.TLA_CHECKER.missing()) is not None:
        pytest.skip(missing)


def script(folder: Path, name: str, text: str) -> None:
    """Put a program called `name` into `folder`."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.mark.usefixtures("_tlc")
@pytest.mark.parametrize(
    "bounds",
    [
        TINY,
        replace(TINY, symmetry=True),
        SpecBounds(servers=1, max_log=2, restarts=True, snapshots=True),
        pytest.param(replace(TINY, pre_vote=True).with_every_fault(), marks=by_night),
        SpecBounds(max_term=1, in_flight=1),
        replace(TINY, max_term=1, max_rounds=2),
    ],
    ids=["unreduced", "symmetry", "alone", "all failures", "three servers", "rounds of reads"],
)
def test_tlc_and_the_engine_agree(bounds: SpecBounds) -> None:
    """In how many states there are, how deep, and which."""
    agreement = agree(bounds)
    assert agreement.differences == ()
    assert agreement.verdict is Verdict.HOLDS
    assert agreement.sets_compared
    assert agreement.judgement is not None
    assert (agreement.judgement.states, agreement.judgement.depth) == (
        agreement.exploration.states,
        agreement.exploration.depth,
    )


@by_night
@pytest.mark.usefixtures("_tlc")
def test_many_states_are_counted_and_not_compared_one_by_one() -> None:
    """Two workers of TLC count the same; only the depth may be told too large then."""
    agreement = agree(SpecBounds(in_flight=1, drops=True), terms=Terms(workers=2))
    assert agreement.verdict is Verdict.HOLDS
    assert not agreement.sets_compared


@pytest.mark.usefixtures("_tla_checker")
@pytest.mark.parametrize(
    "bounds", [TINY, pytest.param(SpecBounds(servers=2, max_term=1, restarts=True, snapshots=True), marks=by_night)]
)
def test_tla_checker_and_the_engine_agree(bounds: SpecBounds) -> None:
    """In the number of states, unreduced."""
    agreement = agree(bounds, Checker.TLA_CHECKER)
    assert agreement.verdict is Verdict.HOLDS, agreement.conclusion
    assert agreement.judgement is not None
    assert agreement.judgement.states == agreement.exploration.states


def agreement_when_wrong(monkeypatch: pytest.MonkeyPatch, action: str, wrong: object, bounds: SpecBounds) -> Agreement:
    """What is found if the Python text has another definition of an action."""
    monkeypatch.setattr(actions, action, wrong)
    return agree(bounds)


@pytest.mark.usefixtures("_tlc")
def test_a_guard_that_allows_too_much_is_found_and_the_path_there_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader may stand for election, too: that breaks no promise, but is another protocol."""
    real = actions.timeout

    def timeout_of_anybody(server: Server) -> Steps:
        for step in real(replace(server, role=actions.Role.FOLLOWER)):
            yield replace(step, server=replace(step.server, next_index=server.next_index))

    agreement = agreement_when_wrong(monkeypatch, "timeout", timeout_of_anybody, TINY)
    assert agreement.verdict is Verdict.VIOLATED
    assert "distinct states here, 319 there" in agreement.conclusion
    assert agreement.stray is not None
    assert agreement.stray.path is not None
    last = agreement.stray.path.steps[-1]
    assert "Timeout" in repr(last.move.event)
    said = "\n".join(stray_lines(agreement.system, agreement.stray))
    assert "Only the Python text reaches this state" in said
    assert "Timeout" in said


@pytest.mark.usefixtures("_tlc")
def test_a_guard_that_allows_too_little_is_found_and_a_state_that_is_missed_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Entries that are alone in a message are never committed."""

    def never(_server: Server) -> Steps:
        yield from ()

    agreement = agreement_when_wrong(monkeypatch, "advance_commit_index", never, TINY)
    assert agreement.verdict is Verdict.VIOLATED
    assert agreement.stray is not None
    assert agreement.stray.nearest is not None
    said = "\n".join(stray_lines(agreement.system, agreement.stray))
    assert "Only the TLA+ text reaches this state" in said
    assert "commit_index: 0 → 1" in said


@pytest.mark.usefixtures("_tlc")
def test_any_number_of_messages_reaches_the_same_tuples_and_states_under_tlc() -> None:
    """Tuples of local states, which is what our search finds, and TLC's states, which plain Python finds as well."""
    agreement = agree(NO_LOG)
    assert agreement.conclusion == "the same"
    assert agreement.sets_compared
    assert (agreement.tuples, agreement.exploration.tuples) == (95, 95)
    assert agreement.as_dict()["there"]["tuples"] == 95


@pytest.mark.usefixtures("_tlc")
def test_another_text_reaches_other_tuples_among_any_number_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wins an election in Python; what TLC reaches beyond that is counted, and shown."""

    def never(_server: Server) -> Steps:
        yield from ()

    agreement = agreement_when_wrong(monkeypatch, "become_leader", never, replace(NO_LOG, servers=2))
    assert agreement.verdict is Verdict.VIOLATED
    assert agreement.exploration.tuples is not None
    assert agreement.tuples is not None
    assert agreement.exploration.tuples < agreement.tuples
    assert (
        f"{agreement.exploration.tuples} tuples of local states here, {agreement.tuples} there" in agreement.conclusion
    )
    assert agreement.stray is not None


@pytest.mark.usefixtures("_tlc")
def test_what_tlc_reaches_and_nobody_compared_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among any number of messages its states are all that there is to compare."""
    monkeypatch.setattr(tlc, "MOST_DUMPED", 10)
    agreement = agree(replace(NO_LOG, servers=2))
    assert agreement.verdict is Verdict.UNKNOWN
    assert "at most 10 are compared" in agreement.conclusion


def test_any_number_of_messages_is_for_tlc_and_has_no_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Others print no states; and what bounds a network contradicts it."""
    with pytest.raises(NotRunError, match="TLC alone"):
        agree(NO_LOG, Checker.TLA_CHECKER)
    for bound in (["--in-flight", "3"], ["--drops"], ["--duplicates"]):
        assert main(["outside", "--any-network", *bound]) == 2
        assert "leave --in-flight, --drops and --duplicates out" in capsys.readouterr().err


@pytest.mark.usefixtures("_tlc")
@pytest.mark.parametrize("symmetry", [True, False])
def test_a_violation_there_is_a_path_here(symmetry: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """As long as ours, walked on the Python text, told in words, saved and replayed."""
    bounds = replace(TINY, symmetry=symmetry)
    system = replace(bounds.system(), invariants=(NOBODY_LEADS,))
    agreement = agree(bounds, extra=NOBODY_LEADS_THERE, system=system)
    assert agreement.differences == ()
    assert agreement.conclusion == "violated here and there: NobodyLeads after 6 steps"
    assert agreement.path is not None
    assert agreement.judgement is not None
    assert agreement.judgement.broken == "NobodyLeads"
    assert any("BecomeLeader" in line for line in path_lines(system, agreement.path))
    saved = SavedPath.of(system.name, bounds.as_dict(), agreement.path)
    assert replay(saved, system).conclusion == "violated: NobodyLeads is still broken, after 6 of 6 saved steps"


@pytest.mark.usefixtures("_tla_checker")
def test_a_violation_that_tla_checker_finds_is_a_path_here() -> None:
    """It tells the number of the invariant, which is that of the cfg."""
    system = replace(TINY.system(), invariants=(NOBODY_LEADS,))
    agreement = agree(TINY, Checker.TLA_CHECKER, extra=NOBODY_LEADS_THERE, system=system)
    assert agreement.conclusion == "violated here and there: NobodyLeads after 6 steps"


@pytest.mark.usefixtures("_tlc")
def test_a_violation_on_one_side_only_is_a_difference() -> None:
    """Whatever the other side counted."""
    agreement = agree(TINY, extra=NOBODY_LEADS_THERE)
    assert agreement.differences == ("holds here, violated there",)


@pytest.mark.usefixtures("_tlc")
def test_a_text_that_tlc_can_not_read_is_a_failure() -> None:
    """With what TLC says of it."""
    with pytest.raises(CheckerError, match="no verdict; it said: Parsing or semantic analysis failed"):
        tlc.check(Model(TINY, Extra("Wrong", "1 +")), TINY.system(), tlc.find(), Limit())


@pytest.mark.usefixtures("_tlc")
def test_the_command_prints_both_sides_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """And its JSON says the same."""
    assert main(["outside", "--checker", "tlc", *TINY_OPTIONS, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["verdict"] == "holds"
    assert report["runs"][0]["here"]["states"] == report["runs"][0]["there"]["states"] == 319
    assert "agrees with tlc, on 1 set of bounds" in err


@pytest.mark.parametrize("checker", [checker.value for checker in Checker])
def test_a_checker_that_is_named_and_not_there_is_status_2(
    checker: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what to install."""
    monkeypatch.setenv("PATH", "")
    assert main(["outside", "--checker", checker, *TINY_OPTIONS]) == 2
    err = capsys.readouterr().err
    assert err.startswith("model-check: not run: ")
    assert err.count("\n") == 1
    assert {"tlc": "apt-get install default-jre", "tla-checker": "apt-get install nodejs", "apalache": "PATH"}[
        checker
    ] in err


def test_a_checker_that_is_not_there_is_a_line_and_none_at_all_is_no_agreement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3: nothing is known."""
    monkeypatch.setenv("PATH", "")
    assert main(["outside", *TINY_OPTIONS]) == 3
    out = capsys.readouterr().out
    assert out.count("not run: ") == 3
    assert "unknown: no outside checker is installed" in out


def test_what_environment_variables_name_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A jar, and a folder with the package."""
    script(tmp_path, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    script(tmp_path, "node", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(tlc.JAR_VARIABLE, "nowhere.jar")
    monkeypatch.setenv(tla_checker.FOLDER_VARIABLE, "nowhere")
    assert Checker.TLC.missing() == "not run: QUORATE_TLA2TOOLS names nowhere.jar, which is no file"
    assert "QUORATE_TLA_CHECKER names nowhere" in (Checker.TLA_CHECKER.missing() or "")
    monkeypatch.delenv(tla_checker.FOLDER_VARIABLE)
    assert "npm install --global tla-checker" in (Checker.TLA_CHECKER.missing() or "")


def test_a_java_of_long_ago_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Java 8 calls itself 1.8."""
    script(tmp_path, "java", "echo 'java version \"1.8.0_452\"' >&2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Checker.TLC.missing() == f"not run: {tlc.NO_JAVA}"


def test_a_tlc_without_a_verdict_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has crashed, say; that is status 1 and no agreement."""
    script(tmp_path, "java", "echo 'openjdk version \"17.0.1\"' >&2; test $# -gt 1 && echo out of luck; exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(tlc.JAR_VARIABLE, __file__)
    assert main(["outside", "--checker", "tlc", *TINY_OPTIONS]) == 1
    assert "TLC ended with status 0 and no verdict; it said: out of luck" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text", "status"),
    [("echo 'The outcome is: NoError'", 0), ("exit 12", 1), ("echo no types; exit 255", 1), ("sleep 60", 3)],
    ids=["holds", "violated", "fails", "slow"],
)
def test_the_verdict_of_apalache_is_read(
    text: str, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a stand-in for it, which is all that was at hand."""
    script(tmp_path, apalache.PROGRAM, text)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert main(["outside", "--checker", "apalache", *TINY_OPTIONS, "--time-limit", "2"]) == status


@pytest.mark.usefixtures("_tlc")
def test_a_time_limit_ends_in_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """And says so."""
    assert main(["outside", "--checker", "tlc", *LARGE_OPTIONS, "--time-limit", "3"]) == 3
    assert "tlc: unknown: the time limit of 3 s is over" in capsys.readouterr().out


def running(text: str) -> Iterator[int]:
    """The processes in whose command line `text` stands."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in entry.read_bytes().decode(errors="replace"):
                yield int(entry.parent.name)
        except OSError:
            continue


@pytest.mark.usefixtures("_tlc")
def test_the_benchmark_has_tlc_beside_the_search() -> None:
    """On the specification, whose count must be ours."""
    small = RaftBounds(servers=2, max_term=1, max_log=1, in_flight=1, proposals=1, symmetry=False)
    measured = bench.measure(
        lambda: None, silently, small=small, large=small, byzantine=BftBounds(max_view=1), specification=TINY, repeats=1
    )
    assert measured.disagreements == ()
    assert measured.not_run is None
    assert [f.name for f in measured.figures][-2:] == [
        "specification, TLC, 1 worker",
        "large, 1 worker / specification, TLC",
    ]
    assert all(min(figure.values) > 0 for figure in measured.figures)


def test_the_benchmark_says_that_tlc_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And measures the rest."""
    monkeypatch.setenv("PATH", "")
    small = RaftBounds(servers=2, max_term=1, max_log=1, in_flight=1, proposals=1, symmetry=False)
    measured = bench.measure(
        lambda: None, silently, small=small, large=small, byzantine=BftBounds(max_view=1), specification=TINY, repeats=1
    )
    assert measured.not_run == f"not run: {tlc.NO_JAVA}"
    assert not any("TLC" in figure.name for figure in measured.figures)


def silently(_name: str) -> Callable[[object], None]:
    """Nobody watches."""
    return lambda _progress: None


@pytest.mark.usefixtures("_tlc")
def test_ctrl_c_ends_tlc_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Status 3; no process and no file is left."""
    command = [COMMAND, "outside", "--checker", "tlc", *LARGE_OPTIONS]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 30
        while not any("tlc2.TLC" in Path(f"/proc/{n}/cmdline").read_text() for n in running(str(tmp_path))):
            assert time.monotonic() < deadline, "TLC never started"
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=20)
    assert run.returncode == 3
    assert "unknown: interrupted" in out
    assert list(running(str(tmp_path))) == []
    assert list(tmp_path.glob("quorate-*")) == []


def test_a_program_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """Even if it doesn't want to, or has closed its output."""
    closed = ["sh", "-c", "exec >&- 2>&-; sleep 77"]
    assert process.run(closed, tmp_path, Limit(seconds=0.5)).stopped == "the time limit of 0.5 s is over"
    script(tmp_path, "stubborn", "trap '' TERM; sleep 77.25 & echo $!; wait; wait; sleep 77.25")
    ended = process.run([str(tmp_path / "stubborn")], tmp_path, Limit(seconds=0.5))
    assert ended.stopped == "the time limit of 0.5 s is over"
    assert int(ended.lines[0]) not in set(running("sleep\x0077.25"))


def test_spec_lists_and_shows_the_two_texts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of an action or an invariant; another name is refused in one line."""
    assert main(["spec"]) == 0
    assert "  HandleAppendEntries\n" in capsys.readouterr().out
    assert main(["spec", "--describe", "become_leader"]) == 0
    out = capsys.readouterr().out
    assert "BecomeLeader(i) ==" in out
    assert "def become_leader(server: Server)" in out
    assert main(["spec", "--describe", "Abdicate"]) == 2
    assert "neither an action nor an invariant" in capsys.readouterr().err
