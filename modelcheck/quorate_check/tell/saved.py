"""Paths saved as JSON, and replayed on the current code.

A saved path names its subject, its bounds and its steps; a step names the acting node and the `repr` of its event. So a
path outlives the process, and shows after a change of the code whether the promise is still broken.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quorate_check.core import behaviour, fair_cycles
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.tell.path_text import name_of

if TYPE_CHECKING:
    from quorate_check.tell.report import Bounds

FORMAT = "quorate path 1"


@dataclass(frozen=True, slots=True)
class SavedStep:
    """A step of a saved path; `event` is the `repr` of the event."""

    kind: MoveKind
    node: int | None
    event: str
    choice: int

    @staticmethod
    def of(move: Move) -> SavedStep:
        """Return `move` as it is saved."""
        return SavedStep(move.kind, move.node, repr(move.event), move.choice)


@dataclass(frozen=True, slots=True)
class SavedPath:
    """A saved path of `subject` within `bounds` that breaks the promise, or reaches the witness, called `broken`."""

    subject: str
    bounds: Bounds
    broken: str
    steps: tuple[SavedStep, ...]
    reached: bool = False
    loop: int | None = None

    @staticmethod
    def of(subject: str, bounds: Bounds, path: Path) -> SavedPath:
        """Return `path` as it is saved."""
        steps = tuple(SavedStep.of(step.move) for step in path.steps)
        return SavedPath(subject, bounds, path.broken, steps, path.reached, path.loop)

    def text(self) -> str:
        """Return the file's contents; `parse` is the inverse."""
        steps = [{"kind": m.kind.value, "node": m.node, "event": m.event, "choice": m.choice} for m in self.steps]
        content = {
            "format": FORMAT,
            "subject": self.subject,
            "bounds": dict(self.bounds),
            "reached" if self.reached else "broken": self.broken,
            **({} if self.loop is None else {"loop": self.loop}),
            "steps": steps,
        }
        return json.dumps(content, indent=2) + "\n"


