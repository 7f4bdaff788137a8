"""Progress and interruption of long work: `Watch` receives reports, and can end the work early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class StoppedError(Exception):
    """A Watch had a reason to end the work early; the text is the reason."""


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """The progress of some work: `done` of `total` units, each a `unit`, and the number of steps so far."""

    done: int
    total: int
    unit: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """`stop` returns a reason to end early, else None; `report` receives the progress."""

    stop: Callable[[], str | None] = lambda: None
    report: Callable[[WorkProgress], None] = lambda _: None

    def check(self) -> None:
        """Raise StoppedError if `stop` returns a reason."""
        if (reason := self.stop()) is not None:
            raise StoppedError(reason)


NO_WATCH = Watch()
