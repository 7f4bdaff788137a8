"""The specification unrolled for z3: it takes the same steps, and finds violations as short as the search does."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import pytest

z3 = pytest.importorskip("z3", reason="z3 is an extra: pip install 'quorate[proofs]'")

from quorate_check import reference  # noqa: E402 - z3 first
from quorate_check.behaviour import moves, start  # noqa: E402
from quorate_check.cli import main  # noqa: E402
from quorate_check.engine import explore  # noqa: E402
from quorate_check.path import GlobalState  # noqa: E402
from quorate_check.proofs.unrolled.agreement import Agreement, compare, system_of  # noqa: E402
from quorate_check.proofs.unrolled.facts import proved  # noqa: E402
from quorate_check.proofs.unrolled.replay import UnreplayableError, read_state, replay, written  # noqa: E402
from quorate_check.proofs.unrolled.rules import BUGS, Bug, Rules  # noqa: E402
from quorate_check.proofs.unrolled.search import require_small, shortest, step_at  # noqa: E402
from quorate_check.proofs.unrolled.state import unknown  # noqa: E402
from quorate_check.proofs.unrolled.steps import transition  # noqa: E402
from quorate_check.story import story  # noqa: E402
from quorate_check.subjects.raft_rules import NO_RULE  # noqa: E402
from quorate_check.subjects.raft_spec import SpecBounds  # noqa: E402
from quorate_check.system import System, UnusableSystemError  # noqa: E402
from quorate_check.verdict import Exploration, Verdict  # noqa: E402
from quorate_spec.raft import actions  # noqa: E402

BY_ID = {bug.id: bug for bug in BUGS}
PATIENCE_S = 120.0
SAMPLES = 24
SHORT = {"C14": 4, "E3": 14}  # E7 and C4 take 18 and 21, and z3 a minute or two


def agreement(bug: Bug, depth: int) -> Agreement:
    """Search `bug` by z3 and by the plain search."""

    def search(system: System) -> Exploration:
        return reference.explore(system, depth=depth)

    return compare(bug, depth, PATIENCE_S, stop=lambda: None, report=lambda _: None, search=search)


@pytest.mark.parametrize("bug", SHORT)
def test_z3_and_the_search_agree_on_the_shortest_violation(bug: str) -> None:
    """Both find one of the same length, and z3's is a path of the broken Python specification."""
    found = agreement(BY_ID[bug], SHORT[bug] + 1)
    assert found.there.length == found.explicit == SHORT[bug]
    assert found.verdict is Verdict.HOLDS
    assert found.path is not None
    assert found.path.broken == BY_ID[bug].breaks
    assert len(found.path.steps) == SHORT[bug]


@pytest.mark.parametrize("bug", SHORT)
def test_one_step_less_breaks_nothing(bug: str) -> None:
    """What is too shallow finds nothing, and claims no more than its depth."""
    found = agreement(BY_ID[bug], SHORT[bug] - 1)
    assert (found.there.length, found.explicit, found.there.none_to) == (None, None, SHORT[bug] - 1)
    assert f"none in {SHORT[bug] - 1} steps" in found.conclusion


@pytest.mark.parametrize("bug", SHORT)
def test_right_rules_break_nothing(bug: str) -> None:
    """The violation comes from the bug: the rules as they are have none at that length."""
    right = replace(BY_ID[bug], rules=Rules(), replaced=MappingProxyType({}))
    found = shortest(right, SHORT[bug], PATIENCE_S, lambda: None, lambda _: None)
    assert (found.length, found.none_to, found.stopped) == (None, SHORT[bug], None)


def differences(bug: Bug) -> list[GlobalState]:
    """Return the sampled states of the specification with `bug` from which the formula leads elsewhere."""
    found, sizes = [], []
    with bug.in_specification():
        system = replace(system_of(bug), symmetry=None)
        for state in sampled(system):
            there = {after for _, _, after in moves(system, state) if after is not None} - {state}
            sizes.append(len(there))
            if set(followers(bug, state)) - {state} != there:
                found.append(state)
    assert len(sizes) == SAMPLES
    assert sum(sizes) > SAMPLES
    return found


@pytest.mark.parametrize("bug", BY_ID)
def test_every_step_of_the_specification_is_one_of_the_formula_and_no_other(bug: str) -> None:
    """From states that the broken specification reaches, the formula leads to the same states, every one of them."""
    assert differences(BY_ID[bug]) == []


@pytest.mark.parametrize("bug", ["C14", "E3"])
def test_a_formula_with_other_rules_takes_other_steps(bug: str) -> None:
    """The right rules don't pass for the broken specification's: the comparison sees one wrong rule."""
    assert differences(replace(BY_ID[bug], rules=Rules())) != []


def sampled(system: System) -> Iterator[GlobalState]:
    """Yield every seventh of the states that a breadth-first search finds, the first SAMPLES of them."""
    return islice(searched(system), 0, 7 * SAMPLES, 7)


