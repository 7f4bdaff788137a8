"""Progress and interruption of long work: `Watch` receives reports, and can end the work early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class StoppedError(Exception):
    """The work was asked to end; the text says why."""


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """The finished part of some work, in units of `unit`, and its steps."""

    done: int
    of: int
    unit: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """`stop` returns a reason to end early, else None; `report` receives the progress."""

    stop: Callable[[], str | None] = lambda: None
    report: Callable[[WorkProgress], None] = lambda _: None

    def look(self) -> None:
        """Raise StoppedError if there is a reason to end."""
        if (reason := self.stop()) is not None:
            raise StoppedError(reason)


NOBODY = Watch()
