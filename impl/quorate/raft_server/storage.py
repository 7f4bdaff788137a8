"""Term, vote, log and snapshot on a real disk: one SQLite transaction, thus one fsync, for each write.

Every entry is a row, so the cost of a write depends only on its size. The checksum of an entry continues that of the
entry before it; the chain begins with the snapshot, which is stored in pieces, each a row, and so of any size
(quorate.raft_server.staged). Entries up to the snapshot's last index are invalid, even while they are there.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import chain as joined
from pathlib import Path
from typing import Final, TypeAlias
from zlib import crc32

from quorate.raft.configuration import Configuration, NodeId
from quorate.raft.log import Log
from quorate.raft.messages import Entry, Snapshot
from quorate.raft.output import Durable, Persist
from quorate.raft_server.configuration_text import decode, encode
from quorate.raft_server.staged import Counting, Pieces, Staging
from quorate.runtime.database import Database, Schema, checksum, incarnation_of, leave_database, open_database
from quorate.runtime.storage_errors import StorageError, damaged, is_full, refusing
from quorate.runtime.transactions import Prepared, Transactions

# How many entries one statement inserts at most: a power of two, and few enough values for every SQLite.
_ROWS: Final = 64
# A larger write runs in the thread as a whole: to copy its bytes would block the event loop.
_LARGE_BYTES: Final = 256 << 10

_TABLES: Final = (
    """CREATE TABLE vote (
    current_term INTEGER NOT NULL CHECK (typeof(current_term) = 'integer'),
    voted_for INTEGER CHECK (typeof(voted_for) IN ('integer', 'null')),
    checksum INTEGER NOT NULL
)""",
    """CREATE TABLE snapshot (
    last_included_index INTEGER NOT NULL CHECK (typeof(last_included_index) = 'integer'),
    last_included_term INTEGER NOT NULL CHECK (typeof(last_included_term) = 'integer'),
    first_piece INTEGER NOT NULL CHECK (typeof(first_piece) = 'integer'),
    last_piece INTEGER NOT NULL CHECK (typeof(last_piece) = 'integer'),
    chain INTEGER NOT NULL CHECK (typeof(chain) = 'integer'),
    checksum INTEGER NOT NULL,
    configuration BLOB CHECK (typeof(configuration) IN ('blob', 'null'))
)""",
    """CREATE TABLE piece (
    number INTEGER PRIMARY KEY,
    data BLOB NOT NULL CHECK (typeof(data) = 'blob')
)""",
    """CREATE TABLE log (
    entry_index INTEGER PRIMARY KEY,
    term INTEGER NOT NULL CHECK (typeof(term) = 'integer'),
    command BLOB CHECK (typeof(command) IN ('blob', 'null')),
    configuration BLOB CHECK (typeof(configuration) IN ('blob', 'null')),
    checksum INTEGER NOT NULL
)""",
)
Row: TypeAlias = tuple[int, int, bytes | None, bytes | None, int]  # of the log
_NO_VOTE: Final = checksum(0, None, None)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The row of a snapshot: its pieces, the beginning of the chain of checksums, and the checksum of the row."""

    index: int = 0
    term: int = 0
    first_piece: int = 1
    last_piece: int = 0
    chain: int = 0
    checksum: int = 0
    configuration: bytes | None = None

    @classmethod
    def make(cls, index: int, term: int, pieces: Pieces, chain: int, configuration: bytes | None) -> "_Stored":
        """The row of a snapshot with this index, term and configuration."""
        place = checksum(pieces.first, pieces.last, configuration)
        whole = checksum(index, term, b"%d %d" % (pieces.crc, chain), place)
        return cls(index, term, pieces.first, pieces.last, chain, whole, configuration)


@dataclass(frozen=True, slots=True)
class _Disk:
    """The contents of the disk, as far as writes need them; `chain` is the checksum of the last entry."""

    vote: tuple[int, NodeId | None] = (0, None)
    vote_checksum: int = _NO_VOTE
    snapshot: _Stored = _Stored()
    last_index: int = 0
    chain: int = 0

    @property
    def content(self) -> int:
        """The digest for the seal."""
        return checksum(self.vote_checksum, self.last_index, b"%d %d" % (self.snapshot.checksum, self.chain))


SCHEMA: Final = Schema(
    application=int.from_bytes(b"Quor"),
    protocol="Raft",
    tables=_TABLES,
    rows=(("INSERT INTO vote VALUES (0, NULL, ?)", (_NO_VOTE,)),),
    content=_Disk().content,
)


