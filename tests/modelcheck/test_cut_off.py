"""What bounds cut off is said wherever the verdict is shown, in the same words."""

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quorate_check import (
    Invariant,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Spontaneous,
    System,
    Witness,
    check,
)
from quorate_check.api.options import Engine
from quorate_check.cli import main
from quorate_check.cli.bft import RUNS, conclusion_of
from quorate_check.cli.junit import suite_of, suite_of_conformance, suites_of_check
from quorate_check.conformance.report import ConformanceReport
from quorate_check.core.verdict import CutOff, Exploration, Verdict
from quorate_check.engine.walks import simulate
from quorate_check.outside.compare import Agreement, Checker
from quorate_check.raft.ladder import climb
from quorate_check.raft.ladder.rungs import RUNGS
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.junit import junit_text
from quorate_check.tell.report import Report, print_report
from quorate_check.tell.summary import SideCheck, Summary, print_summary


@dataclass(frozen=True)
class Note:
    """Means nothing to anybody."""

    number: int
    source: int = 0
    destination: int = 1


def count(state: int, event: object) -> tuple[Outcome, ...]:
    """Count to four, each time with a note to the other node."""
    return (Outcome(state + 1, (Note(state),)),) if event == "tick" and state < 4 else ()


NOTES = System(
    name="notes",
    initial=(0, 4),
    step=count,
    network=Network(NetworkKind.ORDERED, 4),
    spontaneous=(Spontaneous("tick"),),
    done=lambda n: n == 4,
    invariants=(Invariant("Low", "no count passes four", lambda n: n, lambda v: v[0] < 5, Over.EACH),),
)
NARROW = replace(NOTES, network=Network(NetworkKind.ORDERED, 2), beyond=lambda n: n == 3)
CUT = (
    "holds, exhaustive within bounds; 1 step left out by the network's capacity; "
    "2 states not expanded by the state constraint"
)


def test_a_search_that_saw_everything_says_nothing_of_cuts(engine: Engine) -> None:
    """The sentence without a cut is the one without anything behind it."""
    found = check(NOTES, engine=engine, full=True)
    assert (found.conclusion, found.cut_off) == ("holds, exhaustive within bounds", CutOff())


def test_what_check_returns_says_what_was_cut_off(engine: Engine) -> None:
    """As attributes, in its text and in its conclusion: by the network's capacity and by the state constraint."""
    found = check(NARROW, engine=engine, full=True)
    assert (found.over_capacity, found.beyond, found.waiting) == (1, 2, 0)
    assert found.conclusion == CUT
    assert str(found) == f"notes: {found.states} states, depth {found.depth}, {CUT}"
    assert "over_capacity=1" in repr(found)
    assert "beyond=2" in repr(found)


def test_a_depth_limit_counts_what_it_left(engine: Engine) -> None:
    """Every state of the last level, and those of the first if nothing was expanded."""
    assert check(NOTES, engine=engine, depth=2).conclusion == "holds to depth 2; 2 states found and not expanded"
    assert check(NOTES, engine=engine, depth=0).conclusion == "holds to depth 0; 1 state found and not expanded"


def test_a_witness_that_was_never_seen_is_told_with_what_was_cut_off(engine: Engine) -> None:
    """For that may be why."""
    narrow = replace(NARROW, witnesses=(Witness("Four", lambda n: n, lambda v: v[0] == 9, Over.EACH),))
    with pytest.raises(NotAsPromisedError) as failed:
        check(narrow, engine=engine, full=True)
    said = " ".join(str(failed.value).split())
    assert "never seen: Four; 1 step left out by the network's capacity; 2 states not expanded by the state" in said


def test_states_that_the_constraint_keeps_are_not_nothing(engine: Engine) -> None:
    """A system whose initial state is beyond it has a verdict, which says so."""
    found = check(replace(NOTES, beyond=lambda _: True), engine=engine)
    assert found.conclusion == "holds, exhaustive within bounds; 1 state not expanded by the state constraint"


def test_random_walks_say_what_was_not_offered_to_them() -> None:
    """They are a sample of what is within the bounds."""
    assert simulate(NOTES, 3, 20, 1).conclusion.endswith(": a sample")
    walked = simulate(NARROW, 3, 20, 1)
    assert walked.conclusion == walked.cut_off.after("holds on 3 random walks of at most 20 steps (seed 1): a sample")
    assert walked.beyond == 3


def printed(show: Callable[..., None], *given: object) -> str:
    """What `show` prints, in one line."""
    text = io.StringIO()
    show(Console(file=text, width=80), *given)
    return " ".join(text.getvalue().split())


def report(exploration: Exploration) -> Report:
    """A report of a search of NARROW."""
    return Report(NARROW, {}, exploration, name="narrow", purpose="to test")


