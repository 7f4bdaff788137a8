"""The step table as it goes to other processes: whole where it has grown, else what has changed.

The processes that hold states know no system: no step function, no local state and no message, only arrays of integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from quorate_check.engine import kernel
from quorate_check.engine.layout import Layout
from quorate_check.engine.tables import Tables
from quorate_check.engine.useless import Useless

Array = np.ndarray[Any, Any]
Change = tuple[Array | None, Array]  # at which places of the flattened array, None for all of it, and the values there

ARRAYS = (
    *("pairs", "program", "spontaneous", "event_budget", "budget_limit", "beyond", "destination", "link"),
    *("is_round_end", "round_ends", "permutations", "inverse", "permutation_of", "mates", "mate_before", "mate_count"),
    *("rename_local", "rename_message", "orbit", "view_of", "done", "quiet"),
)
USELESS = ("table", "answers")


@dataclass(frozen=True, slots=True)
class News:
    """What a table has more than before, by the names of its arrays, and the layout that goes with it."""

    changes: dict[str, Change]
    layout: Layout

    @property
    def size(self) -> int:
        """How many bytes of arrays these are."""
        return sum(sum(part.nbytes for part in change if part is not None) for change in self.changes.values())


class Sender:
    """Knows what the others know of a step table, and so what they don't."""

    def __init__(self) -> None:
        self._copies: dict[str, Array] = {}

    def news(self, tables: Tables, useless: Useless | None, layout: Layout) -> News:
        """Return what has changed since the last time."""
        arrays = {name: getattr(tables, name) for name in ARRAYS}
        if useless is not None:
            arrays |= {name: getattr(useless.arrays, name) for name in USELESS}
        changes = dict[str, Change]()
        for name, array in arrays.items():
            before = self._copies.get(name)
            if before is None or before.shape != array.shape:
                changes[name] = None, array.copy()
            elif len(places := np.flatnonzero(before != array)):
                changes[name] = places.astype(np.int32), array.reshape(-1)[places]
            else:
                continue
            self._copies[name] = array.copy()
        return News(changes, layout)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a shard has to know of properties: over which nodes each is judged, and how large their keys are."""

    groups: int
    overs: Array
    key_words: int
    per_state: int
    nodes: int

    @staticmethod
    def of(tables: Tables) -> Shape:
        """Return that of a system's properties."""
        judge = tables.judge
        return Shape(len(judge.groups), judge.overs, judge.key_words, judge.per_state, judge.nodes)


class Receiver:
    """The arrays of a step table that another process keeps."""

    def __init__(self, shape: Shape) -> None:
        judge = SimpleNamespace(
            groups=range(shape.groups),
            overs=shape.overs,
            key_words=shape.key_words,
            per_state=shape.per_state,
            nodes=shape.nodes,
        )
        self._table = SimpleNamespace(judge=judge)
        self._useless: SimpleNamespace | None = None

    @property
    def tables(self) -> Tables:
        """The table as the kernels' callers take it: they read arrays, and how properties are judged."""
        return cast("Tables", self._table)

    @property
    def useless(self) -> Useless | None:
        """What is known of useless messages, None if the search leaves none out."""
        return cast("Useless | None", self._useless)

    def take(self, news: News) -> None:
        """Know what `news` says."""
        for name, (places, values) in news.changes.items():
            if places is None:
                setattr(self._table, name, np.array(values))
            else:
                getattr(self._table, name).reshape(-1)[places] = values
        if "table" in vars(self._table):
            arrays = kernel.Useless(*(getattr(self._table, name) for name in USELESS))
            self._useless = self._useless or SimpleNamespace()
            self._useless.arrays = arrays
