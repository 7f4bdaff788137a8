"""What people and programs are told about a search is what was found."""

import io
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from rich.console import Console

from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.core.path import MoveKind, Path
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.core.verdict import Exploration, Verdict, WitnessResult
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.described import Described
from quorate_check.tell.path_text import breakage, move_text, path_as_dict, path_lines, step_texts
from quorate_check.tell.report import Report, bounds_text, print_path, print_report
from quorate_check.tell.summary import Summary, print_summary


@dataclass(frozen=True, slots=True)
class Add:
    """Asks `dest` to add one."""

    dest: int


def counting(local: int, event: object) -> tuple[Outcome, ...]:
    """A node adds one when asked to; "go" makes it ask the other."""
    match event:
        case Deliver(Add()):
            if local == 3:
                raise RuntimeError("full")
            return (Outcome(local + 1),)
        case _:
            return (Outcome(local, (Add(1),)),)


COUNTING = System(
    name="counting",
    initial=(0, 0),
    step=counting,
    network=Network(NetworkKind.UNORDERED, 1, drops=1),
    source=lambda _: 0,
    destination=lambda message: message.dest,
    spontaneous=(Spontaneous("go", "goes"),),
    budgets={"goes": 9},
    described=Described(lambda event: f"<{event}>", lambda before, after: f"{before} becomes {after}"),
)
BELOW_TWO = Invariant("BelowTwo", "nobody counts to two", lambda n: n, lambda views: views[0] < 2, Over.EACH)
NEVER_TWICE = StepInvariant(
    "NeverTwice", "nobody adds to one", lambda before, _event, after, _sent: (before, after) != (1, 2)
)


def explored(system: System = COUNTING) -> Exploration:
    """A search of `system` to the first broken promise."""
    return reference.explore(system)


def path_of(system: System) -> Path:
    """The path to the promise that `system` breaks."""
    path = explored(system).path
    assert path is not None
    return path


def printed(show: Any, *given: Any, width: int = 80, **options: Any) -> str:  # noqa: ANN401 - any printer's arguments
    """What `show` prints on a pipe."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    show(console, *given, **options)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_path_is_told_step_by_step_with_who_did_what_and_what_it_changed() -> None:
    """The words are the system's own; only the numbering and the server's name are added."""
    lines = list(
        path_lines(replace(COUNTING, invariants=(BELOW_TWO,)), path_of(replace(COUNTING, invariants=(BELOW_TWO,))))
    )
    assert lines == [
        "  1. n0: <go>",
        "     → 0 becomes 0",
        "  2. n1 receives <Add(dest=1)>",
        "     → 0 becomes 1",
        "  3. n0: <go>",
        "     → 0 becomes 0",
        "  4. n1 receives <Add(dest=1)>",
        "     → 1 becomes 2",
        "",
        "BelowTwo is broken: nobody counts to two",
        "  n1: 2",
    ]


def test_a_broken_step_shows_the_fields_it_changed() -> None:
    """A step invariant is broken by a change, so the change is shown and not the state after it."""
    system = replace(COUNTING, invariants=(NEVER_TWICE,))
    why = breakage(system, path_of(system))
    assert why.sentence == "nobody adds to one"
    assert why.values == ((1, "state: 1 → 2"),)


def test_changes_are_named_down_to_the_field_that_differs() -> None:
    """A Raft server's state is too long to print whole."""
    never_leads = StepInvariant("NobodyLeads", "ever", lambda _b, _e, after, _s: not after.record.terms_led)
    system = replace(RaftBounds(servers=1).system(), invariants=(never_leads,))
    (value,) = breakage(system, path_of(system)).values
    assert "state.role: Role.CANDIDATE → Role.LEADER" in value[1].splitlines()
    assert "record.terms_led: added 1" in value[1].splitlines()


def test_a_step_that_raises_is_told_with_what_it_raised() -> None:
    """The step function raised, so there is no state after it to describe."""
    path = path_of(COUNTING)
    assert [told.change for told in step_texts(COUNTING, path)][-1] == "raises RuntimeError: full"
    assert breakage(COUNTING, path).sentence == "it raised RuntimeError: full"


def test_a_lost_message_has_no_server() -> None:
    """The network loses it, no node does."""
    path = path_of(COUNTING)
    lost = replace(path.steps[1].move, kind=MoveKind.DROP, node=None)
    assert move_text(COUNTING, lost) == "the network loses <Add(dest=1)> to n1"


@pytest.mark.parametrize("width", [40, 80])
def test_a_path_fits_the_width_however_long_its_words_are(width: int) -> None:
    """Also the values at its end, which are wrapped and not cut."""
    leads_once = Invariant(
        "NobodyLeads", "ever " * 30, lambda s: (s.state, s.record), lambda v: not v[0][1].terms_led, Over.EACH
    )
    system = replace(RaftBounds().system(), invariants=(leads_once,))
    text = printed(print_path, system, path_of(system), hint=True, width=width)
    assert "NobodyLeads is broken" in text
    assert "terms_led=frozenset({1})" in "".join(text.split())
    assert max(map(len, text.splitlines())) <= width


