"""The arrays of the search of any network: how they begin, and how they grow."""

from __future__ import annotations

from typing import Any

import numpy as np

from quorate_check.core.system import System, UnusableSystemError
from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.kernel import Shape, Steps, Store
from quorate_check.engine.layout import Ints
from quorate_check.engine.tables import Tables, room

ROWS = 1 << 16  # steps that are asked for between two rounds
MOST_BUDGET_BITS = 62
STATE_ARRAYS = (
    "state_tuple",
    "state_sets",
    "state_used",
    "state_parent",
    "state_covered",
)
SET_ARRAYS = ("set_bits", "set_size", "set_source", "set_renamed")
TUPLE_ARRAYS = ("tuple_nodes", "tuple_members")
# Arrays that grow together, the table of their hashes, how many rows of them are used, and what fills the table.
TABLES = (
    (SET_ARRAYS, "set_table", kernel.SETS, kernel.rehash_sets),
    (TUPLE_ARRAYS, "tuple_table", kernel.TUPLES, kernel.rehash_tuples),
    (STATE_ARRAYS, "state_table", kernel.STATES, kernel.rehash_states),
)
SLOTS = 4  # of a table of hashes for each row that there is room for


class Wiring:
    """Where each message has its bit, and what is known of deliveries to each local state."""

    def __init__(self, system: System, tables: Tables) -> None:
        self.tables, self.nodes = tables, len(system.initial)
        self.words = 1
        self.on_link = np.zeros(self.nodes**2, np.int64)  # how many messages have a place there
        self.place = np.zeros(64, np.int64)
        self.message_at = np.zeros(self.nodes**2 * kernel.BITS, np.int64)
        self.place_count = 1  # message 0 is none
        self.masks = tuple(np.zeros((64, self.nodes**2), np.int64) for _ in range(3))
        # drops and duplicates, the last two, mean nothing where anything may happen to a message
        limits = list(system.limits().values())[:-2]
        bits = [0 if limit is None else max(1, int(limit).bit_length()) for limit in limits]
        if sum(bits) > MOST_BUDGET_BITS:
            raise UnusableSystemError(f"{system.name}: the budgets are too large to be counted; make them smaller")
        self.budget_mask = np.array([(1 << b) - 1 for b in bits], np.int64)
        self.budget_shift = np.cumsum([0, *bits[:-1]]).astype(np.int64) if bits else np.zeros(0, np.int64)
        self.budget_limit = np.array([0 if limit is None else limit for limit in limits], np.int64)

    def place_messages(self) -> bool:
        """Give every new message its bit; return whether links have more words of bits than before."""
        links = self.tables.link[: len(self.tables.messages)]
        self.place = room(self.place, 0, len(links))
        counts = np.bincount(links[self.place_count :], minlength=len(self.on_link))
        words = -(-int((self.on_link + counts).max()) // kernel.BITS)
        wider = words > self.words
        if wider:
            old, self.words = self.words, words
            links_of, bit = np.divmod(self.place, old * kernel.BITS)
            self.place = links_of * self.words * kernel.BITS + bit
            self.message_at = widen(self.message_at.reshape(-1, old * kernel.BITS), self.words * kernel.BITS).ravel()
            self.masks = tuple(widen_words(mask, self.nodes**2, old, self.words) for mask in self.masks)
        for message in range(self.place_count, len(links)):
            link = int(links[message])
            at = link * self.words * kernel.BITS + int(self.on_link[link])
            self.on_link[link] += 1
            self.place[message], self.message_at[at] = at, message
        self.place_count = len(links)
        return wider

    def steps(self) -> Steps:
        """Return what the kernel knows of the system now."""
        t = self.tables
        self.masks = tuple(room(mask, 0, len(t.locals)) for mask in self.masks)
        delivery, change, answer = self.masks
        return Steps(
            t.pairs,
            t.program,
            t.spontaneous,
            t.event_budget,
            self.budget_limit,
            self.budget_shift,
            self.budget_mask,
            t.beyond,
            delivery,
            change,
            answer,
            self.place,
            self.message_at,
            t.rename_local,
            t.rename_message,
            t.permutations,
            t.inverse,
        )

    def shape(self) -> Shape:
        """Return the numbers that stay the same while the kernel runs."""
        t = self.tables
        return Shape(self.nodes, self.words, len(t.events), len(t.group), len(self.budget_mask))


def widen(rows: Ints, width: int) -> Ints:
    """Return rows with zeros behind them."""
    wide = np.zeros((len(rows), width), rows.dtype)
    wide[:, : rows.shape[1]] = rows
    return wide


def widen_words(rows: Ints, nodes: int, old: int, new: int) -> Ints:
    """Return rows of `nodes` times `old` words with `new` words for each of the nodes."""
    wide = np.zeros((len(rows), nodes, new), rows.dtype)
    wide[:, :, :old] = rows.reshape(len(rows), nodes, old)
    return wide.reshape(len(rows), nodes * new)


def empty_store(shape: Shape, size: int = 1 << 12) -> Store:
    """Return a store with room for `size` sets, tuples and states."""

    def ints(*dimensions: int, kind: type = np.int32) -> np.ndarray[Any, Any]:
        return np.zeros(dimensions, kind)

    n = shape.nodes
    return Store(
        set_bits=ints(size, n * shape.words, kind=np.int64),
        set_size=ints(size),
        set_source=ints(size),
        set_renamed=ints(size, max(1, shape.permutations)),
        set_table=ints(SLOTS * size),
        tuple_nodes=ints(size, n),
        tuple_members=ints(size, 3),
        tuple_table=ints(SLOTS * size),
        state_tuple=ints(size),
        state_sets=ints(size, n),
        state_used=ints(size, kind=np.int64),
        state_parent=ints(size),
        state_covered=ints(size, kind=np.uint8),
        state_table=ints(SLOTS * size),
        members=ints(2 * size, kernel.SETS_FROM + n),
        missing=ints(ROWS, 3, kind=np.int64),
        retries=ints(ROWS),
        counts=ints(kernel.COUNTS, kind=np.int64),
    )


def grow(shape: Shape, store: Store) -> Store:
    """Return the store with twice as much room wherever less than a quarter is left."""
    for names, table, count, rehash in TABLES:
        size = len(getattr(store, names[0]))
        if store.counts[count] * 4 > size * 3:
            larger = np.zeros(2 * SLOTS * size, np.int32)
            rehash(shape, store, larger)
            arrays = {name: room(getattr(store, name), 0, 2 * size) for name in names}
            store = store._replace(**arrays, **{table: larger})
    if store.counts[kernel.FULL]:
        store.counts[kernel.FULL] = 0
        store = store._replace(members=room(store.members, 0, 2 * len(store.members)))
    return store


def widen_store(shape: Shape, store: Store, old: int) -> Store:
    """Return the store with as many words of bits for each link as `shape` has, instead of `old`."""
    bits = widen_words(store.set_bits, shape.nodes, old, shape.words)
    table = np.zeros_like(store.set_table)
    store = store._replace(set_bits=bits, set_table=table)
    kernel.rehash_sets(shape, store, table)
    return store


def used_rows(store: Store) -> dict[str, np.ndarray[Any, Any]]:
    """Return what a store holds, and for how many rows there is room, as `store_of` takes it."""
    arrays = {name: getattr(store, name)[: store.counts[count]] for names, _, count, _ in TABLES for name in names}
    rooms = [len(getattr(store, names[0])) for names, *_ in TABLES]
    members = store.members[: store.counts[kernel.MEMBERS]]
    return {**arrays, "members": members, "counts": store.counts, "rooms": np.array([*rooms, len(store.members)])}


def store_of(shape: Shape, rows: dict[str, np.ndarray[Any, Any]]) -> Store:
    """Return the store that holds `rows`, with as much room as the one that they come from."""
    *rooms, members = rows["rooms"].tolist()
    store = empty_store(shape, 1)._replace(counts=rows["counts"], members=with_room(rows["members"], members))
    for (names, table, _, rehash), size in zip(TABLES, rooms, strict=True):
        arrays = {name: with_room(rows[name], size) for name in names}
        store = store._replace(**arrays, **{table: np.zeros(SLOTS * size, np.int32)})
        rehash(shape, store, getattr(store, table))
    return store


def with_room(rows: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Return rows, and zeros behind them up to so many."""
    larger = np.zeros((size, *rows.shape[1:]), rows.dtype)
    larger[: len(rows)] = rows
    return larger
