"""The options of a test run: they hold for each `check` that isn't given its own.

It stands alone because the pytest plugin is loaded in runs that check nothing, and shouldn't cost them anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from quorate_check.core.path import Path
    from quorate_check.core.system import System
    from quorate_check.core.verdict import Exploration

Engine = Literal["compiled", "reference"]


@dataclass(frozen=True, slots=True)
class Options:
    """The most steps of every search; threads, GiB and engine of a search that isn't given its own.

    With `full` every search is whole, its states included that messages without effect, or used budgets, tell apart.

    `show` is given a search's progress line, and an empty one at its end. `record` is given each result. `keep` is
    given the path of each violation, and returns a note for the failure's text.
    """

    depth: int | None = None
    workers: int | None = None
    memory: float | None = None
    engine: Engine | None = None
    full: bool = False
    show: Callable[[str], None] = lambda _line: None
    record: Callable[[System, Exploration], None] = lambda _system, _exploration: None
    keep: Callable[[System, Path], str] = lambda _system, _path: ""


class Current:
    """The options of the run that goes on."""

    options = Options()
