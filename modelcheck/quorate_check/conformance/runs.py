"""The parts that the conformance checks of all protocols share: runs, the promise, and the names of actions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

from quorate_check.conformance.sequences import CONFORMS
from quorate_check.core.invariants import StepInvariant

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class NamedBounds(Generic[B]):
    """The bounds of one exploration of a conformance check, and its name."""

    name: str
    bounds: B


def names_of_actions(actions: ModuleType) -> tuple[str, ...]:
    """Return the names of a specification's actions in Python, in their order there."""
    own = (v for v in vars(actions).values() if inspect.isfunction(v) and v.__module__ == actions.__name__)
    return tuple(f.__name__ for f in own)


def promise(holds: Callable[[Any, Any, Any, tuple[Any, ...]], bool]) -> StepInvariant:
    """Return the promise that the specification explains each local step, as `holds` judges."""
    return StepInvariant(CONFORMS, "every local step is a sequence of steps of the specification", holds)
