"""Term, vote, log and snapshot on a real disk: one SQLite transaction, thus one fsync, for each write.

Every entry is a row, so a write costs what it adds, however much is there already.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from quorate.database import Schema, checksum, close_database, damaged, open_database, refusing
from quorate.raft.log import Log
from quorate.raft.messages import Entry, NodeId, Snapshot
from quorate.raft.output import Durable, Persist
from quorate.transactions import Transactions

# How many entries one statement inserts at most: a power of two, and few enough values for every SQLite.
_ROWS: Final = 64

_TABLES: Final = (
    """CREATE TABLE vote (
    current_term INTEGER NOT NULL CHECK (typeof(current_term) = 'integer'),
    voted_for INTEGER CHECK (typeof(voted_for) IN ('integer', 'null')),
    checksum INTEGER NOT NULL
)""",
    """CREATE TABLE snapshot (
    last_included_index INTEGER NOT NULL CHECK (typeof(last_included_index) = 'integer'),
    last_included_term INTEGER NOT NULL CHECK (typeof(last_included_term) = 'integer'),
    data BLOB NOT NULL CHECK (typeof(data) = 'blob'),
    checksum INTEGER NOT NULL
)""",
    """CREATE TABLE log (
    entry_index INTEGER PRIMARY KEY,
    term INTEGER NOT NULL CHECK (typeof(term) = 'integer'),
    command BLOB CHECK (typeof(command) IN ('blob', 'null')),
    checksum INTEGER NOT NULL
)""",
)
SCHEMA: Final = Schema(
    application=int.from_bytes(b"Quor"),
    protocol="Raft",
    tables=_TABLES,
    rows=(("INSERT INTO vote VALUES (0, NULL, ?)", (checksum(0, None, None),)),),
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What there is on the disk, as far as it decides what a write has to do."""

    vote: tuple[int, NodeId | None]
    snapshot: tuple[int, int]
    last_index: int


class SqliteStorage:
    """A Storage in one file of SQLite's; `on_write` is told the seconds of each commit, in the thread that waited."""

    def __init__(self, path: Path, held: _Held, transactions: Transactions) -> None:
        self._path = path
        self._held = held
        self._transactions = transactions
        self._connection = transactions.connection

    @classmethod
    def open(
        cls, path: Path, node_id: NodeId, members: tuple[NodeId, ...], on_write: Callable[[float], None] | None = None
    ) -> "SqliteStorage":
        """The database of this node of this cluster, new if there is no file; no other process can open it meanwhile.

        Raises StorageError if it is damaged, in use, or something else: one line that says what to do.
        """
        connection = open_database(path, SCHEMA, node_id, members)
        try:
            durable = _read(path, connection)
        except BaseException:
            close_database(connection)
            raise
        vote = durable.current_term, durable.voted_for
        log = durable.log
        held = _Held(vote, (log.snapshot_index, log.snapshot_term), log.last_index)
        return cls(path, held, Transactions(path, connection, on_write))

    def load(self) -> Durable:
        """Return what is on the disk. Raises StorageError if that isn't what was written."""
        return _read(self._path, self._connection)

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin at once to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        `may_block` allows a commit that is likely to be quick before this returns. The caller waits for one write
        before it begins the next. The future's exception is DiskFullError if nothing
        was written, and StorageError if the node must stop, because nobody knows what the disk holds.
        """
        large = any(persist.snapshot is not None for persist in batch)
        return self._transactions.write(lambda: self._prepare(batch), may_block=may_block, large=large)

    def close(self) -> None:
        """Release the files."""
        self._transactions.close()

    def _prepare(self, batch: Sequence[Persist]) -> Callable[[], None]:
        held = self._held
        for persist in batch:
            held = self._prepare_one(held, persist)
        return lambda: self._hold(held)

    def _hold(self, held: _Held) -> None:
        self._held = held

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
