"""What a search came across of a system: events that were enabled, lines that ran, values that were seen."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import CodeType
from typing import Any, Literal

import pytest

from quorate_check import (
    Deliver,
    Invariant,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Spontaneous,
    Symmetry,
    System,
    check,
)
from quorate_check.api.options import Engine
from quorate_check.cli import main
from quorate_check.conformance.report import ConformanceReport
from quorate_check.conformance.sequences import Explanations
from quorate_check.engine import Limits, explore
from quorate_check.engine.any_network import shared
from quorate_check.engine.coverage import EventCoverage
from quorate_check.engine.lines import Block, executable
from quorate_check.tell.coverage_text import coverage_lines

ENGINES: list[Engine] = ["compiled", "reference"]


class Role(Enum):
    """What a worker is."""

    IDLE = "idle"
    BUSY = "busy"
    BROKEN = "broken"


@dataclass(frozen=True)
class Job:
    """Is given to the other worker."""

    size: int
    source: int
    destination: int


@dataclass(frozen=True)
class Worker:
    """Takes jobs."""

    me: int
    role: Role = Role.IDLE
    mood: Literal["good", "bad"] | None = None
    jobs: int = 0


def never(_worker: Worker) -> bool:
    """A guard that is always false."""
    return False


def step(worker: Worker, event: object) -> Iterator[Outcome]:
    """Pass jobs on, and repair nothing."""
    match event:
        case "work" if worker.jobs < 2:
            job = Job(worker.jobs, worker.me, 1 - worker.me)
            yield Outcome(replace(worker, jobs=worker.jobs + 1, mood="good"), (job,))
        case "repair" if never(worker):
            mended = replace(worker, role=Role.IDLE)
            yield Outcome(mended)
        case Deliver(Job(size=2)):
            yield Outcome(replace(worker, role=Role.BROKEN))
        case Deliver(Job()) if worker.role is Role.IDLE:
            yield Outcome(replace(worker, role=Role.BUSY))


def renamed(worker: Worker, p: tuple[int, ...]) -> Worker:
    """The worker under another name."""
    return replace(worker, me=p[worker.me])


def renamed_job(job: Job, p: tuple[int, ...]) -> Job:
    """The job under other names."""
    return replace(job, source=p[job.source], destination=p[job.destination])


SYSTEM = System(
    name="workers",
    initial=(Worker(0), Worker(1)),
    step=step,
    network=Network(NetworkKind.UNORDERED, capacity=2),
    spontaneous=(Spontaneous("work"), Spontaneous("repair"), Spontaneous("strike", budget="strikes")),
    budgets={"strikes": 0},
    done=lambda _worker: True,
)


def on(kind: NetworkKind) -> System:
    """The system on a network of this kind; one that loses what it likes has no deadlock."""
    is_any = kind is NetworkKind.ANY
    return replace(SYSTEM, network=Network(kind, 0 if is_any else 2), done=None if is_any else SYSTEM.done)


HERE = Path(__file__)
# Of 12 local states: 2 workers that gave out 0, 1 or 2 jobs, and are idle or busy. Each meets both jobs of the other.
WORK = EventCoverage("work", 12, 8, is_message=False)
REPAIR = EventCoverage("repair", 12, 0, is_message=False)
STRIKE = EventCoverage("strike", 0, 0, is_message=False, excluded=True)
NEVER_RAN = ("mended = replace(worker, role=Role.IDLE)", "yield Outcome(replace(worker, role=Role.BROKEN))")


def line_of(text: str) -> int:
    """The number of the line of this file that has a text."""
    return next(n for n, line in enumerate(HERE.read_text(encoding="utf-8").splitlines(), 1) if line.strip() == text)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ANY])
def test_an_event_that_was_never_enabled_is_named(engine: Engine, kind: NetworkKind) -> None:
    """With the verdict, where witnesses that were never seen are named; an event whose budget is 0 isn't."""
    result = check(on(kind), engine=engine)
    assert result.conclusion.endswith("; never enabled: repair")
    assert result.coverage.events[:3] == (WORK, REPAIR, STRIKE)


def test_what_is_enabled_somewhere_is_not_named() -> None:
    """The conclusion is then what it always was."""
    result = check(replace(SYSTEM, spontaneous=(Spontaneous("work"),)), full=True)
    assert result.conclusion == "holds, exhaustive within bounds; 10 steps left out by the network's capacity"


def test_a_search_that_ended_early_says_nothing_about_events() -> None:
    """The event may be enabled in what it didn't reach."""
    result = explore(SYSTEM, stop=lambda: "enough")
    assert result.conclusion.startswith("unknown: enough")
    assert "never enabled" not in result.conclusion


