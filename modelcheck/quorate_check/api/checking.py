"""`check(system)`: a search that raises an exception unless the system keeps its promises.

The options of a test run (`pytest_plugin.py`) reach every check through `options.py`, so that a test needn't pass them.
"""

from __future__ import annotations

import io
import os
import sys
from types import NoneType
from typing import TYPE_CHECKING

from quorate_check.api.guard import Guard
from quorate_check.api.options import Current, Engine
from quorate_check.api.watch import INTERRUPTED, Watch
from quorate_check.core import behaviour
from quorate_check.core.system import NetworkKind, System, UnusableSystemError
from quorate_check.core.unusable import Kinds, repr_line, type_advice
from quorate_check.core.verdict import Exploration, Verdict, counted
from quorate_check.tell.consoles import TrimmedConsole
from quorate_check.tell.report import print_path
from quorate_check.tell.wrapping import columns, wrapped

if TYPE_CHECKING:
    from quorate_check.core.path import Path

GIB = 1 << 30
NOTHING_HAPPENS = (
    "unknown: nothing happens: no event is enabled in the initial state; "
    "name spontaneous events that step answers with an Outcome"
)
MEMORY = "give more memory (--quorate-memory), or narrower bounds: smaller budgets or capacity, or a depth"
WITNESS = (
    "a check that never sees a witness may have checked nothing: widen the bounds, or mend the step function or the "
    "witness"
)

ARGUMENTS: dict[str, Kinds] = {
    "system": (System,),
    "depth": (int, NoneType),
    "workers": (int, NoneType),
    "memory": (int, float, NoneType),
    "engine": (str, NoneType),
    "breaks": (str, NoneType),
    "full": (bool,),
    "coverage": (bool,),
}


class NotAsPromisedError(AssertionError):
    """A check failed: the text is the counterexample, or why the verdict is unknown; `exploration` is the result."""

    def __init__(self, text: str, exploration: Exploration) -> None:
        super().__init__(text)
        self.exploration = exploration


def check(
    system: System,
    *,
    depth: int | None = None,
    workers: int | None = None,
    memory: float | None = None,
    engine: Engine | None = None,
    breaks: str | None = None,
    full: bool = False,
    coverage: bool = False,
) -> Exploration:
    """Search every state of `system` within its bounds, or to `depth` steps, and return what was explored.

    `memory` is in GiB. `breaks` names the promise that must be broken instead: the check of a bug that is known. States
    are left out that show no other local states and steps: those that differ in messages without effect, or in having
    used more of a budget; with `full`, and to a depth, none is. With `coverage` the coverage of the result has
    also the lines of the code that never ran, and the values of fields that were never seen.

    Raises NotAsPromisedError, whose text is the counterexample, if a promise is broken, and also if the verdict is
    unknown: the search ended early, a witness was never seen, or no event is enabled. Raises UnusableSystemError, with
    what to change, if the system can't be checked. On Ctrl-C, raises KeyboardInterrupt with the result so far.
    """
    __tracebackhide__ = True  # pytest names the line that called this when Ctrl-C ends it
    arguments = {"depth": depth, "workers": workers, "memory": memory, "engine": engine}
    _refuse_unusable(system=system, breaks=breaks, full=full, coverage=coverage, **arguments)
    options = Current.options
    depth = min((d for d in (depth, options.depth) if d is not None), default=None)
    guard = Guard(system.as_checked())
    with Watch(system.name, options.show) as watch:
        exploration = search(
            guard,
            engine or options.engine or "compiled",
            watch,
            depth=depth,
            workers=options.workers if workers is None else workers,
            memory=options.memory if memory is None else memory,
            full=full or options.full,
            coverage=coverage or options.coverage,
        )
    options.record(guard.system, exploration)
    fault = _fault(exploration, guard, depth, breaks)
    if watch.interrupted and (fault is None or exploration.path is None):
        raise KeyboardInterrupt(_partial_result(exploration))
    if fault is not None:
        note = "" if exploration.path is None else options.keep(system, exploration.path)
        text = _text(guard.system, exploration, fault, note)
        raise KeyboardInterrupt(text) if watch.interrupted else NotAsPromisedError(text, exploration)
    return exploration


def _refuse_unusable(system: System, breaks: str | None, **others: object) -> None:
    """Raise UnusableSystemError for an argument of a wrong type, and for a promise that the system doesn't have."""
    __tracebackhide__ = True
    for name, value in {"system": system, **others, "breaks": breaks}.items():
        if (kinds := type_advice(value, ARGUMENTS[name])) is not None:
            raise UnusableSystemError(f"check: {name} is {repr_line(value)}; give {kinds}")
    if breaks is not None and breaks not in (names := _promises(system)):
        raise UnusableSystemError(f"{system.name}: breaks={breaks!r} is none of its promises, {', '.join(names)}")


