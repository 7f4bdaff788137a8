"""Term, vote, log and snapshot on a real disk: one SQLite transaction, thus one fsync, for each write.

Every entry is a row, so a write costs what it adds, however much is there already.

A write is prepared in the event loop, which costs microseconds and no wait for the disk; only its commit runs in a
thread. A thread holds the interpreter's lock for all that it does between two waits, and a busy loop gives that back
late: a whole write would ask for it once for every row, a commit does a few times. Where the caller may wait and the
last commit was quick, there is no thread: one slow commit, and the next ones have it again. A write that brings a
snapshot is large and rare, and is the thread's as a whole.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Final

from quorate.database import StorageError, checksum, close_database, damaged, is_full, open_database, refusing
from quorate.raft.log import Log
from quorate.raft.messages import Entry, NodeId, Snapshot
from quorate.raft.output import Durable, Persist
from quorate.server.interfaces import DiskFullError
from quorate.worker import Worker

# How many entries one statement inserts at most: a power of two, and few enough values for every SQLite.
_ROWS: Final = 64
_QUICK_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class _Held:
    """What there is on the disk, as far as it decides what a write has to do."""

    vote: tuple[int, NodeId | None]
    snapshot: tuple[int, int]
    last_index: int


class SqliteStorage:
    """A Storage in one file of SQLite's; `on_write` is told the seconds of each commit, in the thread that waited."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, held: _Held, on_write: Callable[[float], None] | None
    ) -> None:
        self._path = path
        self._connection = connection
        self._held = held
        self._on_write = on_write
        self._last_commit_s = _QUICK_S
        self._worker = Worker(f"disk of {path.name}")

    @classmethod
    def open(
        cls, path: Path, node_id: NodeId, members: tuple[NodeId, ...], on_write: Callable[[float], None] | None = None
    ) -> "SqliteStorage":
        """The database of this node of this cluster, new if there is no file; no other process can open it meanwhile.

        Raises StorageError if it is damaged, in use, or something else: one line that says what to do.
        """
        connection = open_database(path, node_id, members)
        try:
            durable = _read(path, connection)
        except BaseException:
            close_database(connection)
            raise
        vote = durable.current_term, durable.voted_for
        log = durable.log
        return cls(path, connection, _Held(vote, (log.snapshot_index, log.snapshot_term), log.last_index), on_write)

    def load(self) -> Durable:
        """Return what is on the disk. Raises StorageError if that isn't what was written."""
        return _read(self._path, self._connection)

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin at once to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        `may_block` allows a commit that is likely to be quick before this returns. The caller waits for one write
        before it begins the next. The future's exception is DiskFullError if nothing
        was written, and StorageError if the node must stop, because nobody knows what the disk holds.
        """
        if any(persist.snapshot is not None for persist in batch):
            return self._worker.run(lambda: self._commit(self._prepare(batch)))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            held = self._prepare(batch)
            if not may_block or self._last_commit_s >= _QUICK_S:
                return self._worker.run(lambda: self._commit(held))
            self._commit(held)
        except (DiskFullError, StorageError) as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def close(self) -> None:
        """Release the files."""
        self._worker.close()
        close_database(self._connection)

    def _prepare(self, batch: Sequence[Persist]) -> _Held:
        """Do all but commit; return what will be held then."""
        held = self._held
        with self._undoing():
            self._connection.execute("BEGIN IMMEDIATE")
            for persist in batch:
                held = self._prepare_one(held, persist)
        return held

    def _commit(self, held: _Held) -> None:
        begin = perf_counter()
        with self._undoing():
            self._connection.execute("COMMIT")
        self._held = held
        self._last_commit_s = perf_counter() - begin
        if self._on_write is not None:
            self._on_write(self._last_commit_s)

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        """Whatever goes wrong, no transaction is left open."""
        with refusing(self._path):
            try:
                yield
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and is_full(error):
                    raise DiskFullError(f"{self._path} has no room on its disk: free some space") from error
                raise

    def _prepare_one(self, held: _Held, persist: Persist) -> _Held:
        """In the order of `Durable.after`: truncate, compact, append."""
        vote = persist.current_term, persist.voted_for
        if vote != held.vote:
            self._connection.execute(
                "UPDATE vote SET current_term = ?, voted_for = ?, checksum = ?", (*vote, checksum(*vote, None))
            )
        snapshot, last_index = held.snapshot, held.last_index
        if persist.first_index <= last_index:
            self._connection.execute("DELETE FROM log WHERE entry_index >= ?", (persist.first_index,))
            last_index = persist.first_index - 1
        if persist.snapshot is not None:
            last_index = self._compact(snapshot, last_index, persist.snapshot)
            snapshot = persist.snapshot.last_included_index, persist.snapshot.last_included_term
        self._append(last_index, persist.entries)
        return _Held(vote, snapshot, last_index + len(persist.entries))

    def _compact(self, held: tuple[int, int], last_index: int, snapshot: Snapshot) -> int:
        """The last index of the log after `snapshot`: what follows it stays, if the log has its last entry (§7)."""
        index, term = snapshot.last_included_index, snapshot.last_included_term
        select = "SELECT entry_index, term FROM log WHERE entry_index = ?"
        if (index, term) in {held, self._connection.execute(select, (index,)).fetchone()}:
            self._connection.execute("DELETE FROM log WHERE entry_index <= ?", (index,))
        else:
            self._connection.execute("DELETE FROM log")
            last_index = index
        self._connection.execute("DELETE FROM snapshot")
        self._connection.execute(
            "INSERT INTO snapshot VALUES (?, ?, ?, ?)",
            (index, term, snapshot.data, checksum(index, term, snapshot.data)),
        )
        return last_index

    def _append(self, last_index: int, entries: Sequence[Entry]) -> None:
        rows = [
            (index, entry.term, entry.command, checksum(index, entry.term, entry.command))
            for index, entry in enumerate(entries, last_index + 1)
        ]
        # By powers of two, so that there are few statements, and each is compiled once.
        while rows:
            count = min(_ROWS, 1 << len(rows).bit_length() - 1)
            places = ", ".join(["(?, ?, ?, ?)"] * count)
            insert = f"INSERT INTO log VALUES {places}"  # noqa: S608  # nothing but question marks
            self._connection.execute(insert, [*chain.from_iterable(rows[:count])])
            del rows[:count]


def _read(path: Path, connection: sqlite3.Connection) -> Durable:
    """What the database holds, if that is what was written to it; otherwise raises StorageError."""
    with refusing(path):
        votes = connection.execute("SELECT current_term, voted_for, NULL, checksum FROM vote").fetchall()
        snapshots = connection.execute("SELECT * FROM snapshot").fetchall()
        rows = connection.execute("SELECT * FROM log ORDER BY entry_index").fetchall()
    if len(votes) != 1 or len(snapshots) > 1:
        raise damaged(path, "a table hasn't as many rows as it should have")
    if not all(row[-1] == checksum(*row[:-1]) for row in chain(votes, snapshots, rows)):
        raise damaged(path, "a checksum is wrong")
    ((current_term, voted_for, *_),) = votes
    log = Log(Snapshot(*snapshots[0][:-1]) if snapshots else None)
    if [row[0] for row in rows] != [*range(log.first_index, log.first_index + len(rows))]:
        raise damaged(path, "the log has a gap")
    terms = [log.snapshot_term, *(row[1] for row in rows), current_term]
    if terms != sorted(terms):
        raise damaged(path, "its terms are out of order")
    return Durable(current_term, voted_for, log.append(tuple(Entry(term, command) for _, term, command, _ in rows)))
