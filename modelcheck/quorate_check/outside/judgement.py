"""The result of an outside checker, in the terms of our own search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate.runtime.paths import is_file
from quorate_check.core.path import GlobalState
from quorate_check.core.verdict import Verdict

Stop = Callable[[], str | None]


def has_file(path: Path) -> bool:
    """Whether a checker's file exists; raise NotRunError if that can't be determined."""
    try:
        return is_file(path)
    except OSError as error:
        raise NotRunError(f"{path}: {error.strerror}") from error


class NotRunError(Exception):
    """A checker didn't run because something is missing; the text says in one line what to install."""

    def __str__(self) -> str:
        return f"not run: {super().__str__()}"


class CheckerError(Exception):
    """A checker ran and gave no verdict: it couldn't read the specification, or crashed."""


@dataclass(frozen=True, slots=True)
class CheckerProgress:
    """The progress of a checker, for `report` callbacks."""

    depth: int = 0
    states: int = 0
    transitions: int = 0
    seconds: float = 0.0
    step_executions: int = 0  # it executes no step of ours


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of `checker`; a field that it doesn't report is None.

    `depth` is the number of steps to the farthest state or, unless `depth_is_exact`, at least that: with several
    workers a checker may reach a state by a longer path first. `transitions` includes those to known states. `trace`
    are the states from the initial one to the violation of `broken`. `dump` are all distinct states, each with its
    number in the checker's own order. `searching` is the part of `seconds` after the checker had started and read the
    specification. `processor` and `memory` are the seconds and bytes of the whole process, as in
    `process.ProgramResult`. `stopped` is why it ended early. `searched` is the depth of a bounded check, None if it
    was complete.
    """

    checker: str
    verdict: Verdict
    seconds: float
    states: int | None = None
    depth: int | None = None
    depth_is_exact: bool = True
    transitions: int | None = None
    broken: str | None = None
    trace: tuple[GlobalState, ...] = ()
    dump: dict[GlobalState, int] | None = None
    searching: float | None = None
    processor: float | None = None
    memory: int | None = None
    stopped: str | None = None
    searched: int | None = None
