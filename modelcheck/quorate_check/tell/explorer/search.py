"""Searches from a place: the ordinary search of the system whose initial state is the place's, in a thread.

The messages in flight go with it, and budgets have what is left of them. A search on a network of any number of
messages begins with none, so one of limited capacity takes its place. A round that is under way must end first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from quorate_check import engine
from quorate_check.core.behaviour import DEADLOCK
from quorate_check.core.path import Move, MoveKind, Step
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.core.unusable import text_of
from quorate_check.core.verdict import Exploration, counted
from quorate_check.engine.limits import GIB, Limits, Progress
from quorate_check.tell.explorer.endless import awaited_name, endless, remaining
from quorate_check.tell.explorer.places import Place, Places
from quorate_check.tell.progress import search_line

Json = dict[str, Any]
MOST_MEMORY = GIB  # for states; the page is open beside other work
ROOM = 4  # messages in flight beyond those that are, where any number may be


def resumed(place: Place) -> System:
    """Return the system that begins at `place`, with what the path there has left of the promises of liveness.

    Raises UnusableSystemError if a round is under way.
    """
    system, state = place.system, place.state
    if state.current:
        raise UnusableSystemError("a search begins between rounds: go on to the end of this one")
    left = {
        name: None if limit is None else limit - used
        for (name, limit), used in zip(system.limits().items(), state.used, strict=True)
    }
    network = system.network
    if network.kind is NetworkKind.ANY:
        network = Network(NetworkKind.UNORDERED, len(state.flight) + ROOM, duplicates=None)
    else:
        network = replace(network, drops=left["drops"], duplicates=left["duplicates"])
    budgets = {name: limit for name in system.budgets if (limit := left[name]) is not None}
    return replace(
        system,
        initial=state.nodes,
        flight=state.flight,
        budgets=budgets,
        network=network,
        symmetry=None,
        liveness=tuple(remaining(system.liveness, [each.state for each in place.chain])),
        done=None if system.network.kind is NetworkKind.ANY else system.done,
    )


def with_promise(system: System, name: str) -> System:
    """Return a system that is `resumed` at a place, with no promise but one; raises UnusableSystemError if it is kept.

    Only `Eventually` is ever kept for good, when its condition was true on the path.
    """
    invariants = tuple(promise for promise in system.invariants if promise.name == name)
    liveness = tuple(promise for promise in system.liveness if promise.name in {name, awaited_name(name)})
    done = system.done if name == DEADLOCK else None
    if not invariants and not liveness and done is None:
        raise UnusableSystemError(f"{name} is kept on this path, whatever follows: its condition was true on it")
    return replace(system, invariants=invariants, liveness=liveness, done=done)


def as_steps(system: System, steps: tuple[Step, ...]) -> list[Step]:
    """Return the steps of a search from a place as steps of `system`.

    On a network of any number of messages none is lost, and one that arrives stays in flight.
    """
    if system.network.kind is not NetworkKind.ANY:
        return list(steps)
    return [replace(step, move=_with_copy(step.move)) for step in steps if step.move.kind is not MoveKind.DROP]


def _with_copy(move: Move) -> Move:
    return replace(move, kind=MoveKind.DELIVER) if move.kind is MoveKind.DUPLICATE else move


@dataclass(frozen=True, slots=True)
class Report:
    """Where a search stands, in a line; when it has ended, its verdict and the place that it found, if any.

    If that is the end of steps that repeat for ever, `loop` is the place before them.
    """

    line: str
    is_running: bool
    place: Place | None = None
    loop: Place | None = None

    def as_dict(self) -> Json:
        """Return the report as JSON values."""
        loop = None if self.loop is None else self.loop.link
        result = None if self.place is None else {"link": self.place.link, "loop": loop}
        return {"line": self.line, "running": self.is_running, "found": result}


class Search:
    """A search from `place` for a broken promise, or a witness of the system that `target` makes of the resumed one."""

    def __init__(self, places: Places, place: Place, target: Callable[[System], System], depth: int | None) -> None:
        self.places, self.place, self.depth = places, place, depth
        self.system = target(resumed(place))
        self._report = Report("the search is being compiled, if it never ran here", is_running=True)
        self._reason: str | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search from a place", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have the search end soon."""
        self._reason = "stopped"

    def wait(self, seconds: float) -> Report:
        """Return where the search stands when it has ended, or after `seconds`."""
        self._end.wait(seconds)
        return self._report

    def _note(self, progress: Progress) -> None:
        self._report = Report(search_line(progress), is_running=True)

    def _run(self) -> None:
        try:
            limits = Limits(depth=self.depth, memory=MOST_MEMORY)
            exploration = engine.explore(self.system, limits, stop=lambda: self._reason, report=self._note)
            self._report = self._conclude(exploration)
        except UnusableSystemError as error:
            self._report = Report(str(error), is_running=False)
        except MemoryError:
            self._report = Report("there isn't enough memory for this search", is_running=False)
        except Exception as error:  # noqa: BLE001 - the page must hear of it
            self._report = Report(f"the search failed: {text_of(error)}", is_running=False)
        finally:
            self._end.set()

    def _conclude(self, exploration: Exploration) -> Report:
        figures = f"{exploration.states:,} states, {exploration.transitions:,} transitions"
        if exploration.path is None:
            return Report(f"{exploration.conclusion} ({figures})", is_running=False)
        steps = as_steps(self.places.system, exploration.path.steps)
        end = self.places.follow(self.place, steps)
        name = exploration.path.broken
        also = f", in a state that breaks {end.broken}" if end.broken not in {"", name} else ""
        if exploration.path.loop is not None:
            return self._conclude_endless(end, name, f"{also} ({figures})")
        return Report(f"{name}: {counted(len(steps), 'step')} from here{also} ({figures})", is_running=False, place=end)

    def _conclude_endless(self, end: Place, name: str, rest: str) -> Report:
        """Return what the search found if a path breaks a promise by going on for ever from `end`."""
        system = self.places.system
        promise = next(each for each in system.liveness if name in {each.name, awaited_name(each.name)})
        path = endless(replace(system, liveness=(promise,)), replace(end.path, broken="", detail="", loop=None))
        assert path.loop is not None, "the search found a loop, or a state in which nothing more has to happen"
        lead, repeated = path.loop - len(self.place.chain) + 1, len(path.steps) - path.loop
        ending = f"to a loop of {counted(repeated, 'step')}" if repeated else "and nothing more has to happen"
        line = f"{path.broken}: {counted(lead, 'step')} from here {ending}{rest}"
        return Report(line, is_running=False, place=end, loop=end.chain[path.loop] if repeated else None)
