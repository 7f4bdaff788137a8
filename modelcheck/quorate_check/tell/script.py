"""A script: a path in words, in parts that each begin with what happens, and then name every step as pictures do.

A script is a TOML file with a `subject`, its `bounds`, the promise that it `breaks`, and a list `part`. A part has
`words` and `steps`, one a line: `s1: election timeout` is an event at s1, and `s1 → s2: RequestVote t1` a message that
arrives.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quorate_check.core import behaviour
from quorate_check.core.path import Move, MoveKind, Path, Step
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.tell.path_text import name_of
from quorate_check.tell.story import brief

if TYPE_CHECKING:
    from quorate_check.tell.report import Bounds


@dataclass(frozen=True, slots=True)
class Script:
    """A path of `subject` within `bounds` to a state that breaks the promise `breaks`.

    `words` has a text for each of the `steps`, empty if the step belongs to the part of the step before.
    """

    subject: str
    bounds: Bounds
    breaks: str
    steps: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """The steps of a script that the current code takes; `obstacle` is the first that it doesn't, None if it takes all.

    The `broken` of the path is empty unless the promise breaks.
    """

    path: Path
    obstacle: str | None = None


def parse(text: str) -> Script:
    """Return the script in `text`; raise UnusableSystemError if it is none."""
    try:
        table = tomllib.loads(text)
        steps, words = zip(*_steps(table["part"]), strict=True)
        return Script(table["subject"], table["bounds"], table["breaks"], steps, words)
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableSystemError(f"a damaged script: {type(error).__name__} {error}") from error


def _steps(parts: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    for part in parts:
        words = part["words"]
        for line in part["steps"].split("\n"):
            if line:
                yield line, words
                words = ""


def perform(script: Script, system: System) -> Performance:
    """Take the steps of `script` on the system's own code, to its end, to an obstacle, or until its promise breaks.

    Raises UnusableSystemError if a step fits several moves.
    """
    alone = replace(system, invariants=tuple(each for each in system.invariants if each.name == script.breaks))
    if not alone.invariants:
        raise UnusableSystemError(f"{system.name} has no promise {script.breaks}")
    initial = state = behaviour.start(system)
    steps: list[Step] = []
    for number, line in enumerate(script.steps, start=1):
        fitting = [edge for edge in behaviour.moves(system, state) if line_of(system, edge[0]) == line]
        if len(fitting) > 1:
            raise UnusableSystemError(f"step {number} fits {len(fitting)} moves: {line}")
        after = fitting[0][2] if fitting else None
        if after is None:
            return Performance(Path(initial, tuple(steps), ""), f"step {number} ({line})")
        move, outcome, _ = fitting[0]
        steps.append(Step(move, after))
        if behaviour.first_broken(alone, state, move, outcome, after) is not None:
            return Performance(Path(initial, tuple(steps), script.breaks))
        state = after
    return Performance(Path(initial, tuple(steps), ""))


def line_of(system: System, move: Move) -> str:
    """Return a move as a script names it; empty if a script can't."""
    text = "" if move.event is None else brief(system, move.event)
    match move.kind:
        case MoveKind.SPONTANEOUS if move.node is not None:
            return f"{name_of(system, move.node)}: {text}"
        case MoveKind.DELIVER:
            ends = (system.source(move.event), system.destination(move.event))
            return f"{' → '.join(name_of(system, end) for end in ends)}: {text}"
        case _:
            return ""