def searched(system: System) -> Iterator[GlobalState]:
    """Yield the states of `system`, breadth first."""
    seen, frontier = {start(system)}, deque([start(system)])
    while frontier:
        state = frontier.popleft()
        yield state
        for _, _, after in moves(system, state):
            if after is not None and after not in seen:
                seen.add(after)
                frontier.append(after)


def followers(bug: Bug, state: GlobalState) -> Iterator[GlobalState]:
    """Yield every state to which the formula leads from one."""
    before, step, after = unknown(bug.bounds, 0), step_at(1), unknown(bug.bounds, 1)
    solver = z3.SolverFor("QF_FD")
    solver.add(transition(bug.bounds, bug.rules, before, step, after), written(bug.bounds, before, state))
    while solver.check() == z3.sat:
        found = replace(read_state(solver.model(), after), used=state.used)
        yield found
        solver.add(z3.Not(written(bug.bounds, after, found)))


@pytest.mark.parametrize("bug", BY_ID)
def test_what_the_search_takes_for_granted_is_proved(bug: str) -> None:
    """The facts that shorten the search are inductive by the broken rules themselves."""
    assert proved(BY_ID[bug])


def test_facts_that_a_rule_makes_false_are_not_used() -> None:
    """A server that commits beyond its log is no state that the facts describe, and they say so."""
    beyond = replace(BY_ID["E7"], rules=Rules(commit_limit=lambda verified, _length: verified + 1))
    assert not proved(beyond)


def test_a_path_that_the_specification_does_not_take_is_refused() -> None:
    """What z3 finds by a wrong rule is none of the right specification's paths."""
    bug = BY_ID["C14"]
    found = shortest(bug, 4, PATIENCE_S, lambda: None, lambda _: None)
    with pytest.raises(UnreplayableError, match="step 2 isn't one"):
        replay(system_of(bug), found)


def test_the_specification_is_whole_again_afterwards() -> None:
    """A bug is in the specification only as long as it is searched."""
    before = {name: getattr(actions, name) for bug in BUGS for name in bug.replaced}
    for bug in BUGS:
        with bug.in_specification():
            assert all(getattr(actions, name) is not before[name] for name in bug.replaced)
    assert {name: getattr(actions, name) for name in before} == before


def test_a_step_that_no_action_of_raft_takes_is_told_as_such() -> None:
    """Here a follower commits what its leader hasn't told it is committed."""
    bug = BY_ID["C4"]
    with bug.in_specification():
        system = system_of(bug)
        path = explore(system).path
        assert path is not None
        told = story(system, path)
    (wrong,) = [scene for scene in told.scenes if scene.rules == (NO_RULE,)]
    assert "AppendEntries(" in wrong.said
    assert "commit 1" in wrong.marks
    assert "applied [t1 v1] and s" in told.breakage.why
    assert {rule.name for scene in told.scenes for rule in scene.rules} > {"AdvanceCommitIndex", "BecomeLeader"}


def test_what_is_stopped_is_unknown_and_claims_nothing() -> None:
    """An interruption while z3 works ends both searches with what is known by then."""
    reasons: list[str] = []

    def report(length: int) -> None:
        if length == 13:
            reasons.append("interrupted")

    def stop() -> str | None:
        return reasons[0] if reasons else None

    def search(system: System) -> Exploration:
        return reference.explore(system, depth=14, stop=stop)

    found = compare(BY_ID["E3"], 14, PATIENCE_S, stop=stop, report=report, search=search)
    assert found.verdict is Verdict.UNKNOWN
    assert found.conclusion.endswith("steps (interrupted); the search: interrupted")


def test_no_answer_in_time_is_unknown() -> None:
    """A limit that is too short gives neither agreement nor a violation."""
    found = shortest(BY_ID["C4"], 21, 0.05, lambda: None, lambda _: None)
    assert found.length is None
    assert found.none_to < 20
    assert found.stopped is not None
    assert found.stopped.startswith("z3 doesn't know: ")


def test_bounds_that_are_not_encoded_are_refused() -> None:
    """What the formula leaves out is named."""
    with pytest.raises(UnusableSystemError, match="one message in flight"):
        require_small(SpecBounds(in_flight=2))


def test_the_command_reports_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the path and both lengths, and writes them."""
    report = tmp_path / "report.json"
    assert main(["bmc", "--bug", "C14", "--depth", "5", "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "ElectionSafety is broken" in printed
    assert re.search(r"\n  s\d and s\d both led term 1\.\n", printed), "whichever z3 has chosen"
    assert "Server(" not in printed
    assert "agree: z3's shortest takes 4 steps; the search: shortest 4 steps" in printed
    (bug,) = json.loads(report.read_text())["bugs"]
    assert bug["z3"]["shortest"] == bug["search"]["shortest"] == 4


def test_an_unknown_bug_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which there are."""
    assert main(["bmc", "--bug", "X1"]) == 2
    assert capsys.readouterr().err == "model-check: --bug X1: unrolled are C14, E3, E7, C4\n"
