"""The ladder: each rung is what it claims to be, each of its rules is needed, and the last one holds."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from engine_agreement import explore
from nightly import by_night
from quorate_check.cli import main
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.raft.ladder.climb import climb
from quorate_check.raft.ladder.rungs import LOCKED, RUNGS, Rung, Small
from quorate_check.raft.ladder.voting import VotingRule
from quorate_check.raft.ladder.words import SAFETY, voting_system

LAST = RUNGS[-1]
STATES_OF_TWO_TERMS, STATES_WITHOUT_NAMES = 18_076, 3_464


def searched(system: System, _name: str) -> Exploration:
    """A search without a display."""
    return explore(system)


@pytest.mark.parametrize("rung", RUNGS[:-1], ids=lambda rung: f"{rung.added}-{rung.steps}")
def test_a_rung_breaks_as_claimed_or_holds(rung: Rung) -> None:
    """The promise and the number of steps of the shortest path are what the table says."""
    assert climb(1, rung, searched).verdict is Verdict.HOLDS


def test_the_last_rung_holds_with_names_and_without() -> None:
    """In two terms, exhaustively; leaving out the names leaves out nothing else. The command searches three terms."""
    named, reduced = (explore(voting_system(LOCKED, 2, named=named)) for named in (True, False))
    assert named.verdict is reduced.verdict is Verdict.HOLDS
    assert (named.states, reduced.states) == (STATES_OF_TWO_TERMS, STATES_WITHOUT_NAMES)
    assert named.depth == reduced.depth


@pytest.mark.parametrize(
    ("rule", "steps"),
    [(VotingRule.PREPARE, 6), (VotingRule.LOCK, 10), pytest.param(VotingRule.ACK_ONCE, 12, marks=by_night)],
)
def test_the_last_rung_needs_each_of_its_rules(rule: VotingRule, steps: int) -> None:
    """Without it two servers apply different values; the second phase alone, without its lock, repairs nothing."""
    found = explore(voting_system(LOCKED - {rule}, 2, named=False))
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == (SAFETY, steps)


def test_every_rung_of_the_small_model_adds_one_rule() -> None:
    """Only the last has two, in the place of the two about elections."""
    searches = [rung.search.rules for rung in RUNGS if isinstance(rung.search, Small)]
    assert len(searches[0]) == 1
    for before, after in pairwise(searches[:-1]):
        assert before < after
        assert len(after - before) == 1
    assert searches[-1] - searches[-2] == {VotingRule.PREPARE, VotingRule.LOCK}
    assert searches[-2] - searches[-1] == {VotingRule.ELECTION_CERTIFICATE, VotingRule.BEST_LOG}


def test_a_rung_alone_is_told_with_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    """A column for each server and one for the traitor, with who applied what at its end; JSON has lines of words."""
    assert main(["ladder", "--rung", "12", "--json", "-"]) == 0
    captured = capsys.readouterr()
    (rung,) = json.loads(captured.out)["rungs"]
    *steps, last = rung["path"]
    assert len(steps) == rung["steps"] == 4
    assert "s4, the traitor" in captured.err
    assert all(f"propose {value} ─│" in captured.err for value in "xy")
    assert "s1 applied x, s2 applied y." in captured.err
    assert last.startswith("StateMachineSafety is broken: s")


def test_a_rung_that_is_not_as_claimed_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A violation is what most rungs claim; another one, or none, is the failure."""
    wrong = (replace(RUNGS[1], steps=5), replace(RUNGS[6], broken=None, steps=None))
    monkeypatch.setattr("quorate_check.cli.ladder.RUNGS", wrong)
    assert main(["ladder"]) == 1
    assert "rung 1 isn't as claimed: violated: ElectionSafety after 4 steps" in capsys.readouterr().out
    assert main(["ladder", "--rung", "2"]) == 1


@pytest.mark.parametrize("rung", ["0", "17"])
def test_there_is_no_rung_beyond_the_ladders_ends(rung: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which there are."""
    assert main(["ladder", "--rung", rung]) == 2
    assert f"--rung {rung}: the ladder's rungs are 1 to 16" in capsys.readouterr().err


def test_the_search_of_the_last_rung_must_see_a_lock_pass_to_another_value() -> None:
    """Otherwise a lock could hold because it is a dead end: without the witness the verdict is unknown."""
    names = {w.name: w.impossible for w in LAST.search.system(named=False).witnesses}
    assert names == {"a value is committed": None, "a server that is locked prepares another value later": None}
