"""The protocols of this project: their systems by name, and the searches of the default check.

Each protocol registers them in `registered.py` of its folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from quorate_check.api.naming import named_system
from quorate_check.api.witnesses import search_for_witness
from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.tell.report import Bounds, SomeBounds
from quorate_check.tell.saved import SavedPath

FOLDERS = ("raft", "bft", "store")  # to add a protocol: its folder, and its name here


class SearchBounds(SomeBounds, Protocol):
    """Bounds that can make their system."""

    @property
    def claim(self) -> str | None:
        """What the bounds allow, in words, where their numbers alone don't say it; else None."""
        ...

    def system(self) -> System:
        """Return the system within these bounds."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A system that has a name.

    `system` makes it from the bounds in a saved path; it raises KeyError, TypeError or ValueError if they aren't its
    bounds. `picture` returns the system and the path to draw instead of a path. `test` returns the text of a regression
    test that needs no checker, from the saved path, the path and a sentence; None if there is none for this path.
    """

    name: str
    system: Callable[[dict[str, Any]], System]
    picture: Callable[[Path], tuple[System, Path]] | None = None
    test: Callable[[SavedPath, Path, str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class DefaultRun:
    """One search of the default check; `purpose` says what this search alone covers.

    It is `reduced`, without useless messages, where the search is quicker so: they have to be found out first.
    """

    name: str
    purpose: str
    bounds: SearchBounds
    reduced: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """What a protocol's folder registers: its systems, and its searches of the default check."""

    subjects: tuple[Subject, ...]
    default_check: tuple[DefaultRun, ...] = ()


@cache
def registered(folder: str) -> Registered:
    """Return what the folder of a protocol registers."""
    registration = import_module(f"quorate_check.{folder}.registered").REGISTERED
    assert isinstance(registration, Registered)
    return registration


def default_check() -> tuple[DefaultRun, ...]:
    """Return the searches of the default check."""
    return tuple(run for folder in FOLDERS for run in registered(folder).default_check)


def subjects() -> Iterator[Subject]:
    """Yield every system that has a name."""
    for folder in FOLDERS:
        yield from registered(folder).subjects


def subject(name: str) -> Subject | None:
    """Return the subject called `name`, None if there is none."""
    return next((entry for entry in subjects() if entry.name == name), None)


def system_of(saved: SavedPath) -> System:
    """Return the system of a saved path, made from the current code; raise UnusableSystemError if there is none."""
    system = _made_of(saved)
    return search_for_witness(system, saved.broken) if saved.reached else system


def _made_of(saved: SavedPath) -> System:
    if ":" in saved.subject:
        return named_system(saved.subject)
    if subject(saved.subject) is None:
        names = ", ".join((*(each.name for each in subjects()), "and systems that are named as module:attribute"))
        raise UnusableSystemError(f"the path is one of {saved.subject!r}, which can't be replayed; {names}, can")
    return system_within(saved.subject, saved.bounds)


def system_within(name: str, bounds: Bounds) -> System:
    """Return the system of the subject called `name` within bounds; raise UnusableSystemError if they aren't its."""
    entry = subject(name)
    assert entry is not None, name
    wrong = f"these aren't bounds of {name}"
    try:
        return entry.system(dict(bounds))
    except UnusableSystemError:
        raise
    except KeyError as error:
        raise UnusableSystemError(f"{wrong}: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise UnusableSystemError(f"{wrong}: {error}") from error


def picture_of(system: System, path: Path) -> tuple[System, Path]:
    """Return the system and the path to draw instead of `path`; for most systems these are its own."""
    entry = subject(system.name)
    return (system, path) if entry is None or entry.picture is None else entry.picture(path)