def _promises(system: System) -> list[str]:
    """Return the names of all that a check of `system` may find broken."""
    ends = [] if system.network.kind is NetworkKind.ANY else [behaviour.DEADLOCK]
    return [*(promise.name for promise in (*system.invariants, *system.liveness)), behaviour.RAISED, *ends]


def search(
    guard: Guard,
    engine: Engine,
    watch: Watch,
    *,
    depth: int | None,
    workers: int | None,
    memory: float | None,
    full: bool,
    coverage: bool,
) -> Exploration:
    """Search a guarded system; raise UnusableSystemError for a misuse that the guard found, or unusable options."""
    if engine == "reference":
        from quorate_check.engine import plain  # noqa: PLC0415 - the compiled search doesn't need it

        if depth is not None and depth < 0:
            raise UnusableSystemError(f"depth {depth} is negative")
        if workers not in {None, 1} or memory is not None:
            raise UnusableSystemError("the reference search takes neither workers nor memory")
        with guard.enforcement():
            return plain.explore(guard.system, depth=depth, stop=watch.stop_plain, coverage=coverage)
    elif engine == "compiled":
        if "quorate_check.engine" not in sys.modules:
            watch.prepare()
        from quorate_check.engine import Limits, explore  # noqa: PLC0415 - Numba is slow to import

        size = None if memory is None else int(memory * GIB)
        limits = Limits(depth, 1 if workers is None else workers, size, reduced=not full, coverage=coverage)
        try:
            with guard.enforcement():
                return explore(guard.system, limits, stop=watch.stop, report=watch.report)
        except MemoryError as error:
            raise UnusableSystemError(f"{limits.bytes / GIB:.3g} GiB of memory can't be had: give less") from error
    else:
        raise UnusableSystemError(f"engine {engine!r}: there are 'compiled' and 'reference'")


def _fault(exploration: Exploration, guard: Guard, depth: int | None, breaks: str | None) -> str | None:
    """Return why the check fails, in a sentence; None if it passes."""
    path, conclusion = exploration.path, exploration.conclusion
    if breaks is not None:
        is_broken = path is not None and path.broken == breaks
        return None if is_broken else f"{breaks} should have been broken, but: {conclusion}"
    if path is not None:
        return _violation(exploration, path, guard)
    if exploration.stopped is not None:
        return f"{conclusion}; {MEMORY}"
    if exploration.transitions == 0 and not (exploration.over_capacity or exploration.beyond) and depth != 0:
        return NOTHING_HAPPENS
    if exploration.verdict is Verdict.UNKNOWN:
        return f"{conclusion}; {WITNESS}"
    return None


def _violation(exploration: Exploration, path: Path, guard: Guard) -> str:
    if (path.broken, path.steps) == (behaviour.DEADLOCK, ()):
        return NOTHING_HAPPENS
    place = guard.raised_at(path)
    return exploration.conclusion if place is None else f"{exploration.conclusion}, at {place}"


def _partial_result(exploration: Exploration) -> str:
    """Return the result of an interrupted search, in words."""
    e = exploration
    if e.stopped != INTERRUPTED:
        return f"{e.subject}: {e.conclusion}"
    return f"{e.subject}: {e.conclusion}; {counted(e.states, 'state')}, depth {e.depth}, no violation so far"


def _text(system: System, exploration: Exploration, fault: str, note: str) -> str:
    """Return the text of a failure: the fault, then the path, then the note about the saved path."""
    head = "\n".join(wrapped(f"{system.name}: {fault}", _width()))
    if exploration.path is None or fault is NOTHING_HAPPENS:
        return head
    return "\n".join(filter(None, [head, counterexample(system, exploration.path), note]))


def counterexample(system: System, path: Path) -> str:
    """Return the path to a broken promise as it is printed, as wide as the terminal."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    text = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="\n")
    console = TrimmedConsole(file=text, width=_width(), highlight=False, markup=False, emoji=False, color_system=None)
    print_path(console, system, path, hint=False)
    text.seek(0)
    return text.read().rstrip() + "\n"


def _width() -> int:
    try:
        terminal = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ is not None else 0
    except (OSError, ValueError):  # a pipe, or closed
        terminal = 0
    return columns(terminal or None)
