"""Raft goes on after its faults, if time passes as its clock says; with a rule left out it doesn't."""

import json
import tomllib
from pathlib import Path

import pytest

from mutants_support import MUTANTS, command_on_mutated
from quorate_check.cli import main
from quorate_check.core import reference
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.timely import TimelyBounds

BUGS = tomllib.loads((MUTANTS / "liveness" / "corpus.toml").read_text(encoding="utf-8"))["bugs"]
BRIDGE = "23,24,34"  # of four servers, server 1 alone reaches all
LIMITS = Limits(memory=1 << 31)


@pytest.mark.parametrize(
    "bounds",
    [
        TimelyBounds(drops=1),
        TimelyBounds(proposals=0, restarts=1),
        TimelyBounds(cut="12"),
        TimelyBounds(proposals=0, changes="23"),
        TimelyBounds(proposals=0, cut="13,23", begin="3:,1:1,1:1"),
    ],
    ids=str,
)
def test_the_served_configuration_goes_on(bounds: TimelyBounds) -> None:
    """A leader in the end, its log everywhere, one term for each fault; no bound cuts anything off."""
    found = explore(bounds.system(), LIMITS)
    assert (found.verdict, found.exhaustive, found.cut_states, found.over_capacity) == (Verdict.HOLDS, True, 0, 0)
    assert {result.name for result in found.liveness} == {"LeaderInTheEnd", "LogInTheEnd"}


@pytest.mark.parametrize(
    ("bounds", "broken"),
    [
        # Without a no-op entries of earlier terms aren't committed (§5.4.2).
        (TimelyBounds(restarts=1, no_op=False), "LogInTheEnd"),
        # Two servers depose each other's candidates' leader for ever; a removed server disturbs the others.
        (TimelyBounds(proposals=0, cut="12", pre_vote=False), "FewTerms"),
        (TimelyBounds(proposals=0, changes="12", pre_vote=False, check_quorum=False), "FewTerms"),
        # A leader that reaches no quorum keeps the one server that does from helping another.
        (TimelyBounds(servers=4, cut=BRIDGE, check_quorum=False), "LogInTheEnd"),
    ],
    ids=str,
)
def test_without_one_of_its_rules_it_does_not(bounds: TimelyBounds, broken: str) -> None:
    """Each option of the served configuration is needed."""
    found = explore(bounds.system(), LIMITS)
    assert found.path is not None
    assert found.path.broken == broken


def test_both_searches_agree_on_raft() -> None:
    """The compiled one and the reference, on two servers."""
    for bounds in (TimelyBounds(2, 1, 1), TimelyBounds(2, 1, 1, no_op=False)):
        found, expected = explore(bounds.system(), LIMITS), reference.explore(bounds.system())
        assert (found.levels, found.liveness, found.verdict) == (expected.levels, expected.liveness, expected.verdict)


@pytest.mark.parametrize("bug", BUGS)
def test_known_bugs_are_found(bug: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The core with the bug breaks the promise of its row, and the core without it keeps all."""
    row = BUGS[bug]
    patch = bug if (MUTANTS / f"{bug}.patch").is_file() else f"liveness/{bug}"
    done = command_on_mutated(tmp_path, patch, "liveness", *row["options"], "--json", "-")
    report = json.loads(done.stdout)
    assert (done.returncode, report["path"]["broken"]) == (1, row["caught_by"]), done.stderr
    assert report["path"]["loop"] is not None
    assert main(["liveness", *row["options"]]) == 0
    assert "holds, exhaustive within bounds" in " ".join(capsys.readouterr().out.split())


def test_a_path_that_goes_on_for_ever_is_saved_and_walked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that ends is; as a page and a regression test, too."""
    options = ["--servers", "2", "--drops", "0", "--restarts", "1", "--no-leader-no-op"]
    files = {flag: str(tmp_path / f"path{flag}.py") for flag in ("--save", "--html", "--pytest")}
    assert main(["liveness", *options, *(part for pair in files.items() for part in pair)]) == 1
    capsys.readouterr()
    assert main(["replay", files["--save"]]) == 1
    assert "LogInTheEnd is still broken: steps" in " ".join(capsys.readouterr().out.split())
    assert "from here on for ever" in Path(files["--html"]).read_text(encoding="utf-8")
    assert '"loop": ' in Path(files["--pytest"]).read_text(encoding="utf-8")


def test_bounds_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    for options, text in [
        (["--cut", "1"], "--cut 1: give the two servers of each link, as in 12,34"),
        (["--begin", "1:,2:"], "--begin 1:,2:: there are 3 servers; give each server's term"),
        (["--changes", "19"], "--changes 19: there are 3 servers"),
        (["--drops", "-1"], "--drops -1: must be between 0 and"),
    ]:
        assert main(["liveness", *options]) == 2
        assert text in " ".join(capsys.readouterr().err.split())
