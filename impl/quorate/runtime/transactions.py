"""Writes to a node's database, one transaction and thus one fsync each: prepared in the loop, committed beside it.

A write is prepared in the event loop, which costs microseconds and no wait for the disk; only its commit runs in a
thread. A thread holds the interpreter's lock for all that it does between two waits, and a busy loop gives that back
late: a whole write would ask for it once for every row, a commit does a few times. Where the caller may wait and the
last commit was quick, the loop waits for the thread, for as long as a quick commit takes and no longer: a disk that
stalls, for seconds or for ever, must not keep a node from being heard or its clients from being answered.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final, TypeAlias

from quorate.runtime.database import Database, close_database
from quorate.runtime.interfaces import DiskFullError
from quorate.runtime.seal import Seal
from quorate.runtime.storage_errors import StorageError, is_full, refusing
from quorate.runtime.worker import Worker

_QUICK_S: Final = 0.002

# What a transaction leaves: a digest of all that the database then holds, and what to call when that is on the disk.
Prepared: TypeAlias = tuple[int, Callable[[], None]]


class Transactions:
    """One database's writes; `on_write` is told the seconds of each commit, in the thread that waited."""

    def __init__(self, path: Path, connection: Database, on_write: Callable[[float], None] | None) -> None:
        """Take a connection that nobody else writes to."""
        self.connection = connection
        self._path = path
        self._on_write = on_write
        self._last_commit_s = _QUICK_S
        self._begun_in_background = self._done_in_background = 0  # each is counted by one thread
        self._broken: StorageError | None = None
        self._worker = Worker(f"disk of {path.name}")

    def write(
        self, prepare: Callable[[], Prepared], *, may_block: bool = False, large: bool = False
    ) -> "asyncio.Future[None]":
        """Begin at once to do what `prepare` does to the connection, as one transaction.

        `prepare` returns the digest for the seal, and what is to be called when that is on the disk. `may_block` allows
        a commit that is likely to be quick before this returns; a `large` write is the thread's as a whole. The
        future's exception is DiskFullError if nothing was written, and StorageError if nobody knows what the disk
        holds.
        """
        if large or self._begun_in_background != self._done_in_background:
            return self._worker.run(lambda: self._commit(*self._prepare(prepare)))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            prepared = self._prepare(prepare)
        except (DiskFullError, StorageError) as error:
            done.set_exception(error)
            return done
        waits = may_block and self._last_commit_s < _QUICK_S
        return self._worker.run(lambda: self._commit(*prepared), _QUICK_S if waits else 0.0)

    def in_background(self, prepare: Callable[[], Prepared]) -> "asyncio.Future[None]":
        """Do what `prepare` does, in the thread alone, between two writes; one at a time, and a short one.

        If it leaves in doubt what the disk holds, the next write's exception is the same as its future's.
        """

        def work() -> None:
            try:
                self._commit_untimed(*self._prepare(prepare))
            except StorageError as error:
                self._broken = error
                raise
            finally:
                self._done_in_background += 1

        self._begun_in_background += 1
        return self._worker.run(work)

    def close(self) -> None:
        """Release the files, when the write under way is done."""
        self._worker.close()
        close_database(self.connection)

    def _prepare(self, prepare: Callable[[], Prepared]) -> tuple[Seal, Callable[[], None]]:
        if self._broken is not None:
            raise self._broken
        with self._undoing():
            self.connection.execute("BEGIN IMMEDIATE")
            content, committed = prepare()
            seal = Seal(self.connection.seal.writes + 1, content)
            self.connection.execute(
                "UPDATE seal SET writes = ?, content = ?, checksum = ?", (seal.writes, seal.content, seal.checksum)
            )
            return seal, committed

    def _commit(self, seal: Seal, committed: Callable[[], None]) -> None:
        begin = perf_counter()
        self._commit_untimed(seal, committed)
        self._last_commit_s = perf_counter() - begin
        if self._on_write is not None:
            self._on_write(self._last_commit_s)

    def _commit_untimed(self, seal: Seal, committed: Callable[[], None]) -> None:
        with self._undoing():
            self.connection.execute("COMMIT")
            self.connection.sealed(seal)
        committed()

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        """Whatever goes wrong, no transaction is left open."""
        with refusing(self._path), self.connection.in_use:
            try:
                yield
            except BaseException as error:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and is_full(error):
                    raise DiskFullError(f"{self._path} has no room on its disk: free some space") from error
                raise