def load(name: str) -> SavedPath:
    """Return the path saved in the file `name`; raise UnusableSystemError, naming the file, if it can't be read."""
    try:
        return parse(pathlib.Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableSystemError(f"{name}: {error.strerror}") from error
    except ValueError as error:  # bytes that aren't text, an impossible name, and what `parse` raises
        raise UnusableSystemError(f"{name}: {error}") from error


def parse(text: str) -> SavedPath:
    """Return the path that `text` describes; raise UnusableSystemError if it describes none."""
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableSystemError(f"not JSON: {error}") from error
    if not isinstance(saved, Mapping) or saved.get("format") != FORMAT:
        raise UnusableSystemError("not a path saved by --save")
    try:
        steps = tuple(_parse_step(move) for move in saved["steps"])
        end = "reached" if "reached" in saved else "broken"
        loop = _field(saved, "loop", int) if "loop" in saved else None
        bounds, name = _field(saved, "bounds", dict), _field(saved, end, str)
        return SavedPath(_field(saved, "subject", str), bounds, name, steps, end == "reached", loop)
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableSystemError(f"a damaged path: {type(error).__name__} {error}") from error


def _parse_step(move: Any) -> SavedStep:  # noqa: ANN401 - whatever a file holds
    node = None if move["node"] is None else _field(move, "node", int)
    return SavedStep(MoveKind(move["kind"]), node, _field(move, "event", str), _field(move, "choice", int))


def _field(saved: Mapping[str, Any], key: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of the given kind
    value = saved[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{key} is {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of replaying a saved path on the current code.

    `steps` are the steps that were possible. `path` leads to the first broken promise, which need not be the saved one.
    `obstacle` is the reason why the next step isn't possible any more.
    """

    saved: SavedPath
    initial: GlobalState
    steps: tuple[Step, ...]
    path: Path | None = None
    obstacle: str | None = None

    @property
    def possible_path(self) -> Path:
        """The possible steps as a path; its `broken` is empty unless a promise broke or a witness was reached."""
        return self.path or Path(self.initial, self.steps, broken="")

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a promise broke, UNKNOWN if the path ends early or misses its witness, else HOLDS here."""
        if self.path is not None:
            return Verdict.HOLDS if self.path.reached else Verdict.VIOLATED
        return Verdict.UNKNOWN if self.obstacle is not None or self.saved.reached else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        total = len(self.saved.steps)
        if self.obstacle is not None:
            return f"unknown: step {len(self.steps) + 1} of {total} isn't possible any more: {self.obstacle}"
        if self.path is None and self.saved.reached:
            return f"unknown: all {total} steps are possible, and {self.saved.broken} isn't reached any more"
        if self.path is None:
            possible = f"all {total} steps are possible" if total != 1 else "its step is possible"
            promise = f", and {self.saved.broken} isn't broken" if self.saved.broken else ""
            return f"holds on this path: {possible}{promise}"
        return self._ending(self.path)

    def _ending(self, path: Path) -> str:
        is_same, place = (
            path.broken == self.saved.broken,
            f"after {len(path.steps)} of {len(self.saved.steps)} saved steps",
        )
        if path.reached:
            return f"reached: {path.broken}, {place}"
        if path.detail:
            return f"violated: the step function {'still' if is_same else 'now'} raises {path.detail}, {place}"
        if path.loop is not None:
            return f"violated: {path.broken} is still broken: {path.rest_of_time}"
        description = "still broken" if is_same else f"broken, not {self.saved.broken}"
        return f"violated: {path.broken} is {description}, {place}"


def replay(saved: SavedPath, system: System) -> Replay:
    """Replay `saved` on the system's own code, without tables, to its end or to the first broken promise.

    If the path reached a witness, the system's only promise is never to see that witness (`api/witnesses.py`).
    """
    possible_path = _walk(saved, system)
    if not saved.reached or possible_path.path is None or possible_path.path.broken != saved.broken:
        return possible_path
    return replace(possible_path, path=replace(possible_path.path, reached=True))


def _walk(saved: SavedPath, system: System) -> Replay:
    initial = behaviour.start(system)
    state, steps = initial, list[Step]()
    if (name := behaviour.broken_at_end(system, state)) is not None:
        return Replay(saved, initial, (), Path(initial, (), name))
    for number, saved_step in enumerate(saved.steps, start=1):
        step, name, detail = _find_step(system, state, saved_step)
        if step is None:
            return Replay(saved, initial, tuple(steps), obstacle=_why_not(system, saved_step))
        if name is not None:
            steps.append(step)
            return Replay(saved, initial, tuple(steps), Path(initial, tuple(steps), name, detail))
        if step.after is None:
            if number == len(saved.steps):
                steps.append(step)
                break
            return Replay(
                saved, initial, tuple(steps), obstacle="it needs more messages in flight than the bounds allow"
            )
        steps.append(step)
        state = step.after
    return Replay(saved, initial, tuple(steps), _for_ever(saved, system, initial, tuple(steps)))


def _for_ever(saved: SavedPath, system: System, initial: GlobalState, steps: tuple[Step, ...]) -> Path | None:
    """Return the path that a saved one goes on as for ever, if it still breaks its promise of liveness."""
    promise = next((promise for promise in system.liveness if promise.name == saved.broken), None)
    if saved.loop is None or promise is None or saved.loop > len(steps):
        return None
    path = Path(initial, steps, saved.broken, loop=saved.loop)
    return path if fair_cycles.breach(system, promise, path) is None else None


def _find_step(system: System, state: GlobalState, saved_step: SavedStep) -> tuple[Step | None, str | None, str]:
    """Return the step that `wanted` names, the promise that it breaks, and what it raised; None or "" where none."""
    for move, outcome, after in behaviour.attempts(system, state):
        if SavedStep.of(move) == saved_step:
            if outcome is not None and isinstance(outcome.local, behaviour.Raised):
                return Step(move, None), behaviour.RAISED, outcome.local.text
            return Step(move, after), behaviour.first_broken(system, state, move, outcome, after), ""
    return None, None, ""


def _why_not(system: System, saved_step: SavedStep) -> str:
    event = f"{saved_step.kind.value} {saved_step.event}"
    if saved_step.node is None:
        return event
    if not 0 <= saved_step.node < len(system.initial):
        return f"there is no node {saved_step.node}"
    return f"{event} at {name_of(system, saved_step.node)}"
