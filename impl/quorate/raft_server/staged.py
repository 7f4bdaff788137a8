"""The pieces of a snapshot go to a database ahead of the write that makes them count, and old ones leave after it.

Each goes in a small transaction of its own, beside the writes that others wait for, and nothing that is acknowledged
depends on it. What is there and doesn't count is removed by and by, or when the database is opened.
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
_PIECES_AT_ONCE: Final = 8  # that are removed
_ENTRIES_AT_ONCE: Final = 2_048


@dataclass(frozen=True, slots=True)
class Pieces:
    """The numbers of a snapshot's first and last piece, and the CRC-32 of its data."""

    first: int
    last: int
    crc: int


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts in the database: the pieces from `first` to `last`, the entries after `index`, and its digest."""

    first: int
    last: int
    index: int
    content: int


class Staging:
    """Writes beside others; `counting` is asked in the thread that writes, between two writes."""

    def __init__(self, transactions: Transactions, counting: Callable[[], Counting]) -> None:
        """Begin where nothing is that doesn't count."""
        self._transactions = transactions
        self._connection = transactions.connection
        self._counting = counting
        ((greatest,),) = self._connection.execute("SELECT coalesce(max(number), 0) FROM piece").fetchall()
        self._next = max(int(greatest), counting().last) + 1  # pieces that don't count may lie behind those that do
        self._staged: tuple[Snapshot, Pieces] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def find(self, snapshot: Snapshot) -> Pieces | None:
        """Return where this very object was staged, if it was."""
        return self._staged[1] if self._staged is not None and self._staged[0] is snapshot else None

    def put(self, snapshot: Snapshot) -> Pieces:
        """Write all pieces of it in the transaction that is open."""
        pieces, crc = _cut(snapshot), 0
        first = self._reserve(len(pieces))
        for number, piece in enumerate(pieces, first):
            self._put_one(number, piece)
            crc = crc32(piece, crc)
        return Pieces(first, first + len(pieces) - 1, crc)

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Write its pieces one by one."""
        return self._begin(partial(self._stage, snapshot))

    def tidy(self) -> None:
        """Begin to remove what doesn't count, if the disk has room for that."""

        async def tidy() -> None:
            # The next write says what is wrong with the disk.
            with suppress(DiskFullError, StorageError):
                await self._tidy()

        self._begin(tidy)

    def close(self) -> None:
        """Leave what is under way to the next start."""
        for task in self._tasks:
            if not task.get_loop().is_closed():
                task.cancel()

    def _begin(self, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        async def in_turn() -> None:
            async with self._turn:
                await work()

        task = asyncio.get_running_loop().create_task(in_turn())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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

        def begin() -> None:  # in the thread that writes, where other snapshots' numbers are given, too
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
        """Return the first of so many numbers that no other snapshot's pieces get, though it be written meanwhile."""
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
