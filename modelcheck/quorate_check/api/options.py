"""What holds for every check of a run, where a check doesn't say: set by who starts the run, used by `checking.py`.

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
    """The most steps of every search; threads, GiB and engine of those that don't say.

    `show` is given a line that says how a search goes, and an empty one when it has ended. `tell` hears of each search.
    `keep` is given the path of each violation, and returns what to say of that.
    """

    depth: int | None = None
    workers: int | None = None
    memory: float | None = None
    engine: Engine | None = None
    show: Callable[[str], None] = lambda _line: None
    tell: Callable[[System, Exploration], None] = lambda _system, _exploration: None
    keep: Callable[[System, Path], str] = lambda _system, _path: ""


class Current:
    """The options that hold now."""

    options = Options()
