"""Useless messages: those that are left out of what the nodes of a state have sent, for nothing comes of them.

A message is *idle* at a local state if every local state that its receiver can still reach stays as it is when it
arrives, and *silent* if nothing is sent then either. It is *useless* in a state if it is idle where its receiver
stands, and all that it may still be answered by is silent where that arrives.

That is exact for tuples of local states. Beside each state of the whole search there is one of the reduced search with
the same local states, no more of any budget used, and all that was sent but for useless messages. A step that delivers
one of those changes no local state, and what it sends is useless as well; every other step is possible in both. They
stay useless, because what a node can still reach never grows on its way.

"Can still reach" is by the local steps that have been run. So a search counts only if, at its end, all that it took for
useless still is; otherwise it is begun again, knowing those steps. What it met before can happen nevertheless: not
enough was searched, and nothing too much.

The deliveries that are left out are steps, and steps are judged, too. So each is tried here, under every name of the
nodes: a message that would break a promise of steps, show a witness, raise, or do something else under another name
isn't idle there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from quorate_check.engine.any_network import futures, kernel
from quorate_check.engine.any_network.memory import Wiring, widen_words
from quorate_check.engine.any_network.shared import SharedTables
from quorate_check.engine.layout import Ints
from quorate_check.engine.tables import room

FIRST_SLOTS = 1 << 12
FIRST_ROWS = 1 << 8


def empty_arrays(width: int, locals_: int, slots: int, rows: int) -> kernel.Useless:
    """Return that nothing is known, of `locals_` local states and `width` words of messages."""
    masks: dict[str, Any] = {name: np.zeros((locals_, width), np.int64) for name in futures.MASKS}
    return kernel.Useless(
        **masks,
        dirty=np.zeros(locals_, np.uint8),
        fresh=np.zeros(locals_, np.uint8),
        answer_of=np.zeros(2 * slots, np.int64),
        answers=np.zeros((rows, width), np.int64),
        span=np.zeros((rows, 2), np.int64),
        numbers=np.zeros(4 * rows, np.int64),
        row=np.zeros(width, np.int64),
        counts=np.array([1, 0, 0], np.int64),
    )


def has_room(arrays: kernel.Useless, more: int) -> bool:
    """Whether so many answers can be entered."""
    rows, keys, _ = arrays.counts.tolist()
    return bool(rows + more < len(arrays.answers) and 4 * (keys + more) < len(arrays.answer_of))


class Useless:
    """What is known of messages at local states, as far as the kernel asked; `arrays` is what it reads."""

    def __init__(self, tables: SharedTables, wiring: Wiring) -> None:
        self.tables, self.wiring = tables, wiring
        width = wiring.nodes**2 * wiring.words
        self.arrays = empty_arrays(width, 64, FIRST_SLOTS, FIRST_ROWS)
        self._sources, self._targets = np.empty(0, np.int64), np.empty(0, np.int64)  # local steps that change something
        self._steps = 0  # of `tables.changes` that are in these

    def decide(self, place: Callable[[], None]) -> None:
        """Say of all that the kernel asked for what its deliveries may bring; `place` gives new messages their bits."""
        self._make_room()
        self._learn()
        while True:
            self._settle()
            futures.spread(self._sources, self._targets, self.tables.beyond, self.arrays)
            if not len(pairs := self._new_pairs()):
                break
            self._enter(pairs, place)
        self._settle()
        self.arrays.decided[:] = self.arrays.wanted

    def stands(self) -> bool:
        """Whether all that was taken for useless since the search began still is."""
        return not self.arrays.counts[futures.REVISIONS]

    def begin_again(self) -> None:
        """Take what is known now for granted, until steps that are run say otherwise."""
        self.arrays.counts[futures.REVISIONS] = 0

    def restore(self, arrays: dict[str, Any]) -> None:
        """Know what another process knew, by the steps that have been run."""
        self._make_room()
        self._learn()
        self.arrays = kernel.Useless(**arrays)

    def widen(self, old: int) -> None:
        """Have as many words of bits for each link as the wiring, instead of `old`."""
        links, new = self.wiring.nodes**2, self.wiring.words
        wide = {name: widen_words(getattr(self.arrays, name), links, old, new) for name in futures.MASKS}
        answers, numbers = widen_words(self.arrays.answers, links, old, new), np.zeros_like(self.arrays.numbers)
        row = np.zeros(links * new, np.int64)
        self.arrays = self.arrays._replace(**wide, answers=answers, numbers=numbers, row=row)
        futures.number_again(self.arrays)

    def _make_room(self) -> None:
        count = len(self.tables.locals)
        names = (*futures.MASKS, "dirty", "fresh")
        self.arrays = self.arrays._replace(**{name: room(getattr(self.arrays, name), 0, count) for name in names})

    def _learn(self) -> None:
        """Take in the local steps that have been run since: what a node can still reach may have grown."""
        steps = np.array(self.tables.changes[self._steps :], np.int64).reshape(-1, 2)
        self._steps += len(steps)
        if not len(steps):
            return
        rename = self.tables.rename_local
        before, after = (rename[:, ids].ravel().astype(np.int64) if len(rename) else ids for ids in steps.T)
        self.arrays.dirty[after] = 1
        keys = np.unique(np.concatenate([self._sources << 32 | self._targets, before << 32 | after]))
        self._sources, self._targets = keys >> 32, keys & ((1 << 32) - 1)

    def _new_pairs(self) -> Ints:
        """Return what is wanted and hasn't been entered, as rows of local and message id."""
        pairs, at = np.zeros((1 << 10, 2), np.int64), self.wiring.message_at
        while (count := int(futures.list_new(self.arrays, at, pairs))) > len(pairs):
            pairs = np.zeros((count, 2), np.int64)
        return pairs[:count]

    def _enter(self, pairs: Ints, place: Callable[[], None]) -> None:
        """Try deliveries, rows of local and message id, and enter what comes of them under every name."""
        t = self.tables
        keys = pairs[:, 0] << 32 | pairs[:, 1]
        if len(t.group):
            keys = (t.rename_local[:, pairs[:, 0]].astype(np.int64) << 32 | t.rename_message[:, pairs[:, 1]]).min(
                axis=0
            )
        distinct = np.unique(keys)
        facts, answers = np.zeros((len(distinct), 4), np.int64), list[int]()
        rows = np.stack([distinct >> 32, distinct & ((1 << 32) - 1)], axis=1)
        for row, ((local, message), outcomes) in enumerate(zip(rows.tolist(), t.idle(rows), strict=True)):
            first = len(answers)
            answers += {m for outcome in outcomes or () for m in outcome}
            facts[row] = local, message, outcomes is None, len(answers) - first
        place()
        self._make_room()
        names = max(1, len(t.group))
        while not has_room(self.arrays, names * len(distinct)):
            self._grow()
        futures.enter(
            facts, np.array(answers, np.int64), names, self.wiring.place, t.rename_local, t.rename_message, self.arrays
        )

    def _settle(self) -> None:
        while not futures.settle(self._sources, self._targets, self.wiring.message_at, self.arrays):
            self._grow()

    def _grow(self) -> None:
        """Double the tables of answers."""
        old, size = self.arrays.answer_of, 2 * len(self.arrays.answers)
        self.arrays = self.arrays._replace(
            answers=room(self.arrays.answers, 0, size),
            span=room(self.arrays.span, 0, size),
            numbers=np.zeros(4 * size, np.int64),
            answer_of=np.zeros(2 * len(old), np.int64),
        )
        futures.number_again(self.arrays)
        futures.enter_again(self.arrays, old)
