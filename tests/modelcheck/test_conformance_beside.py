"""The first run of the default check explains the steps that it takes: both results are those of separate searches."""

from dataclasses import replace

import pytest

from quorate.raft import Role
from quorate_check.cli.conform import check, check_beside
from quorate_check.cli.options import Engine
from quorate_check.cli.output import Output, PathFiles, console
from quorate_check.cli.running import Search, obeying
from quorate_check.conformance.report import ConformanceReport
from quorate_check.conformance.runs import NamedBounds
from quorate_check.core.invariants import Invariant
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.raft.bounds import SERVED
from quorate_check.raft.conformance import check as conformance
from quorate_check.raft.conformance.explain import LocalStep, explain
from quorate_spec.raft.state import Role as SpecRole

SEARCH = Search.of(Engine.COMPILED, 1, None, 1.0)
BOUNDS = replace(SERVED, servers=2, max_log=0)
RUNS = (NamedBounds("one", BOUNDS), NamedBounds("another", replace(BOUNDS, max_term=1)))


def output() -> Output:
    """An output that nobody reads."""
    silent = console()
    silent.quiet = True
    return Output(None, PathFiles(), None, silent, silent)


def timeless(exploration: Exploration) -> Exploration:
    """What a search found, however long it took."""
    return replace(exploration, seconds=0.0, bytes_per_state=None)


def results(report: ConformanceReport) -> tuple[object, ...]:
    """What a check of conformance found."""
    explainer = report.conformance
    explorations = tuple(map(timeless, report.explorations))
    return report.names, report.bounds, explorations, explainer.sequences, report.unused_actions, report.conclusion


def both() -> tuple[Exploration, ConformanceReport | None]:
    """The results of the check beside a search."""
    return check_beside(output(), SEARCH, BOUNDS.system(), "both", RUNS)


def alone() -> Exploration:
    """The result of the search by itself."""
    return SEARCH.run(BOUNDS.system(), "alone", output().progress)


def test_one_search_gives_the_results_of_two() -> None:
    """Counts, verdicts and explanations, also of the runs that follow."""
    exploration, report = both()
    assert report is not None
    assert timeless(exploration) == timeless(alone())
    assert results(report) == results(check(output(), SEARCH, RUNS)[0])
    assert report.verdict is Verdict.HOLDS


def test_a_step_that_nothing_explains_leaves_the_search_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promises of the core are judged on every state nevertheless."""

    def explain_no_leader(step: LocalStep) -> tuple[str, ...] | None:
        return None if step.after.role is SpecRole.LEADER else explain(step)

    monkeypatch.setattr(conformance, "explain", explain_no_leader)
    exploration, report = both()
    assert report is not None
    assert timeless(exploration) == timeless(alone())
    assert report.verdict is Verdict.VIOLATED
    assert results(report) == results(check(output(), SEARCH, RUNS)[0])


def test_a_broken_promise_of_the_core_decides_alone() -> None:
    """Conformance doesn't count then."""
    never = Invariant("NoLeader", "nobody leads", lambda node: node.state.role, lambda roles: Role.LEADER not in roles)
    system = replace(BOUNDS.system(), invariants=(never,))
    exploration, report = check_beside(output(), SEARCH, system, "both", RUNS)
    assert exploration.path is not None
    assert exploration.path.broken == "NoLeader"
    assert report is None


def test_a_search_that_ends_early_explains_what_it_took() -> None:
    """And no other run begins."""
    with obeying(lambda: "enough"):
        exploration, report = both()
    assert exploration.stopped == "enough"
    assert report is not None
    assert (len(report.explorations), report.verdict) == (1, Verdict.UNKNOWN)
