"""Each exercise has the answer that its search gives; another is wrong; and what can't be judged is refused."""

import json
import shlex
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from quorate_check.bft.bounds import BftBounds
from quorate_check.cli import main
from quorate_check.core.system import UnusableSystemError
from quorate_check.learn import before_raft, raft_and_beyond
from quorate_check.learn.copies import changed, make_copy
from quorate_check.learn.curriculum import CHAPTERS
from quorate_check.learn.exercises import NONE, Change, Form, Question, Report, Task
from quorate_check.learn.judging import judge_answer, judge_copy, parse
from quorate_check.learn.readings import UndecidedError, broken_promise, result_of
from quorate_check.learn.running import reports_of, run_command
from quorate_check.raft.properties import INVARIANTS

EXERCISES = {exercise.name: exercise for chapter in CHAPTERS for exercise in chapter.exercises}
QUESTIONS = {name: each for name, each in EXERCISES.items() if isinstance(each, Question)}
TASKS = {name: each for name, each in EXERCISES.items() if isinstance(each, Task)}
ANSWERS = {
    "silent-server": "yes",
    "forgotten-vote": "OneVotePerTerm",
    "lying-voter": "4",
    "split-army": "254",
    "balanced-vote": "yes",
    "two-tongues": "IC1",
    "lost-vote": "no",
    "three-generals": "IC2",
    "another-round": "no",
    "least-oral": "4",
    "least-signed": "3",
    "forged-signature": "IC2",
    "signed-rounds": "2",
    "half-quorum": "ElectionSafety",
    "least-broadcast": "4",
    "least-kings": "2",
    "election-steps": "3",
    "blind-vote": "LeaderCompleteness",
    "longer-log": "3",
    "older-entry": "no",
    "early-change": "ActiveQuorumsIntersect",
    "lying-follower": "LeaderCompleteness",
    "three-members": "LockSafety",
    "no-lock": "LockSafety",
}
# A change of each copy that does what its task asks for.
SOLUTIONS = {
    "break-elections": Change("quorum.py", "    return n // 2 + 1\n", "    return 1\n"),
    "repair-vote": Change("raft/election.py", raft_and_beyond.NO_COMPARISON, raft_and_beyond.COMPARISON),
    "repair-votes": Change("bft/voting.py", raft_and_beyond.SAME_PROPOSAL, raft_and_beyond.FIRST_PROPOSAL),
}


def run_here(command: str, folder: Path | None) -> Report:
    """Return the report of a command, in this process if it runs on the code itself: that saves its start."""
    if folder is not None:
        return run_command(command, folder)
    with TemporaryDirectory() as place:
        file = Path(place) / "report.json"
        main([*shlex.split(command), "--json", str(file)])
        report: Report = json.loads(file.read_text(encoding="utf-8"))
        return report


@cache
def reports(name: str) -> list[Report]:
    """Return the reports that a question is judged by."""
    question = QUESTIONS[name]
    return reports_of(question.commands, question.change, run_here)


def test_every_exercise_has_a_name_of_its_own_and_every_chapter_two() -> None:
    """And every question its answer here."""
    assert len(EXERCISES) == sum(len(chapter.exercises) for chapter in CHAPTERS)
    assert min(len(chapter.exercises) for chapter in CHAPTERS) >= 2
    assert (set(ANSWERS), set(SOLUTIONS)) == (set(QUESTIONS), set(TASKS))


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_the_answer_that_its_search_gives(name: str) -> None:
    """Another answer of the same form is wrong."""
    question, right = QUESTIONS[name], ANSWERS[name]
    assert judge_answer(question, parse(question, right), reports(name)).line == f"right: {right}"
    wrong = {Form.PROMISE: NONE, Form.NUMBER: "0", Form.YES_NO: "yes" if right == "no" else "no"}[question.form]
    judgement = judge_answer(question, parse(question, wrong), reports(name))
    assert (judgement.is_right, judgement.line) == (False, f"wrong: {right}, not {wrong}")


@pytest.mark.parametrize("name", TASKS)
def test_a_copy_is_judged_by_what_breaks_in_it(name: str, tmp_path: Path) -> None:
    """As it was made it is wrong, and once it is changed as the task asks it is right."""
    task = TASKS[name]
    make_copy(tmp_path, task.change)
    assert not judge_copy(task, run_command(task.command, tmp_path)).is_right
    solution = SOLUTIONS[name]
    file = tmp_path / "quorate" / solution.file
    file.write_text(changed(file.read_text(encoding="utf-8"), solution), encoding="utf-8")
    assert judge_copy(task, run_command(task.command, tmp_path)).is_right


def test_promises_that_may_be_answered_are_those_of_the_search() -> None:
    """In reports they have the same names."""
    of_raft = [each.name for each in INVARIANTS]
    assert {*raft_and_beyond.PAPER, *before_raft.OF_ELECTIONS} <= set(of_raft)
    assert set(raft_and_beyond.OF_BFT) == {each.name for each in BftBounds().system().invariants}
    for question in QUESTIONS.values():
        assert bool(question.promises) == (question.form is Form.PROMISE)


