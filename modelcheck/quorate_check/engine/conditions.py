"""Conditions on stored states: what nodes and messages in flight show, each distinct combination judged once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quorate_check.core.invariants import Condition
from quorate_check.core.path import RoundEnd
from quorate_check.core.values import Numbers
from quorate_check.engine.layout import Ints, Layout
from quorate_check.engine.tables import Tables

Bools = npt.NDArray[np.bool_]
MOST_CODES = 1 << 62  # of rows; more don't fit into 64 bits


def fields(words: Ints, at: Layout, first: int, last: int) -> Ints:
    """Return some fields of packed states, a column each."""
    columns = slice(first, last)
    return (words[:, at.word[columns]] >> at.shift[columns]) & at.mask[columns]


def locals_in(words: Ints, at: Layout, tables: Tables) -> Ints:
    """Return the ids of the nodes in packed states, a row each."""
    return fields(words, at, 0, len(tables.initial))


def flights_in(words: Ints, at: Layout, tables: Tables) -> Ints:
    """Return the ids of the messages in flight in packed states, a row each; 0 is an empty slot."""
    first = len(tables.initial) + 1
    return fields(words, at, first, first + tables.system.network.capacity)


class Truth:
    """Says in which packed states a condition is true."""

    def __init__(self, tables: Tables, condition: Condition) -> None:
        self.tables, self.condition = tables, condition
        self.views, self.messages = Numbers(), Numbers(None)  # what shows None has number 0, as an empty slot has
        self.view_of: list[int] = []
        self.message_of = [0]
        self.answers = dict[tuple[int, ...], bool]()

    def of(self, words: Ints, at: Layout) -> Bools:
        """Return whether the condition is true in each of the states whose words are rows."""
        columns = self._view_numbers()[locals_in(words, at, self.tables)]
        if self.condition.message_view is not None:
            numbers = self._message_numbers()[flights_in(words, at, self.tables)]
            columns = np.hstack([columns, np.sort(numbers, axis=1)])
        _, some, place = np.unique(_codes(columns), return_index=True, return_inverse=True)
        truth = np.array([self._answer(tuple(row)) for row in columns[some].tolist()], np.bool_)
        result: Bools = truth[place]
        return result

    def _view_numbers(self) -> Ints:
        locals_ = self.tables.locals[len(self.view_of) :]
        self.view_of += [self.views.of(self.condition.view(local)) for local in locals_]
        return np.array(self.view_of, np.int64)

    def _message_numbers(self) -> Ints:
        look = self.condition.message_view
        assert look is not None
        for message in self.tables.messages[len(self.message_of) :]:
            self.message_of.append(0 if isinstance(message, RoundEnd) else self.messages.of(look(message)))
        return np.array(self.message_of, np.int64)

    def _answer(self, row: tuple[int, ...]) -> bool:
        if row not in self.answers:
            n = len(self.tables.initial)
            flight: frozenset[Any] | None = None
            if self.condition.message_view is not None:
                flight = frozenset(self.messages.values[number] for number in row[n:] if number)
            self.answers[row] = self.condition.of_views(tuple(self.views.values[number] for number in row[:n]), flight)
        return self.answers[row]


def _codes(rows: Ints) -> Ints:
    """Return a number for each row of numbers, the same for equal rows only: many times faster to sort than rows."""
    codes, size = np.zeros(len(rows), np.int64), 1
    for column in rows.T:
        width = int(column.max(initial=0)) + 1
        if size * width > MOST_CODES:
            distinct, codes = np.unique(codes, return_inverse=True)
            size = len(distinct)
        codes, size = codes * width + column, size * width
    return codes
