"""Whatever traitors have done, the next good view decides; and a leader must wait to make it good."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from documented import ROOT
from mutants_support import command_on_mutated
from nightly import by_night
from quorate.bft import Certificate, Durable, Phase, Prepared, Receive, State, Submit, Timeout, restart, step
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.good_views_bounds import GoodViewsBounds
from quorate_check.bft.liveness import ordinary, run_view
from quorate_check.bft.subject import WANTED
from quorate_check.cli import main
from quorate_check.engine import Limits, explore

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(memory=1 << 30)

MEMBERS, TRAITOR = (0, 1, 2, 3), 3


def test_voters_decide_from_every_state_that_traitors_can_leave_them_in() -> None:
    """Each distinct tuple of what voters carry on from two views is continued on the real core, under every leader."""
    found = explore(BftBounds(max_view=2, goes_on=True).system(), LIMITS)
    assert (found.exhaustive, found.path) == (True, None)


def hidden_lock() -> tuple[dict[int, State], Timeout]:
    """Voter 2 alone holds the certificate of view 1, and the traitor says that he knows of none."""
    states = {i: restart(ordinary(MEMBERS, i), i, Durable()) for i in MEMBERS if i != TRAITOR}
    states = {i: step(state, Submit(WANTED[1])).state for i, state in states.items()}
    signatures = tuple((i, b"signed by %d" % i) for i in (0, 1, TRAITOR))
    certificate = Certificate(Phase.PREPARE, 1, 1, WANTED[0], signatures)
    states[2] = step(states[2], Receive(Prepared(TRAITOR, 2, certificate))).state
    leader = states[0].config.leader(1, 2)
    assert leader == 1
    return states, Timeout(TRAITOR, leader, 1, 1, None, b"signed by %d" % TRAITOR)


def test_a_leader_who_does_not_wait_misses_a_hidden_lock_and_is_refused() -> None:
    """Two honest votes are no quorum, and the traitor withholds his."""
    states, lie = hidden_lock()
    ended = run_view(states, 2, (lie,), wait=False)
    assert not any(state.decisions for state in ended.values())
    assert ended[2].lock is not None


def test_a_leader_who_waits_hears_of_the_hidden_lock_and_decides_what_it_is_for() -> None:
    """All honest members have answered by the end of the wait, the locked one among them."""
    states, lie = hidden_lock()
    ended = run_view(states, 2, (lie,))
    assert {state.decisions[0].digest for state in ended.values()} == {WANTED[0]}


FAIR = "holds, exhaustive within bounds, where every delivery is weakly fair, the clock is weakly fair"


@pytest.mark.parametrize(
    ("bounds", "states"),
    [
        pytest.param(GoodViewsBounds(lies=0), 241_888, id="a voter leaves the bad view alone"),
        pytest.param(GoodViewsBounds(digests=2, lies=0, early=0), 161_004, id="two digests"),
    ],
)
def test_all_decide_in_good_views(bounds: GoodViewsBounds, states: int) -> None:
    """Under the fairness that the verdict names, and nothing is cut off."""
    found = explore(bounds.system(), LIMITS)
    assert (found.states, found.conclusion) == (states, FAIR)


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """All but what depends on the machine."""
    assert main(["bft", "--liveness", "--workers", "1"]) == 0
    page = (ROOT / "docs" / "byzantine.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"(?<=    model-check bft --liveness\n\n)(?:    .*\n|\n)+", page)
    lines = [" ".join(line.split()) for line in shown.splitlines() if line.strip()]
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 10
    assert [line for line in lines if line not in printed] == []


@pytest.mark.parametrize(("bug", "steps"), [("BFT-hides-lock", 32), pytest.param("BFT-no-wait", 36, marks=by_night)])
def test_a_bug_that_keeps_members_from_deciding_breaks_the_promise(bug: str, steps: int, tmp_path: Path) -> None:
    """A timeout that says nothing of the lock, and a leader that doesn't wait: a locked member refuses the proposal."""
    found = command_on_mutated(tmp_path, bug, "bft", "--liveness", "--workers", "1")
    assert found.returncode == 1, found.stderr
    assert f"violated: Decides: after {steps} steps nothing more has to happen" in found.stdout


def test_without_fairness_nobody_has_to_decide() -> None:
    """The promise rests on the clock."""
    system = GoodViewsBounds(lies=0, early=0).system()
    found = explore(replace(system, fairness=system.fairness[:1]), LIMITS)
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == ("Decides", 0)


def test_its_bounds_are_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the other search mean nothing there, and it isn't conformance."""
    assert main(["bft", "--liveness", "--servers", "5"]) == 2
    assert "--liveness: its bounds are built in" in capsys.readouterr().err
    assert main(["bft", "--liveness", "--conform"]) == 2