class SqliteStorage:
    """A Storage in an SQLite database; `on_write` gets the seconds of each commit, in the thread that made it."""

    def __init__(self, path: Path, disk: _Disk, transactions: Transactions) -> None:
        self._path = path
        self._disk = disk
        self._transactions = transactions
        self._connection = transactions.connection
        self._staging = Staging(transactions, self._counting)

    @classmethod
    def open(
        cls,
        path: Path,
        node_id: NodeId,
        members: tuple[NodeId, ...],
        on_write: Callable[[float], None] | None = None,
        incarnation: bytes | None = None,
    ) -> "SqliteStorage":
        """Open the database of this node of this cluster, which is created if there is none, with this incarnation.

        No other process can open it meanwhile. Raises StorageError, one line that says what to do, if the database is
        damaged, in use, or another one.
        """
        connection = open_database(path, SCHEMA, node_id, members, incarnation)
        try:
            disk, _ = _read(path, connection)
            _remove_what_does_not_count(path, connection, disk.snapshot)
        except StorageError:
            leave_database(connection)
            raise
        return cls(path, disk, Transactions(path, connection, on_write))

    @property
    def incarnation(self) -> bytes:
        """The random identity of this database."""
        return incarnation_of(self._connection)

    def load(self) -> Durable:
        """Return the contents of the disk; raises StorageError if they differ from what was written."""
        return _read(self._path, self._connection)[1]

    def write(self, batch: Sequence[Persist], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        With `may_block` a commit that is likely to be quick may be done before this returns. The caller waits for one
        write before it begins the next. The future's exception is DiskFullError if nothing was written, and
        StorageError if the contents of the disk are unknown, so that the node must stop.
        """
        snapshots = [persist.snapshot for persist in batch if persist.snapshot is not None]
        large = any(self._staging.find(snapshot) is None for snapshot in snapshots) or _is_large(batch)
        done = self._transactions.write(lambda: self._prepare(batch), may_block=may_block, large=large)
        if snapshots:
            done.add_done_callback(self._tidy_after)
        return done

    def stage(self, snapshot: Snapshot) -> "asyncio.Future[None]":
        """Write the data of `snapshot` in advance (Storage.stage)."""
        return self._staging.stage(snapshot)

    def close(self) -> None:
        """Release the files."""
        self._staging.close()
        self._transactions.close()

    def _tidy_after(self, done: "asyncio.Future[None]") -> None:
        if not done.cancelled() and done.exception() is None:
            self._staging.tidy()

    def _counting(self) -> Counting:
        stored = self._disk.snapshot
        return Counting(stored.first_piece, stored.last_piece, stored.index, self._disk.content)

    def _prepare(self, batch: Sequence[Persist]) -> Prepared:
        disk = self._disk
        for persist in batch:
            disk = self._prepare_one(disk, persist)
        return disk.content, lambda: self._set_disk(disk)

    def _set_disk(self, disk: _Disk) -> None:
        self._disk = disk

    def _prepare_one(self, disk: _Disk, persist: Persist) -> _Disk:
        """Truncate, compact and append, in the order of `Durable.after`."""
        vote = persist.current_term, persist.voted_for
        if vote != disk.vote:
            disk = replace(disk, vote=vote, vote_checksum=checksum(*vote, None))
            self._connection.execute(
                "UPDATE vote SET current_term = ?, voted_for = ?, checksum = ?", (*vote, disk.vote_checksum)
            )
        if persist.first_index <= disk.last_index:
            self._connection.execute("DELETE FROM log WHERE entry_index >= ?", (persist.first_index,))
            last_index = persist.first_index - 1
            disk = replace(disk, last_index=last_index, chain=self._chain_at(disk, last_index))
        if persist.snapshot is not None:
            disk = self._compact(disk, persist.snapshot)
        return self._append(disk, persist.entries)

    def _chain_at(self, disk: _Disk, index: int) -> int:
        """The checksum of the entry at `index`, which is in the log or the last one in the snapshot."""
        if index == disk.snapshot.index:
            return disk.snapshot.chain
        ((chain,),) = self._connection.execute("SELECT checksum FROM log WHERE entry_index = ?", (index,)).fetchall()
        return int(chain)

    def _compact(self, disk: _Disk, snapshot: Snapshot) -> _Disk:
        """Store `snapshot`; the entries that follow it stay if the log has its last entry (§7)."""
        index, term = snapshot.last_included_index, snapshot.last_included_term
        select = "SELECT entry_index, term FROM log WHERE entry_index = ?"
        is_there = (index, term) == (disk.snapshot.index, disk.snapshot.term) or (index, term) == (
            self._connection.execute(select, (index,)).fetchone()
        )
        chain = self._chain_at(disk, index) if is_there else 0
        pieces = self._staging.find(snapshot) or self._staging.put(snapshot)
        stored = _Stored.make(index, term, pieces, chain, encode(snapshot.configuration))
        if not is_there:
            self._connection.execute("DELETE FROM log WHERE entry_index > ?", (index,))
        self._connection.execute("DELETE FROM snapshot")
        self._connection.execute("INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(stored))
        if is_there:
            return replace(disk, snapshot=stored)
        return replace(disk, snapshot=stored, last_index=index, chain=chain)

    def _append(self, disk: _Disk, entries: Sequence[Entry]) -> _Disk:
        chain, rows, size = disk.chain, [], 0
        for index, entry in enumerate(entries, disk.last_index + 1):
            configuration = encode(entry.configuration)
            chain = _link(index, entry.term, entry.command, configuration, chain)
            rows.append((index, entry.term, entry.command, configuration, chain))
            size += len(entry.command or b"")
        # In powers of two, so that there are few statements, and each is compiled once. Large entries go one by one,
        # for SQLite copies all rows of a statement without letting other threads run.
        most = 1 if size > _LARGE_BYTES else _ROWS
        while rows:
            count = min(most, 1 << len(rows).bit_length() - 1)
            places = ", ".join(["(?, ?, ?, ?, ?)"] * count)
            insert = f"INSERT INTO log VALUES {places}"  # noqa: S608  # nothing but question marks
            self._connection.execute(insert, [*joined.from_iterable(rows[:count])])
            del rows[:count]
        return replace(disk, last_index=disk.last_index + len(entries), chain=chain)


def _is_large(batch: Sequence[Persist]) -> bool:
    size = 0
    for persist in batch:
        for entry in persist.entries:
            size += len(entry.command or b"")
    return size > _LARGE_BYTES


def _read(path: Path, connection: Database) -> tuple[_Disk, Durable]:
    """Return the contents of the database; raises StorageError if they differ from what was written."""
    with refusing(path):
        votes = connection.execute("SELECT * FROM vote").fetchall()
        snapshots = connection.execute("SELECT * FROM snapshot").fetchall()
    if len(votes) != 1 or len(snapshots) > 1:
        raise damaged(path, "a table hasn't as many rows as it should have")
    ((current_term, voted_for, vote_checksum),) = votes
    stored = _Stored(*snapshots[0]) if snapshots else _Stored()
    with refusing(path):
        select = "SELECT * FROM log WHERE entry_index > ? ORDER BY entry_index"
        rows = connection.execute(select, (stored.index,)).fetchall()
    log = Log(_read_snapshot(path, connection, stored) if snapshots else None)
    if [row[0] for row in rows] != [*range(log.first_index, log.first_index + len(rows))]:
        raise damaged(path, "the log has a gap")
    chain = _check_rows(path, rows, stored.chain)
    if vote_checksum != checksum(current_term, voted_for, None):
        raise damaged(path, "a checksum is wrong")
    log = log.append(_entries(path, rows))
    disk = _Disk((current_term, voted_for), vote_checksum, stored, log.last_index, chain)
    if disk.content != connection.seal.content:
        raise damaged(path, "it doesn't hold what was written last")
    terms = [stored.term, *(row[1] for row in rows), current_term]
    if terms != sorted(terms):
        raise damaged(path, "its terms are out of order")
    return disk, Durable(current_term, voted_for, log)


def _link(index: int, term: int, command: bytes | None, configuration: bytes | None, chain: int) -> int:
    """The checksum of an entry, which continues that of the entry before it."""
    chain = checksum(index, term, command, chain)
    return chain if configuration is None else checksum(index, term, configuration, chain)


def _entries(path: Path, rows: Sequence[Row]) -> tuple[Entry, ...]:
    return tuple(Entry(term, command, _decoded(path, text)) for _, term, command, text, _ in rows)


def _decoded(path: Path, text: bytes | None) -> Configuration | None:
    try:
        return decode(text)
    except ValueError as error:
        raise damaged(path, f"a configuration is none: {error}") from None


def _check_rows(path: Path, rows: Sequence[Row], chain: int) -> int:
    for index, term, command, configuration, stored_chain in rows:
        chain = _link(index, term, command, configuration, chain)
        if chain != stored_chain:
            raise damaged(path, "a checksum is wrong")
    return chain


def _read_snapshot(path: Path, connection: Database, stored: _Stored) -> Snapshot:
    with refusing(path):
        select = "SELECT data FROM piece WHERE number BETWEEN ? AND ? ORDER BY number"
        rows = connection.execute(select, (stored.first_piece, stored.last_piece))
        data = b"".join(piece for (piece,) in rows)
    pieces = Pieces(stored.first_piece, stored.last_piece, crc32(data))
    if stored != _Stored.make(stored.index, stored.term, pieces, stored.chain, stored.configuration):
        raise damaged(path, "the checksum of the snapshot is wrong")
    return Snapshot(stored.index, stored.term, data, _decoded(path, stored.configuration))


def _remove_what_does_not_count(path: Path, connection: Database, stored: _Stored) -> None:
    """Remove pieces and entries that a crash has left before or after the write of a snapshot."""
    with refusing(path):
        try:
            connection.execute("DELETE FROM log WHERE entry_index <= ?", (stored.index,))
            pieces = stored.first_piece, stored.last_piece
            connection.execute("DELETE FROM piece WHERE number NOT BETWEEN ? AND ?", pieces)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
