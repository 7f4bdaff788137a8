"""What an exercise is: a *question*, whose answer commands compute, or a *task*, to change a copy of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

Report = Mapping[str, Any]  # what a command of `model-check` writes with --json
NONE = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer that reports give, and the results that it rests on, in one sentence."""

    answer: str
    sentence: str


Reading = Callable[[Sequence[Report]], Finding]


class Form(Enum):
    """The form of an answer, in words."""

    PROMISE = "the name of a promise, or none"
    NUMBER = "a number"
    YES_NO = "yes or no"


@dataclass(frozen=True, slots=True)
class Change:
    """A rule of the code: the lines of `file`, below the package `quorate`, and other lines instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question that `reading` answers from the reports of `commands`, which run on the code with `change`.

    `commands` are arguments of `model-check`. `promises` are the possible answers of the form PROMISE. `reason` says
    why the answer is what it is.
    """

    name: str
    title: str
    text: str
    commands: tuple[str, ...]
    form: Form
    reading: Reading
    reason: str
    promises: tuple[str, ...] = ()
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task to change a copy of the code such that in `command` the promise `target` breaks first; None: none breaks.

    The copy begins with `change`; None: as the code is.
    """

    name: str
    title: str
    text: str
    command: str
    target: str | None
    reason: str
    change: Change | None = None


Exercise = Question | Task


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: its number, its title, its page, and the exercises at its end."""

    number: int
    title: str
    page: str
    exercises: tuple[Exercise, ...]
