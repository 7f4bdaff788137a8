"""Long work that somebody watches: it tells how far it has come, and asks whether to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class StoppedError(Exception):
    """The work was asked to end; the text says why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of it is done, in units of `unit`, and the steps that took."""

    done: int
    of: int
    unit: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """`stop` gives a reason to end early; `report` is told how it goes."""

    stop: Callable[[], str | None] = lambda: None
    report: Callable[[Progress], None] = lambda _: None

    def look(self) -> None:
        """StoppedError if there is a reason to end."""
        if (reason := self.stop()) is not None:
            raise StoppedError(reason)


NOBODY = Watch()
