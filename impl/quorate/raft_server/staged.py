"""Writes the pieces of a snapshot before the write that makes them valid, and removes old ones after it.

Each piece is written in a small transaction of its own, between other writes, and no acknowledgement depends on it.
Invalid pieces and entries are removed gradually, or when the database is opened.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from zlib import crc32

from quorate.raft.messages import Snapshot
from quorate.runtime.interfaces import DiskFullError
from quorate.runtime.storage_errors import StorageError
from quorate.runtime.transactions import Transactions

_PIECE_BYTES: Final = 1 << 20
_PIECES_AT_ONCE: Final = 8  # removed in one transaction
_ENTRIES_AT_ONCE: Final = 2_048


@dataclass(frozen=True, slots=True)
class Pieces:
    """The numbers of a snapshot's first and last piece, and the CRC-32 of its data."""

    first: int
    last: int
    crc: int


@dataclass(frozen=True, slots=True)
class Counting:
    """The valid part of the database: the pieces from `first` to `last`, the entries after `index`, and its digest."""

    first: int
    last: int
    index: int
    content: int


class Staging:
    """Writes and removes pieces; `counting` is called in the writing thread, between two writes."""

    def __init__(self, transactions: Transactions, counting: Callable[[], Counting]) -> None:
        """Begin without a staged snapshot."""
        self._transactions = transactions
        self._connection = transactions.connection
        self._counting = counting
        ((greatest,),) = self._connection.execute("SELECT coalesce(max(number), 0) FROM piece").fetchall()
        self._next = max(int(greatest), counting().last) + 1  # invalid pieces may have higher numbers than valid ones
        self._staged: tuple[Snapshot, Pieces] | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._turn = asyncio.Lock()

    def find(self, snapshot: Snapshot) -> Pieces | None:
        """Return the pieces of this very object if it was staged, else None."""
        return self._staged[1] if self._staged is not None and self._staged[0] is snapshot else None

    def put(self, snapshot: Snapshot) -> Pieces:
        """Write all pieces of a snapshot in the current transaction."""
        pieces, crc = _cut(snapshot), 0
        first = self._reserve(len(pieces))
        for number, piece in enumerate(pieces, first):
            self._put_one(number, piece)
            crc = crc32(piece, crc)
        return Pieces(first, first + len(pieces) - 1, crc)

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Write the pieces of a snapshot one by one."""
        return self._begin(partial(self._stage, snapshot))

    def tidy(self) -> None:
        """Begin to remove invalid pieces and entries, if the disk has room for that."""

        async def tidy() -> None:
            # The next write reports what is wrong with the disk.
            with suppress(DiskFullError, StorageError):
                await self._tidy()

        self._begin(tidy)

    def close(self) -> None:
        """Stop; the next start removes the rest."""
        for task in self._tasks:
            if not task.get_loop().is_closed():
                task.cancel()

    def _begin(self, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        async def in_turn() -> None:
            async with self._turn:
                await work()

        task = asyncio.get_running_loop().create_task(in_turn())
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    async def _stage(self, snapshot: Snapshot) -> None:
        self._staged = None
        try:
            await self._tidy()
            self._staged = snapshot, await self._put_one_by_one(snapshot)
        except DiskFullError:
            self.tidy()  # what others wait for may need no more than the room of these pieces
            raise

    async def _put_one_by_one(self, snapshot: Snapshot) -> Pieces:
        pieces, first, crc = _cut(snapshot), 0, 0

        def begin() -> None:  # in the writing thread, in which all numbers are assigned
            nonlocal first
            first = self._reserve(len(pieces))

        await self._in_background(begin)
        for number, piece in enumerate(pieces, first):
            await self._in_background(partial(self._put_one, number, piece))
            crc = crc32(piece, crc)
        return Pieces(first, first + len(pieces) - 1, crc)

    async def _tidy(self) -> None:
        for remove in (self._remove_pieces, self._remove_entries):
            while await self._count_in_background(remove):
                pass

    async def _count_in_background(self, remove: Callable[[Counting], int]) -> int:
        removed = 0

        def work() -> None:
            nonlocal removed
            removed = remove(self._counting())

        await self._in_background(work)
        return removed

    async def _in_background(self, work: Callable[[], None]) -> None:
        def prepare() -> tuple[int, Callable[[], None]]:
            work()
            return self._counting().content, lambda: None

        await self._transactions.in_background(prepare)

    def _reserve(self, count: int) -> int:
        """Reserve `count` numbers of pieces and return the first, even while another snapshot is being written."""
        first = self._next
        self._next += count
        return first

    def _put_one(self, number: int, piece: memoryview) -> None:
        self._connection.execute("INSERT INTO piece VALUES (?, ?)", (number, piece))

    def _remove_pieces(self, counting: Counting) -> int:
        staged = self._staged[1] if self._staged is not None else Pieces(0, 0, 0)
        which = "SELECT number FROM piece WHERE number NOT BETWEEN ? AND ? AND number NOT BETWEEN ? AND ? LIMIT ?"
        values = counting.first, counting.last, staged.first, staged.last, _PIECES_AT_ONCE
        return self._connection.execute(f"DELETE FROM piece WHERE number IN ({which})", values).rowcount  # noqa: S608

    def _remove_entries(self, counting: Counting) -> int:
        which = "SELECT entry_index FROM log WHERE entry_index <= ? LIMIT ?"
        values = counting.index, _ENTRIES_AT_ONCE
        return self._connection.execute(f"DELETE FROM log WHERE entry_index IN ({which})", values).rowcount  # noqa: S608


def _cut(snapshot: Snapshot) -> list[memoryview]:
    data = memoryview(snapshot.data)
    return [data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES)]