def test_a_path_as_json_says_the_same_as_in_text() -> None:
    """Steps, the promise and the values that break it."""
    system = replace(COUNTING, invariants=(BELOW_TWO,))
    told = path_as_dict(system, path_of(system))
    assert told["broken"] == "BelowTwo"
    assert told["values"] == [{"node": 1, "value": "2"}]
    assert told["steps"][1] == {
        "kind": "deliver",
        "node": 1,
        "event": "n1 receives <Add(dest=1)>",
        "choice": 0,
        "change": "0 becomes 1",
    }


def test_a_report_names_the_broken_promise_and_claims_nothing_of_the_others() -> None:
    """A search that stopped at a violation hasn't seen the rest."""
    other = replace(BELOW_TWO, name="BelowTen", holds=lambda views: views[0] < 10)
    system = replace(COUNTING, invariants=(BELOW_TWO, other))
    report = Report(system, {"goes": 9}, explored(system)).as_dict()
    assert report["verdict"] == "violated"
    assert report["invariants"] == {"BelowTwo": "violated", "BelowTen": "unknown"}
    assert json.loads(json.dumps(report)) == report


def test_witnesses_tell_seen_from_missed_from_impossible() -> None:
    """Null means two different things without the reason."""
    system = replace(
        RaftBounds(servers=1).system(),
        witnesses=(
            Witness("starts", lambda n: n, lambda _: True),
            Witness("flies", lambda n: n, lambda _: False),
            Witness("sinks", lambda n: n, lambda _: False, impossible="no water"),
        ),
    )
    report = Report(system, {}, explored(system))
    assert report.as_dict()["witnesses"] == {
        "starts": {"seen": True, "depth": 0, "impossible": None},
        "flies": {"seen": False, "depth": None, "impossible": None},
        "sinks": {"seen": False, "depth": None, "impossible": "no water"},
    }
    text = printed(print_report, report)
    assert "flies    never" in text
    assert "unknown: exhaustive, but never seen: flies" in text


def test_bounds_are_told_without_what_is_switched_off() -> None:
    """Zero and no go without saying, true is said by its name."""
    assert bounds_text({"max_term": 2, "drops": 0, "pre_vote": False, "symmetry": True}) == "max-term 2, symmetry"


HOLDS = Exploration("toy", (1, 2), 3, 0, 4, 0.5, ("Safe",), (WitnessResult("a", 1), WitnessResult("b", None, "no b")))
OTHER = replace(HOLDS, witnesses=(WitnessResult("a", None, "no a"), WitnessResult("b", 2)))


def summary(*explorations: Exploration, planned: int | None = None) -> Summary:
    """Explorations as one check."""
    reports = tuple(Report(COUNTING, {}, e, name=f"run {i}", purpose="to test") for i, e in enumerate(explorations))
    return Summary(reports, planned or len(reports))


def test_a_check_holds_if_its_runs_hold_and_together_saw_every_witness() -> None:
    """What one run excludes another must reach."""
    assert summary(HOLDS, OTHER).verdict is Verdict.HOLDS
    assert summary(HOLDS).verdict is Verdict.UNKNOWN
    assert summary(HOLDS).conclusion == "unknown: no run ever saw: b"


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [
        (replace(OTHER, stopped="interrupted"), Verdict.UNKNOWN),
        (replace(OTHER, path=path_of(COUNTING)), Verdict.VIOLATED),
    ],
)
def test_a_check_is_no_better_than_its_worst_run(bad: Exploration, verdict: Verdict) -> None:
    """And its conclusion names that run."""
    whole = summary(HOLDS, bad)
    assert whole.verdict is verdict
    assert whole.conclusion == f"{bad.conclusion} (in: run 1)"


def test_a_check_whose_runs_did_not_all_happen_is_unknown() -> None:
    """Even if those that happened hold."""
    assert summary(HOLDS, OTHER, planned=3).verdict is Verdict.UNKNOWN


def test_a_check_adds_up_its_runs() -> None:
    """States, transitions, time."""
    as_dict = summary(HOLDS, OTHER).as_dict()
    assert (as_dict["states"], as_dict["transitions"], as_dict["seconds"]) == (6, 6, 1.0)
    assert [run["name"] for run in as_dict["runs"]] == ["run 0", "run 1"]
    text = printed(print_summary, summary(HOLDS, OTHER))
    assert max(map(len, text.splitlines())) <= 80
    assert "holds, exhaustive within the bounds of each of the 2 runs" in text


def test_a_check_of_many_runs_fits_a_terminal() -> None:
    """Nothing in the table of properties is cut off."""
    text = printed(print_summary, summary(*[HOLDS, OTHER] * 4))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("invariant holds")]
    assert row[-8:] == [str(number) for number in range(1, 9)]
