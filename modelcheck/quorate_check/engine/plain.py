"""The reference search, with the coverage that the compiled searches have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from quorate_check.core import reference
from quorate_check.core.behaviour import outcomes
from quorate_check.core.path import RoundEnd
from quorate_check.core.system import Defer, Deliver, Outcome, System
from quorate_check.core.values import Numbers, same
from quorate_check.core.verdict import Exploration
from quorate_check.engine.coverage import Coverage, coverage_of_code, events_of

ROUND_END = RoundEnd(0)  # stands for that of any node


def explore(
    system: System, *, depth: int | None = None, stop: Callable[[], str | None] = lambda: None, coverage: bool = False
) -> Exploration:
    """Search `system` in plain Python, as `core/reference.py` does."""
    record = _Record(system)
    exploration = reference.explore(replace(system, step=record.step), depth=depth, stop=stop)
    rows = np.array(record.rows(), np.int64).reshape(-1, 3)
    result = Coverage(events_of(system, record.messages.values, rows))
    if coverage:
        values = [*record.locals.values, *record.messages.values]
        result = coverage_of_code(result, system.step, record.pairs(), values, stop)
    return replace(exploration, coverage=result)


class _Record:
    """Notes the distinct pairs of a local state and an event that a search runs, and which had an effect."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.locals, self.messages = Numbers(), Numbers()
        self._events = Numbers(*(each.event for each in system.spontaneous))
        self._effects: dict[tuple[int, int], bool] = {}

    def step(self, local: Any, event: Any) -> Iterable[Outcome | Defer]:  # noqa: ANN401 - the subject's own
        """Return what the system's own step function answers."""
        pair = self.locals.of(local), self._code(event)
        self._effects.setdefault(pair, False)
        answers = tuple(self._system.step(local, event))
        arrives = pair[1] >= 0
        results = outcomes(self._system, local, event, answers, arrives=arrives)
        changes = len(results) != 1 or bool(results[0].messages) or not same(results[0].local, local)
        self._effects[pair] = bool(results) and (changes or not arrives)
        return answers

    def _code(self, event: object) -> int:
        if isinstance(event, Deliver):
            return self.messages.of(event.message)
        number = self._events.get(event)
        return self.messages.of(ROUND_END) if number is None else -1 - number

    def rows(self) -> list[tuple[int, int, int]]:
        """Return for each pair: the number of the local state, that of the message or -1 - event, the effect."""
        return [(*pair, int(effect)) for pair, effect in self._effects.items()]

    def pairs(self) -> list[tuple[Any, Any]]:
        """Return the pairs themselves."""
        return [(self.locals.values[local], self._event(code)) for local, code in self._effects]

    def _event(self, code: int) -> Any:  # noqa: ANN401 - the subject's own
        if code < 0:
            return self._events.values[-1 - code]
        message = self.messages.values[code]
        return self._system.network.round_end if isinstance(message, RoundEnd) else Deliver(message)
