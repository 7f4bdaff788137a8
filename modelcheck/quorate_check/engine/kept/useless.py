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

from quorate_check.engine.kept import futures, kernel
from quorate_check.engine.kept.memory import Wiring, widened_words
from quorate_check.engine.kept.shared import SharedTables
from quorate_check.engine.layout import Ints
from quorate_check.engine.tables import room

FIRST_SLOTS = 1 << 12
FIRST_ROWS = 1 << 8


def nothing_known(width: int, locals_: int, slots: int, rows: int) -> kernel.Useless:
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


def has_room(known: kernel.Useless, more: int) -> bool:
    """Whether so many answers can be entered."""
    rows, keys, _ = known.counts.tolist()
    return bool(rows + more < len(known.answers) and 4 * (keys + more) < len(known.answer_of))


class Useless:
    """What is known of messages at local states, as far as the kernel asked; `known` is what it reads."""

    def __init__(self, tables: SharedTables, wiring: Wiring) -> None:
        self.tables, self.wiring = tables, wiring
        width = wiring.nodes**2 * wiring.words
        self.known = nothing_known(width, 64, FIRST_SLOTS, FIRST_ROWS)
        self._before, self._after = np.empty(0, np.int64), np.empty(0, np.int64)  # local steps that change something
        self._steps = 0  # of `tables.changes` that are in these

    def decide(self, place: Callable[[], None]) -> None:
        """Say of all that the kernel asked for what its deliveries may bring; `place` gives new messages their bits."""
        self._make_room()
        self._learn()
        while True:
            self._settle()
            futures.spread(self._before, self._after, self.tables.beyond, self.known)
            if not len(pairs := self._untried()):
                break
            self._enter(pairs, place)
        self._settle()
        self.known.decided[:] = self.known.wanted

    def stands(self) -> bool:
        """Whether all that was taken for useless since the search began still is."""
        return not self.known.counts[futures.REVISED]

    def begin_again(self) -> None:
        """Take what is known now for granted, until steps that are run say otherwise."""
        self.known.counts[futures.REVISED] = 0

    def restore(self, arrays: dict[str, Any]) -> None:
        """Know what another process knew, by the steps that have been run."""
        self._make_room()
        self._learn()
        self.known = kernel.Useless(**arrays)

    def widen(self, old: int) -> None:
        """Have as many words of bits for each link as the wiring, instead of `old`."""
        links, new = self.wiring.nodes**2, self.wiring.words
        wide = {name: widened_words(getattr(self.known, name), links, old, new) for name in futures.MASKS}
        answers, numbers = widened_words(self.known.answers, links, old, new), np.zeros_like(self.known.numbers)
        row = np.zeros(links * new, np.int64)
        self.known = self.known._replace(**wide, answers=answers, numbers=numbers, row=row)
        futures.number_again(self.known)

    def _make_room(self) -> None:
        count = len(self.tables.locals)
        names = (*futures.MASKS, "dirty", "fresh")
        self.known = self.known._replace(**{name: room(getattr(self.known, name), 0, count) for name in names})

    def _learn(self) -> None:
        """Take in the local steps that have been run since: what a node can still reach may have grown."""
        steps = np.array(self.tables.changes[self._steps :], np.int64).reshape(-1, 2)
        self._steps += len(steps)
        if not len(steps):
            return
        rename = self.tables.rename_local
        before, after = (rename[:, ids].ravel().astype(np.int64) if len(rename) else ids for ids in steps.T)
        self.known.dirty[after] = 1
        keys = np.unique(np.concatenate([self._before << 32 | self._after, before << 32 | after]))
        self._before, self._after = keys >> 32, keys & ((1 << 32) - 1)

    def _untried(self) -> Ints:
        """Return what is wanted and hasn't been entered, as rows of local and message id."""
        pairs, at = np.zeros((1 << 10, 2), np.int64), self.wiring.message_at
        while (count := int(futures.unentered(self.known, at, pairs))) > len(pairs):
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
        tried = np.unique(keys)
        facts, answers = np.zeros((len(tried), 4), np.int64), list[int]()
        rows = np.stack([tried >> 32, tried & ((1 << 32) - 1)], axis=1)
        for row, ((local, message), sent) in enumerate(zip(rows.tolist(), t.idle(rows), strict=True)):
            first = len(answers)
            answers += {m for outcome in sent or () for m in outcome}
            facts[row] = local, message, sent is None, len(answers) - first
        place()
        self._make_room()
        names = max(1, len(t.group))
        while not has_room(self.known, names * len(tried)):
            self._grow()
        futures.enter(
            facts, np.array(answers, np.int64), names, self.wiring.place, t.rename_local, t.rename_message, self.known
        )

    def _settle(self) -> None:
        while not futures.settle(self._before, self._after, self.wiring.message_at, self.known):
            self._grow()

    def _grow(self) -> None:
        """Double the tables of answers."""
        old, size = self.known.answer_of, 2 * len(self.known.answers)
        self.known = self.known._replace(
            answers=room(self.known.answers, 0, size),
            span=room(self.known.span, 0, size),
            numbers=np.zeros(4 * size, np.int64),
            answer_of=np.zeros(2 * len(old), np.int64),
        )
        futures.number_again(self.known)
        futures.enter_again(self.known, old)