def test_messages_are_counted_by_kind() -> None:
    """A message has an effect if it changes the state or is answered: here in idle workers only."""
    *_, jobs = check(SYSTEM, full=True).coverage.events
    assert (jobs.name, jobs.is_message) == ("Job", True)
    assert jobs.pairs == 2 * jobs.effects == 24


def test_messages_are_named_by_their_own_text() -> None:
    """Or by the first part of a tuple, unless there are too many of one class."""

    def names(*messages: object) -> list[str]:
        def sends(local: int, event: object) -> tuple[Outcome, ...]:
            return (Outcome(local + 1, (messages[local],)),) if event == "go" and local < len(messages) else ()

        system = System(
            "sender",
            (0,),
            sends,
            Network(NetworkKind.UNORDERED, 1),
            source=lambda _message: 0,
            destination=lambda _message: 0,
            spontaneous=(Spontaneous("go"),),
            done=lambda _sent: True,
        )
        return [e.name for e in check(system, full=True).coverage.events if e.is_message]

    assert names(("vote", 1), ("vote", 2), ("win", 1), "text") == ["text", "vote", "win"]
    assert names(*(f"text {n}" for n in range(12)))[:2] == ["text 0", "text 1"]
    assert names(*(f"text {n}" for n in range(13))) == ["str"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_branch_that_never_ran_is_shown_with_its_place(engine: Engine) -> None:
    """By file and line, as far as its function ran."""
    result = check(SYSTEM, engine=engine, coverage=True)
    first, second = (line_of(text) for text in NEVER_RAN)
    own = [(block.first, block.last, block.text) for block in result.coverage.lines.blocks]
    assert own == [(first, first + 1, NEVER_RAN[0]), (second, second, NEVER_RAN[1])]
    assert {block.file for block in result.coverage.lines.blocks} == {str(HERE)}
    text = "\n".join(coverage_lines(result.coverage, 80))
    assert f"test_coverage.py:{first}-{first + 1}  mended" in text
    assert "lines: 3 of " in text


def test_a_line_that_runs_in_one_step_only_has_run() -> None:
    """What is never seen of a smaller system is seen of a larger one."""
    guarded = replace(SYSTEM, initial=(Worker(0), Worker(1, jobs=1)))
    blocks = check(guarded, coverage=True).coverage.lines.blocks
    assert [block.text for block in blocks] == list(NEVER_RAN)
    jobs = replace(SYSTEM, initial=(Worker(0), Worker(1, jobs=2)))
    larger = replace(jobs, step=lambda worker, event: step(replace(worker, jobs=min(worker.jobs, 1)), event))
    assert check(larger, coverage=True, depth=3).coverage.lines.missed == 3

    def breaks(worker: Worker, event: object) -> Iterator[Outcome]:
        yield from step(worker, Deliver(Job(2, 0, 1)) if event == "repair" else event)

    assert [b.text for b in check(replace(SYSTEM, step=breaks), coverage=True).coverage.lines.blocks] == [NEVER_RAN[0]]


def test_values_that_were_never_seen_are_named() -> None:
    """Of fields whose types are enums or literals."""
    result = check(SYSTEM, coverage=True)
    assert result.coverage.unseen == (("Worker.mood", ("'bad'",)), ("Worker.role", ("BROKEN",)))
    assert "  Worker.role: BROKEN" in list(coverage_lines(result.coverage, 80))


def test_names_of_nodes_make_no_difference() -> None:
    """With symmetry, of pairs that differ in names one counts: half of those that there are without."""
    symmetric = check(replace(SYSTEM, symmetry=Symmetry(renamed, renamed_job)), coverage=True, full=True)
    plain = check(SYSTEM, coverage=True, full=True)
    halves = tuple(replace(e, pairs=e.pairs // 2, effects=e.effects // 2) for e in plain.coverage.events)
    assert symmetric.coverage.events == halves
    assert symmetric.coverage.lines.blocks == plain.coverage.lines.blocks


@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ANY])
def test_coverage_is_the_same_for_any_number_of_workers(kind: NetworkKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where other processes run the steps."""
    monkeypatch.setattr(shared, "LEAST", 1)
    system = on(kind)
    one, two = (explore(system, Limits(workers=workers, coverage=True)).coverage for workers in (1, 2))
    assert one == two
    assert one.never_enabled == ("repair",)
    assert one.lines.missed == 3


@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ANY])
def test_a_search_that_was_resumed_has_all_of_its_coverage(kind: NetworkKind, tmp_path: Path) -> None:
    """The steps before the checkpoint count as well."""
    system = on(kind)
    looks = iter([None, None, "enough"])
    limits = Limits(coverage=True)
    assert explore(system, limits, stop=lambda: next(looks, "enough"), folder=tmp_path).stopped == "enough"
    coverage = explore(system, limits, folder=tmp_path).coverage
    assert coverage == explore(system, limits).coverage
    assert (coverage.never_enabled, coverage.lines.missed) == (("repair",), 3)


def test_an_interrupted_search_has_no_lines() -> None:
    """Whoever interrupts it isn't kept waiting."""
    coverage = explore(SYSTEM, Limits(coverage=True), stop=lambda: "interrupted").coverage
    assert coverage.lines is None
    assert "lines: not known, for the search was interrupted" in list(coverage_lines(coverage, 80))


def test_a_step_that_raises_is_covered_up_to_there() -> None:
    """The verdict has its place."""

    def raises(_worker: Worker, event: object) -> tuple[Outcome, ...]:
        if event != "work":
            return ()
        size = 1 // 0
        return (Outcome(size),)

    with pytest.raises(NotAsPromisedError) as failure:
        check(replace(SYSTEM, step=raises), coverage=True)
    (block,) = failure.value.exploration.coverage.lines.blocks
    assert block.text == "return (Outcome(size),)"


def test_a_broken_promise_leaves_the_coverage_as_it_was() -> None:
    """Neither the search for a path nor the explanation of one counts as a step."""
    low = Invariant("Low", "nobody has two jobs", lambda worker: worker.jobs, lambda jobs: jobs[0] < 2, Over.EACH)
    with pytest.raises(NotAsPromisedError) as failure:
        check(replace(SYSTEM, invariants=(low,)), coverage=True)
    exploration = failure.value.exploration
    assert "never enabled" not in exploration.conclusion
    assert exploration.coverage.lines.blocks


def test_only_the_code_that_is_checked_counts() -> None:
    """Neither Python's own files, nor those of this checker."""
    lines = check(SYSTEM, coverage=True).coverage.lines
    assert (lines.files, lines.functions) == (1, 2)


def sample(flag: bool) -> int:  # noqa: FBT001 - it is only taken apart
    """Has a docstring, a line that runs through, and a `match` that is complete."""
    match flag:
        case True:
            return 1
        case _:
            return 2


def test_a_function_has_the_lines_that_have_instructions() -> None:
    """Without that of `def`, and without its docstring."""
    code: CodeType = sample.__code__
    first = code.co_firstlineno
    assert executable(code) - {first + 5} == {first + 2, first + 3, first + 4, first + 6}


def test_who_traces_the_program_is_not_disturbed() -> None:
    """Such as a debugger, or coverage.py on Python 3.11."""
    before = sys.gettrace()
    check(SYSTEM, coverage=True)
    assert sys.gettrace() is before


def test_blocks_are_values() -> None:
    """They go into JSON as they are."""
    lines = check(SYSTEM, coverage=True).coverage.as_dict()["lines"]
    assert isinstance(lines["blocks"][0], dict)
    assert Block(**lines["blocks"][0]).function == "step"


def test_a_command_reports_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the Raft core: files of the core and of what adapts it to the checker, in the text and in JSON."""
    alone = ["raft", "--servers", "1", "--max-term", "1", "--max-log", "1", "--engine", "reference"]
    assert main([*alone, "--coverage", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    coverage = json.loads(out)["coverage"]
    names = {event["name"]: event["with_effect"] for event in coverage["events"]}
    assert names["ElectionTimeout"] > 0 == names["Restart"]
    files = {Path(block["file"]).relative_to(HERE.parents[2]).parts[:3] for block in coverage["lines"]["blocks"]}
    assert {("impl", "quorate", "raft"), ("modelcheck", "quorate_check", "raft")} <= files
    assert ("modelcheck", "quorate_check", "cli") not in files
    assert "its budget is 0" in err
    assert main([*alone, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"]["lines"] is None


def test_a_search_of_the_specification_reports_its_actions(capsys: pytest.CaptureFixture[str]) -> None:
    """By name; what the bounds exclude never ran."""
    assert main(["spec", "--coverage", "--servers", "1", "--max-log", "1", "--pre-vote", "--json", "-"]) == 0
    coverage = json.loads(capsys.readouterr().out)["coverage"]
    assert {"Timeout", "BecomeLeader", "BecomePreCandidate"} <= {e["name"] for e in coverage["events"]}
    assert "RequestVote" in coverage["never_enabled"]
    assert any(block["file"].endswith("actions.py") for block in coverage["lines"]["blocks"])
    assert main(["spec", "--servers", "2"]) == 2
    assert "bounds and reports go with --coverage alone" in capsys.readouterr().err


def test_conformance_counts_the_steps_that_each_action_explains() -> None:
    """An action that occurs twice in a sequence counts once."""
    explainer = Explanations[Any](lambda _step: ())
    explainer.sequences.update({("timeout", "timeout", "request_vote"): 3, ("timeout",): 4, (): 5})
    report = ConformanceReport((), (), (), explainer, {})
    assert report.actions == {"timeout": 7, "request_vote": 3}
