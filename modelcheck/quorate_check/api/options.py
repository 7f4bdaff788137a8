"""The options of a test run, which are the defaults of each `check`.

This module imports nothing of ours, because the pytest plugin is loaded in every run, also in those that check nothing.
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
    """The most steps of every search, and the defaults of its threads (`workers`), `memory` in GiB and engine.

    With `full` every search is whole: messages without effect and used budgets, too, tell its states apart.
    With `coverage` each result has the coverage of the code as well.

    `show` receives a search's progress line, and an empty one at its end. `record` receives each result. `keep`
    receives the path of each violation, and returns a note for the failure's text.
    """

    depth: int | None = None
    workers: int | None = None
    memory: float | None = None
    engine: Engine | None = None
    full: bool = False
    coverage: bool = False
    show: Callable[[str], None] = lambda _line: None
    record: Callable[[System, Exploration], None] = lambda _system, _exploration: None
    keep: Callable[[System, Path], str] = lambda _system, _path: ""


class Current:
    """The options of the current test run."""

    options = Options()