def test_reports_say_what_was_cut_off(engine: Engine) -> None:
    """In text, as JSON and for CI: of the search, and of each promise that holds."""
    found = report(check(NARROW, engine=engine, full=True))
    assert CUT in printed(print_report, found)
    told = json.loads(json.dumps(found.as_dict()))
    assert told["conclusion"] == CUT
    assert told["cut_off"] == {"steps_by_capacity": 1, "states_by_constraint": 2, "states_not_expanded": 0}
    assert junit_text([suite_of(found)]).count(f"<system-out>{CUT}</system-out>") == len(("Low", "NoDeadlock", "all"))


def cut(claim: str, steps: int, beyond: int, waiting: int) -> Exploration:
    """A search that holds, with cuts."""
    found = Exploration(claim, (1, 2), 3, steps, 4, 0.5, ("Safe",), ())
    return replace(found, beyond=beyond, waiting=waiting)


def test_several_searches_add_up_what_was_cut_off() -> None:
    """Each is told with its own, and all with the sum."""
    both = (report(cut("one", 1000, 2, 0)), report(cut("two", 234, 0, 0)))
    summary = Summary(both, 2, (SideCheck("other", "holds", 1.0, Verdict.HOLDS),))
    expected = (
        "holds, exhaustive within the bounds of each of the 2 runs; 1,234 steps left out by the network's capacity; "
        "2 states not expanded by the state constraint"
    )
    assert summary.conclusion == expected
    assert expected in printed(print_summary, summary)
    assert summary.as_dict()["cut_off"]["steps_by_capacity"] == 1234
    assert f"<system-out>{expected}</system-out>" in junit_text(suites_of_check(summary))


@dataclass
class Explained:
    """Stands for what explained the steps."""

    subject: str = "code"
    steps: int = 7
    sequences: Counter[tuple[str, ...]] | None = None


def test_conformance_says_what_was_cut_off() -> None:
    """Steps that only a state beyond the bounds takes were not explained."""
    explained: Any = Explained(sequences=Counter())
    whole = ConformanceReport(("a", "b"), (), (cut("a", 3, 0, 0), cut("b", 4, 1, 0)), explained, {})
    assert whole.conclusion == (
        "holds, exhaustive within bounds: each of 7 distinct steps is explained; 7 steps left out by the network's "
        "capacity; 1 state not expanded by the state constraint"
    )
    assert "3 steps left out by the network's capacity" in junit_text([suite_of_conformance(whole, NARROW)])


def test_the_ladder_says_what_was_cut_off() -> None:
    """Of the rungs that hold; one that breaks shows how."""
    number = next(number for number, rung in enumerate(RUNGS, start=1) if rung.broken is None)
    result = climb.RungResult(number, RUNGS[number - 1], cut("rung", 5, 0, 0))
    assert climb.conclusion_of([result], 1).endswith("; 5 steps left out by the network's capacity")
    assert climb.conclusion_of([result, result], 2).endswith("; 10 steps left out by the network's capacity")


def test_the_byzantine_runs_say_what_was_cut_off() -> None:
    """Of the search that must hold; the controls must break."""
    reports = [report(cut(run.name, 6, 0, 0)) for run in RUNS]
    violated = check_of_violation()
    ends = (reports[0], *(replace(r, exploration=violated) for r in reports[1:]))
    verdict, said = conclusion_of(ends)
    assert (verdict, said.partition("; 6 steps")[2]) == (Verdict.HOLDS, " left out by the network's capacity")


def check_of_violation() -> Exploration:
    """A search that ends with a path."""
    low = replace(NOTES, invariants=(replace(NOTES.invariants[0], holds=lambda v: v[0] != 2),))
    with pytest.raises(NotAsPromisedError) as failed:
        check(low, engine="reference")
    return failed.value.exploration


def test_a_violation_says_nothing_of_cuts() -> None:
    """Its path shows all that it claims, whatever the search had left out until then."""
    cuts = replace(check_of_violation(), over_capacity=5, beyond=6, waiting=7)
    assert cuts.cut_off == CutOff(5, 6, 7)
    assert cuts.conclusion == "violated: Low after 2 steps"


def test_an_agreement_says_what_both_left_out() -> None:
    """Two searches that are the same have the same bounds."""
    system = SpecBounds().system()
    assert Agreement(SpecBounds(), Checker.TLC, system, cut("spec", 0, 0, 0)).conclusion == "the same"
    found = Agreement(SpecBounds(), Checker.TLC, system, cut("spec", 2, 0, 0))
    assert found.conclusion == "the same; 2 steps left out by the network's capacity"


def test_the_command_says_what_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`model-check raft` with no room for another no-op, in text and in JSON."""
    file = tmp_path / "report.json"
    bounds = ("--servers", "1", "--leader-no-op", "--max-log", "1", "--restarts", "1")
    assert main(["raft", *bounds, "--json", str(file)]) == 0
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["cut_off"]["states_by_constraint"] > 0
    assert told["conclusion"].endswith("not expanded by the state constraint; never enabled: ClientRequest")
    assert told["conclusion"] in " ".join(capsys.readouterr().out.split())
