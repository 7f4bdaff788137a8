"""Writes to a node's database: each is one transaction with one fsync, prepared in the loop, committed in a thread.

To prepare a write in the event loop costs microseconds and no wait for the disk. A thread needs the interpreter's lock
after each wait, and a busy loop releases it late: a whole write would need it for every row, a commit only a few times.
Where the caller may wait and the last commit was quick, the loop waits for the thread, but only as long as a quick
commit takes: a disk that stalls must not keep a node from sending heartbeats or answering clients.
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

# The digest of the contents after a transaction, and a function to call when it is on the disk.
Prepared: TypeAlias = tuple[int, Callable[[], None]]


class Transactions:
    """The writes of one database; `on_write` gets the seconds of each commit, in the thread that made it."""

    def __init__(self, path: Path, connection: Database, on_write: Callable[[float], None] | None) -> None:
        """`connection` must have no other writer."""
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
        """Execute `prepare`, which writes to the connection, as one transaction.

        `prepare` returns the digest for the seal, and a function to call when the transaction is on the disk. With
        `may_block` a commit that is likely to be quick may be done before this returns; a `large` write runs in the
        thread as a whole. The future's exception is DiskFullError if nothing was written, and StorageError if the
        contents of the disk are unknown.
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
        """Execute `prepare`, which must be short, in the thread between two writes; one at a time.

        If it fails and the contents of the disk are unknown, the next write raises the same exception.
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
        """Close the database when the current write is done."""
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
        """Roll the transaction back on any error, and translate the error."""
        with refusing(self._path), self.connection.in_use:
            try:
                yield
            except BaseException as error:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and is_full(error):
                    raise DiskFullError(f"{self._path} has no room on its disk: free some space") from error
                raise
