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
    """Whether a checker's file is there; NotRunError if that can't be known."""
    try:
        return is_file(path)
    except OSError as error:
        raise NotRunError(f"{path}: {error.strerror}") from error


class NotRunError(Exception):
    """A checker didn't run because something isn't there; the text says in one line what to install."""

    def __str__(self) -> str:
        return f"not run: {super().__str__()}"


class CheckerError(Exception):
    """A checker ran and failed for a reason that is no verdict: a text it can't read, a crash of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The progress of a checker, for `report` callbacks."""

    depth: int = 0
    states: int = 0
    transitions: int = 0
    seconds: float = 0.0
    step_executions: int = 0  # it executes no step of ours


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of `checker`; a field that it doesn't report is None.

    `depth` is the number of steps to the farthest state, at least: with several workers a checker may have come to a
    state by a detour. `transitions` are steps made, those to known states included. `trace` are the states from the
    initial one to the violation of `broken`. `dump` are all distinct states, each with its number in the checker's
    own order. `searching` is the part of `seconds` that began when the checker had started and read the specification.
    `processor` and `memory` are the seconds and bytes of the whole process, as in `process.Ended`.
    `stopped` says why it ended early. `searched` is how many steps a bounded check went, None for all.
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
