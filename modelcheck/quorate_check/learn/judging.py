"""Judges answers and changed copies by what commands report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quorate_check.core.system import UnusableSystemError
from quorate_check.learn.exercises import NONE, Form, Question, Report, Task
from quorate_check.learn.readings import result_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an answer is right, the judgement in a line, and the results that it rests on."""

    is_right: bool
    line: str
    sentence: str


def parse(question: Question, text: str) -> str:
    """Return an answer as readings write it; raise UnusableSystemError if it isn't of the question's form."""
    word = text.strip().lower()
    match question.form:
        case Form.PROMISE:
            names = {name.lower(): name for name in (*question.promises, NONE)} | {"nothing": NONE}
            if word in names:
                return names[word]
            expected = f"one of {', '.join(question.promises)}, or {NONE}"
        case Form.NUMBER:
            number = word.replace(",", "")
            if number.isascii() and number.isdigit():
                return str(int(number))
            expected = question.form.value
        case Form.YES_NO:
            if word in {"yes", "no"}:
                return word
            expected = question.form.value
    raise UnusableSystemError(f"--answer {text}: give {expected}")


def judge_answer(question: Question, answer: str, reports: Sequence[Report]) -> Judgement:
    """Compare an answer, as `parse` returns it, with that of the reports."""
    finding = question.reading(reports)
    if answer == finding.answer:
        return Judgement(is_right=True, line=f"right: {finding.answer}", sentence=finding.sentence)
    return Judgement(is_right=False, line=f"wrong: {finding.answer}, not {answer}", sentence=finding.sentence)


def judge_copy(task: Task, report: Report) -> Judgement:
    """Compare what breaks in a copy with what the task asks for."""
    result = result_of(report)
    target = task.target or NONE
    if result.broken == target:
        line = f"right: {target} breaks first" if task.target else "right: no promise breaks"
        return Judgement(is_right=True, line=line, sentence=result.sentence)
    line = f"wrong: {result.broken} breaks first" if result.broken != NONE else "wrong: no promise breaks"
    return Judgement(is_right=False, line=line, sentence=result.sentence)