@pytest.mark.parametrize(
    ("name", "text", "parsed"),
    [
        ("blind-vote", " leadercompleteness ", "LeaderCompleteness"),
        ("blind-vote", "nothing", NONE),
        ("split-army", "0254", "254"),
        ("lost-vote", "No", "no"),
    ],
)
def test_an_answer_may_be_written_in_several_ways(name: str, text: str, parsed: str) -> None:
    """What is meant is clear."""
    assert parse(QUESTIONS[name], text) == parsed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["blind-vote", "--answer", "Election"], "--answer Election: give one of ElectionSafety, "),
        (["split-army", "--answer", "many"], "--answer many: give a number"),
        (["lost-vote", "--answer", "perhaps"], "--answer perhaps: give yes or no"),
        (["repair-vote", "--answer", "yes"], "repair-vote has no answer; give --copy DIR"),
        (["blind", "--answer", "yes"], "blind: there is no such exercise; model-check learn lists them"),
        (["--answer", "yes"], "--answer and --copy need the name of an exercise"),
        (["blind-vote", "--answer", "none", "--copy", "x"], "--answer and --copy: give one of them"),
    ],
)
def test_what_is_no_answer_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is searched."""
    assert main(["learn", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_the_list_and_every_exercise_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is wider than a terminal, unless it is a command or code."""
    assert main(["learn"]) == 0
    shown = capsys.readouterr().out
    for name, exercise in EXERCISES.items():
        assert f"   {name} " in shown
        assert main(["learn", name]) == 0
        text = capsys.readouterr().out
        assert f"  model-check learn {name} --{'answer' if isinstance(exercise, Question) else 'copy'} " in text
        as_it_is = ("  model-check", "  -", "  +")
        assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith(as_it_is)] == []


def test_an_answer_is_printed_with_its_search_and_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """And the status says whether it is right."""
    assert main(["learn", "two-tongues", "--answer", "IC2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "  model-check generals --protocol vote --n 3 --traitors 1",
        "    IC1 breaks in 12 of 48 runs",
        "",
        "wrong: IC1, not IC2",
    ]
    assert lines[4].startswith("If both loyal generals want the same")
    assert lines[-1] == "Read on: docs/learn/2-nine-generals.md"


def test_a_copy_is_made_and_later_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What breaks in it is said, and nothing of how to repair it."""
    folder = tmp_path / "copy"
    assert main(["learn", "repair-vote", "--copy", str(folder)]) == 0
    assert f"PYTHONPATH={folder} model-check raft --max-log 1 --proposals 1" in capsys.readouterr().out
    assert main(["learn", "repair-vote", "--copy", str(folder)]) == 1
    text = capsys.readouterr().out
    assert "wrong: LeaderCompleteness breaks first" in text
    assert "up-to-date" not in text


def test_a_copy_for_a_question_is_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the change of the question."""
    folder = tmp_path / "copy"
    assert main(["learn", "half-quorum", "--copy", str(folder)]) == 0
    assert "max(1, n // 2)" in (folder / "quorate" / "quorum.py").read_text(encoding="utf-8")
    assert main(["learn", "half-quorum", "--copy", str(folder)]) == 2
    assert "it has a copy already; half-quorum wants an --answer" in capsys.readouterr().err


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is copied there."""
    file = tmp_path / "thesis.txt"
    file.write_text("precious", encoding="utf-8")
    for place in (tmp_path, file):
        assert main(["learn", "repair-vote", "--copy", str(place)]) == 2
        assert "it has no copy of the code; give a new folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]


def test_a_copy_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    """The reason is the error of its import."""
    make_copy(tmp_path, None)
    (tmp_path / "quorate" / "quorum.py").write_text("def majority(n)\n", encoding="utf-8")
    with pytest.raises(UnusableSystemError, match=r"SyntaxError: .*quorum\.py, line 1\)"):
        run_command("raft --max-term 1 --max-log 0 --proposals 0", tmp_path)


def test_a_change_must_fit_the_code() -> None:
    """Its lines stand there once, or the exercise would ask about something else."""
    with pytest.raises(UnusableSystemError, match="has these lines 0 times"):
        changed("a\n", Change("x.py", "b\n", "c\n"))
    with pytest.raises(UnusableSystemError, match="has these lines 2 times"):
        changed("b\nb\n", Change("x.py", "b\n", "c\n"))


def test_a_search_without_a_verdict_decides_nothing() -> None:
    """As one that was interrupted."""
    with pytest.raises(UndecidedError, match="interrupted"):
        broken_promise([{"verdict": "unknown", "conclusion": "unknown: interrupted", "path": None}])
    with pytest.raises(UndecidedError, match="interrupted"):
        result_of({"verdict": "unknown", "stopped": "interrupted", "ic1_violations": 0})
