"""What of a system a search came across: how often each event was enabled, and what of the code never ran.

It is counted in distinct pairs of a local state and an event, which a search runs once each: so the step table has all
that is counted, whoever ran the steps, and also after a search was resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from quorate_check.core.path import RoundEnd
from quorate_check.core.system import System
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import Limits
from quorate_check.engine.lines import Lines, Step, lines_of
from quorate_check.engine.unseen import Unseen, unseen_values

if TYPE_CHECKING:
    from quorate_check.engine.tables import Tables

MOST_TEXTS = 12  # of the messages of one class: if they have more, the class gives them its name
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class EventCoverage:
    """How many pairs of a local state and an event of this name were run, and how many of them had an effect.

    A spontaneous event has an effect where it is enabled, a message where it changes the local state or is answered. Of
    pairs that differ only in the names of nodes one counts. `excluded` says that the event's budget is 0.
    """

    name: str
    pairs: int
    effects: int
    is_message: bool
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a system a search came across: the spontaneous events in their order, then the messages by name.

    `lines` and `unseen`, values of fields that were never seen, are None unless `Limits.coverage` asks for them, and if
    the search was interrupted.
    """

    events: tuple[EventCoverage, ...]
    lines: Lines | None = None
    unseen: Unseen | None = None

    @property
    def never_enabled(self) -> tuple[str, ...]:
        """The names of the spontaneous events that were tried, and that no local state enabled."""
        return tuple(e.name for e in self.events if e.pairs and not (e.is_message or e.effects))

    def as_dict(self) -> dict[str, Any]:
        """Return the coverage as JSON values."""
        return {
            "never_enabled": list(self.never_enabled),
            "events": [
                {"name": e.name, "message": e.is_message, "pairs": e.pairs, "with_effect": e.effects}
                for e in self.events
            ],
            "lines": None if self.lines is None else asdict(self.lines),
            "values_never_seen": None if self.unseen is None else {name: list(rest) for name, rest in self.unseen},
        }


def coverage_of(tables: Tables, limits: Limits, stop: Callable[[], str | None]) -> Coverage:
    """Return the coverage of a search, from its step table; `stop` may end it before the lines are known."""
    rows, messages = _rows(tables), tables.messages[1:]
    distinct = _distinct(tables, rows)
    distinct[:, 1] -= distinct[:, 1] > 0  # no message has the id 0
    coverage = Coverage(events_of(tables.system, messages, distinct))
    if not limits.coverage:
        return coverage
    pairs = ((tables.locals[local], tables.event_of(code)) for local, code, _ in rows.tolist())
    return coverage_of_code(coverage, tables.system.step, pairs, [*tables.locals, *messages], stop)


def coverage_of_code(
    coverage: Coverage,
    step: Step,
    pairs: Iterable[tuple[Any, Any]],
    values: Iterable[object],
    stop: Callable[[], str | None],
) -> Coverage:
    """Return `coverage` with what `step` runs for all pairs, and with the values that `values` don't have."""
    return replace(coverage, lines=lines_of(step, pairs, stop), unseen=unseen_values(values))


def events_of(system: System, messages: Sequence[object], rows: Ints) -> tuple[EventCoverage, ...]:
    """Return what was counted of each event; a row for each pair: local state, message or -1 - event, effect."""
    return (*_spontaneous(system, rows), *_arrivals(messages, rows[rows[:, 1] >= 0]))


def _spontaneous(system: System, rows: Ints) -> Iterator[EventCoverage]:
    limits = system.limits()
    for number, each in enumerate(system.spontaneous):
        effects = rows[rows[:, 1] == -1 - number, 2]
        excluded = limits.get(each.budget or "") == 0
        counts = len(effects), int(effects.sum())
        yield EventCoverage(name_of(each.event), *counts, is_message=False, excluded=excluded)


def _arrivals(messages: Sequence[object], rows: Ints) -> Iterator[EventCoverage]:
    ids, arrivals = np.unique(rows[:, 1], return_inverse=True)
    names, kinds = np.unique(_names([messages[number] for number in ids]), return_inverse=True)
    pairs = np.bincount(kinds[arrivals], minlength=len(names)).tolist()
    effects = np.bincount(kinds[arrivals], rows[:, 2], len(names)).astype(np.int64).tolist()
    for name, count, effect_count in zip(names.tolist(), pairs, effects, strict=True):
        yield EventCoverage(name, count, effect_count, is_message=True)


def name_of(event: object) -> str:
    """Return the name of an event: its own text, else that of its class if it has no fields, else its `repr`."""
    if _has_own_text(event) or not is_dataclass(event) or fields(event):
        return _text(event)
    return type(event).__name__


def _rows(tables: Tables) -> Ints:
    """Return a row for each pair that was run: local id, message id or -1 - event, whether it had an effect.

    The end of a round is the same event at every node.
    """
    places = tables.spontaneous[: len(tables.locals)]
    locals_, numbers = np.nonzero(places >= 0)
    own = np.column_stack([locals_, -1 - numbers, places[locals_, numbers] > 0])
    keys, at = tables.pairs.reshape(-1, 2)[tables.pairs[::2] != 0].T
    before = (keys - 1) >> 32
    unchanged = (tables.program[at] == 1) & (tables.program[at + 1] == before) & (tables.program[at + 2] == 0)
    codes = (keys - 1) & 0xFFFFFFFF
    codes = np.where(tables.is_round_end[codes] != 0, tables.round_ends[:1].sum(), codes)
    arrivals = np.column_stack([before, codes, (at > 0) & ~unchanged])
    return np.concatenate([own, arrivals]).astype(np.int64)


def _distinct(tables: Tables, rows: Ints) -> Ints:
    """Return one of all rows that differ only in the names of nodes."""
    least = _keys(rows[:, 0], rows[:, 1])
    for rename_local, rename_message in zip(tables.rename_local, tables.rename_message, strict=True):
        codes = np.where(rows[:, 1] < 0, rows[:, 1], rename_message[np.maximum(rows[:, 1], 0)])
        least = np.minimum(least, _keys(rename_local[rows[:, 0]].astype(np.int64), codes))
    return rows[np.unique(least, return_index=True)[1]]


def _keys(locals_: Ints, codes: Ints) -> Ints:
    return (locals_ << 32) + codes


def _names(messages: Sequence[object]) -> list[str]:
    """Return the name of each message's kind: its own text if those of its class are few, else its class's name."""
    texts = dict[type, set[str]]()
    names = ["end of a round" if isinstance(m, RoundEnd) else _own_text(m) for m in messages]
    for message, name in zip(messages, names, strict=True):
        texts.setdefault(type(message), set()).add(name)
    return [
        name if len(texts[type(message)]) <= MOST_TEXTS else type(message).__name__
        for message, name in zip(messages, names, strict=True)
    ]


def _own_text(message: object) -> str:
    """Return the text of a message if it has one of its own, that of the first part of a tuple, or its class's name."""
    if type(message) is tuple and message and isinstance(message[0], str):
        return _text(message[0])
    return _text(message) if _has_own_text(message) else type(message).__name__


def _has_own_text(value: object) -> bool:
    return isinstance(value, str) or type(value).__str__ is not object.__str__


def _text(value: object) -> str:
    """Return a text of a value in one line, or the name of its class if that can't be made."""
    try:
        return " ".join(str(value).split())[:LONGEST_NAME]
    except Exception:  # noqa: BLE001 - the subject's own class
        return type(value).__name__
