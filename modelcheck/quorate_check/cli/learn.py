"""`model-check learn`: lists chapters and exercises, and checks answers and changed copies of the code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.console import Console

from quorate_check.cli.base import NAME, STATUS, app
from quorate_check.cli.output import console
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.learn.copies import is_copy, make_copy
from quorate_check.learn.curriculum import CHAPTERS, exercise_of
from quorate_check.learn.exercises import Change, Chapter, Exercise, Form, Question, Task
from quorate_check.learn.judging import Judgement, judge_answer, judge_copy, parse
from quorate_check.learn.readings import UndecidedError
from quorate_check.learn.running import reports_of, run_command
from quorate_check.tell.report import print_conclusion
from quorate_check.tell.wrapping import wrapped

LEARN = f"{NAME} learn"
FOLDER = "docs/learn"
INDENT = "  "
PLACEHOLDERS = {Form.PROMISE: "PROMISE", Form.NUMBER: "NUMBER", Form.YES_NO: "yes|no"}


@app.command(epilog="Example: model-check learn blind-vote --answer LeaderCompleteness")
def learn(
    name: Annotated[str | None, typer.Argument(metavar="[EXERCISE]", help="The exercise.", show_default="all")] = None,
    *,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="X", help="Your answer: a promise, a number, yes or no.")
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option(
            "--copy", metavar="DIR", help="Copy the code there to change it, or check the copy that is there."
        ),
    ] = None,
) -> int:
    """List the chapters of docs/learn and their exercises, show an exercise, or check an answer by searching.

    Exit status 1 if an answer is wrong.
    """
    text = console()
    if name is None:
        if answer is not None or copy is not None:
            raise UnusableSystemError("--answer and --copy need the name of an exercise")
        _list(text)
        return 0
    chapter, exercise = exercise_of(name)
    if answer is not None and copy is not None:
        raise UnusableSystemError("--answer and --copy: give one of them")
    if answer is not None:
        return STATUS[_check_answer(text, chapter, exercise, answer)]
    if copy is not None:
        return STATUS[_check_copy(text, chapter, exercise, copy)]
    _show(text, chapter, exercise)
    return 0


def _list(text: Console) -> None:
    width = max(len(exercise.name) for chapter in CHAPTERS for exercise in chapter.exercises) + 2
    for chapter in CHAPTERS:
        _print(text, [f"{chapter.number}  {chapter.title} ({FOLDER}/{chapter.page})"])
        for exercise in chapter.exercises:
            label = f"   {exercise.name:{width}}"
            _print(text, wrapped(exercise.title, text.width, label, " " * len(label)))
        text.print()
    _print(text, [f"{LEARN} EXERCISE shows an exercise."])


def _show(text: Console, chapter: Chapter, exercise: Exercise) -> None:
    _print(text, [f"{exercise.name} (chapter {chapter.number}, {chapter.title})", ""])
    _print(text, wrapped(exercise.text, text.width, rest=""))
    if exercise.change is not None:
        _print(text, ["", *(INDENT + line for line in _diff(exercise.change))])
    match exercise:
        case Question():
            _print(text, ["", "The answer is computed by:"])
            _print_commands(text, exercise.commands)
            _print(text, ["", "To answer:", f"{INDENT}{LEARN} {exercise.name} --answer {PLACEHOLDERS[exercise.form]}"])
            if exercise.promises:
                _print(text, wrapped(f"{', '.join(exercise.promises)}, or none", text.width, INDENT, INDENT))
            if exercise.change is not None:
                _print(text, ["", "To look at the changed code:", f"{INDENT}{LEARN} {exercise.name} --copy DIR"])
        case Task():
            _print(text, ["", "The copy is checked by:"])
            _print_commands(text, (exercise.command,))
            _print(text, ["", "To make the copy, and to check it when you have changed it:"])
            _print(text, [f"{INDENT}{LEARN} {exercise.name} --copy DIR"])
        case _:
            assert_never(exercise)


def _diff(change: Change) -> Iterable[str]:
    old, new = change.old.splitlines(), change.new.splitlines()
    _, _, _, *lines = difflib.unified_diff(old, new, lineterm="", n=0)
    return [change.file, *lines]


def _check_answer(text: Console, chapter: Chapter, exercise: Exercise, answer: str) -> Verdict:
    if isinstance(exercise, Task):
        raise UnusableSystemError(f"{exercise.name} has no answer; give --copy DIR")
    parsed = parse(exercise, answer)
    reports = reports_of(exercise.commands, exercise.change, run_command)
    try:
        judgement = judge_answer(exercise, parsed, reports)
    except UndecidedError as error:
        return _print_undecided(text, error)
    return _print_judgement(text, chapter, exercise, judgement, exercise.commands)


def _check_copy(text: Console, chapter: Chapter, exercise: Exercise, folder: Path) -> Verdict:
    """Make a copy, or judge the copy that is there."""
    if not is_copy(folder):
        make_copy(folder, exercise.change)
        commands = (exercise.command,) if isinstance(exercise, Task) else exercise.commands
        _print(text, [f"The copy is in {folder}. To run a command on it:"])
        _print(text, [f"{INDENT}PYTHONPATH={folder} {NAME} {command}" for command in commands])
        if isinstance(exercise, Task):
            _print(text, ["", "When you have changed it:", f"{INDENT}{LEARN} {exercise.name} --copy {folder}"])
        return Verdict.HOLDS
    if isinstance(exercise, Question):
        raise UnusableSystemError(f"--copy {folder}: it has a copy already; {exercise.name} wants an --answer")
    try:
        judgement = judge_copy(exercise, run_command(exercise.command, folder))
    except UndecidedError as error:
        return _print_undecided(text, error)
    return _print_judgement(text, chapter, exercise, judgement, (exercise.command,))


def _print_judgement(
    text: Console, chapter: Chapter, exercise: Exercise, judgement: Judgement, commands: tuple[str, ...]
) -> Verdict:
    _print_commands(text, commands)
    _print(text, wrapped(judgement.sentence, text.width, INDENT * 2, INDENT * 2))
    verdict = Verdict.HOLDS if judgement.is_right else Verdict.VIOLATED
    print_conclusion(text, verdict, judgement.line)
    if isinstance(exercise, Question) or judgement.is_right:
        _print(text, wrapped(exercise.reason, text.width, rest=""))
    _print(text, ["", f"Read on: {FOLDER}/{chapter.page}"])
    return verdict


def _print_undecided(text: Console, error: UndecidedError) -> Verdict:
    print_conclusion(text, Verdict.UNKNOWN, str(error))
    return Verdict.UNKNOWN


def _print_commands(text: Console, commands: Iterable[str]) -> None:
    _print(text, [f"{INDENT}{NAME} {command}" for command in commands])


def _print(text: Console, lines: Iterable[str]) -> None:
    for line in lines:
        text.print(line, soft_wrap=True)
