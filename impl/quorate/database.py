"""A node's database file: made whole or not at all, and opened only if it is this node's, undamaged and not in use.

It is SQLite's, with a write-ahead log in `FILE-wal` beside it. Whoever copies or restores the one without the other
gets an old state, and nothing in SQLite tells. So the database says itself whether it needs its write-ahead log, from
when it is opened to when it is closed in an orderly way: its format is noted with a minus meanwhile.

Two things remain that nothing here tells: that both files are an older copy, and that the write-ahead log is damaged,
for a wrong byte there looks to SQLite like the end that a crash has left.
"""

import atexit
import os
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from threading import Lock
from typing import Any, Final
from zlib import crc32

from quorate.paths import is_file, is_there
from quorate.raft.messages import NodeId

FORMAT: Final = 1
# How an SQLite file begins: a text; then, at 60, the user version, which is our format; at 68 the application's id.
_HEADER: Final = struct.Struct(">16s44xi4xi")
_MAGIC: Final = b"SQLite format 3\0"

# A commit moves the write-ahead log into the database when it has this many pages (of 4096 bytes, and 24 for each in
# the log), and the next begins it anew in the same place. That takes milliseconds, so it must not happen to one commit
# in a hundred, however large the batches. What a snapshot makes the log grow to is cut off again.
_WAL_PAGES: Final = 2000
_WAL_BYTES: Final = 32 + _WAL_PAGES * (24 + 4096)
_WAL_BYTES_KEPT: Final = 2 * _WAL_BYTES

_IDENTITY: Final = """CREATE TABLE identity (
    node_id INTEGER NOT NULL,
    members TEXT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Schema:
    """What is in a database: the application's id, its tables, the rows that a new one begins with.

    All tables but `identity`, which every database has. A row is a statement and its parameters.
    """

    application: int
    protocol: str
    tables: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | bytes | None, ...]], ...]

    @property
    def all_tables(self) -> tuple[str, ...]:
        """In the order in which they are made."""
        return (_IDENTITY, *self.tables)

    @property
    def script(self) -> str:
        """What makes a new database; it is made durable as a whole, not statement by statement."""
        return f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA application_id = {self.application};
PRAGMA user_version = {FORMAT};
{"; ".join(self.all_tables)};
"""


_SETTINGS: Final = f"""
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA secure_delete = OFF;
PRAGMA wal_autocheckpoint = {_WAL_PAGES};
PRAGMA journal_size_limit = {_WAL_BYTES_KEPT};
"""

_NUMBERS: Final = struct.Struct(">qq?").pack

_CLOSING_PATIENCE_S: Final = 10.0


class Database(sqlite3.Connection):
    """A connection, and a lock to hold while it is used: the end of the process closes it in whatever thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - sqlite3's own
        super().__init__(*arguments, **options)
        self.in_use = Lock()


# What was not closed yet, which keeps it from being dropped.
_open: Final[set[Database]] = set()

_LEFT: Final = "give another path; this file is left as it is"
_SMALLER: Final = "keep less than 1 GB in the cluster"
_QUOTED: Final = 120  # characters of what SQLite says, which may quote whole tables
_PERMIT: Final = "let this user read and write the file and its directory"


class StorageError(Exception):
    """The disk can't be relied on: the node must not start, or must stop. One line says why and what to do."""


def open_database(path: Path, schema: Schema, node_id: NodeId, members: tuple[NodeId, ...]) -> Database:
    """The connection to the database of this node of this cluster, which is created if there is none.

    Nobody else can open it meanwhile, and any one thread at a time may use the connection. Raises StorageError.
    """
    with refusing(path):
        if not is_there(path):
            _create(path, schema, node_id, members)
        needs_wal = _check_header(path, schema)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            factory=Database,
        )
        _open.add(connection)
        try:
            connection.executescript(_SETTINGS)
            _check_pages(path, schema, connection)
            _check_identity(path, connection, node_id, members)
            if not needs_wal:
                connection.execute(f"PRAGMA user_version = {-FORMAT}")
                # What counts is what the file itself says, when the write-ahead log is gone.
                _checkpoint(connection)
            _lengthen_wal(path)
        except BaseException:
            close_database(connection)
            raise
    return connection


def close_database(connection: Database) -> None:
    """Move everything into the one file, if the disk allows it, so that it may be copied alone; never raises."""
    if not connection.in_use.acquire(timeout=_CLOSING_PATIENCE_S):
        return  # its thread waits for the disk, and keeps it from being dropped
    with suppress(sqlite3.Error):
        # Nobody will commit what was prepared, and nothing can be moved before it ends.
        connection.rollback()
        # SQLite removes the write-ahead log on closing, so the last write to it must not fail for want of room: now
        # it goes where earlier ones were.
        _checkpoint(connection)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    with suppress(sqlite3.Error):
        connection.close()
    connection.in_use.release()
    _open.discard(connection)


@atexit.register
def _close_all() -> None:
    """Close what an exception, or an exit from anywhere, has left open."""
    for connection in tuple(_open):
        close_database(connection)


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint").fetchall()


def _lengthen_wal(path: Path) -> None:
    """Give the write-ahead log its usual length, if there is room: to overwrite is made durable faster than to grow.

    SQLite ends it where its frames end, and takes what follows for what is left of earlier ones.
    """
    descriptor = os.open(wal_of(path), os.O_WRONLY | os.O_APPEND)
    try:
        length = os.fstat(descriptor).st_size
        missing = max(0, _WAL_BYTES - length)
        try:
            written = os.write(descriptor, bytes(missing))
        except OSError:
            written = 0
        if written < missing:
            os.ftruncate(descriptor, length)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def wal_of(path: Path) -> Path:
    """SQLite's write-ahead log of the database at `path`."""
    return path.with_name(f"{path.name}-wal")


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """What SQLite and the operating system raise becomes a StorageError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(_advice(path, error)) from error
    except UnicodeDecodeError as error:
        # SQLite quotes what it can't read, and Python can't read that.
        raise damaged(path, "its tables cannot be read") from error
    except OverflowError as error:
        raise StorageError(f"{path} cannot hold so large a command or snapshot ({error}): {_SMALLER}") from error
    except struct.error as error:
        raise StorageError(f"{path} cannot hold a term or index of over 63 bits: find the node that made it") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be opened ({error.strerror}): {_PERMIT}") from error


def damaged(path: Path, why: str) -> StorageError:
    """The refusal of a database that doesn't hold what was written to it."""
    quoted = shorten(why.removeprefix("*** in database main ***"), _QUOTED)
    return StorageError(
        f"{path} is damaged ({quoted}): restore it with its {wal_of(path).name} as this node last wrote them; "
        "an older copy, or none, could undo what the cluster has acknowledged"
    )


def checksum(first: int, second: int | None, data: bytes | None) -> int:
    """Of a row: its two numbers, not negative, and its bytes; SQLite has none for what is in the database itself."""
    return crc32(data or b"", crc32(_NUMBERS(first, -1 if second is None else second, data is None)))


def is_full(error: sqlite3.Error) -> bool:
    """There was no room on the disk, and nothing was written."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _primary_code(error: sqlite3.Error) -> int:
    # What Python's own part of the module raises has no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _advice(path: Path, error: sqlite3.Error) -> str:
    match _primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is in use by another process: stop that one first, or give each node its own database"
        case sqlite3.SQLITE_FULL:
            return f"{path} has no room on its disk: free some space"
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"{path} cannot be opened ({error}): {_PERMIT}"
        case sqlite3.SQLITE_IOERR:
            return f"{path} cannot be read or written ({error}): check its disk before this node is started again"
        case sqlite3.SQLITE_TOOBIG:
            return f"{path} cannot hold so large a command or snapshot ({error}): {_SMALLER}"
        case _:
            return str(damaged(path, str(error)))


def _create(path: Path, schema: Schema, node_id: NodeId, members: tuple[NodeId, ...]) -> None:
    """Make the database under another name and give it its own when it is whole; whoever was first keeps the name."""
    if is_there(wal_of(path)):
        raise StorageError(
            f"{path} is missing, but its {wal_of(path).name} is there: restore the database, "
            "or, if this node shall begin anew in a new cluster, remove that file"
        )
    try:
        with tempfile.TemporaryDirectory(prefix=f"{path.name}-new-", dir=path.parent) as directory:
            new = Path(directory, path.name)
            with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                connection.executescript(schema.script)
                connection.execute("INSERT INTO identity VALUES (?, ?)", (node_id, _text_of(members)))
                for statement, parameters in schema.rows:
                    connection.execute(statement, parameters)
            _sync(new)
            with suppress(FileExistsError):
                os.link(new, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be created ({error.strerror}): give a path in a directory that exists and may be written to"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_header(path: Path, schema: Schema) -> bool:
    """Whether the write-ahead log is needed; SQLite may only look after this, because it changes what it opens."""
    if not is_file(path):
        raise StorageError(f"{path} is a directory or a device: give the path of a database file")
    # Another process may be opening or closing it just now, so one look for the write-ahead log is not enough.
    had_wal = is_there(wal_of(path))
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise StorageError(f"{path} is no Quorate database: {_LEFT}")
    version: int
    _, version, application = _HEADER.unpack(header)
    if application != schema.application:
        raise StorageError(f"{path} is not a database of Quorate's {schema.protocol}: {_LEFT}")
    if abs(version) != FORMAT:
        raise StorageError(
            f"{path} has format {abs(version)}, and this version of Quorate reads format {FORMAT}: "
            "start the version that wrote it"
        )
    if version < 0 and not (had_wal or is_there(wal_of(path))):
        raise damaged(path, f"{wal_of(path).name} is missing, and with it the latest writes")
    return version < 0


def _check_identity(path: Path, connection: sqlite3.Connection, node_id: NodeId, members: tuple[NodeId, ...]) -> None:
    rows = connection.execute("SELECT node_id, members FROM identity").fetchall()
    if len(rows) != 1:
        raise damaged(path, "it doesn't say whose it is")
    ((found_id, found_members),) = rows
    if found_id != node_id:
        raise StorageError(f"{path} belongs to node {found_id}, not to node {node_id}: give each node its own database")
    if found_members != _text_of(members):
        raise StorageError(
            f"{path} belongs to a cluster of the nodes {found_members}, not {_text_of(members)}: "
            "start it with the members that it was created with"
        )


def _text_of(members: tuple[NodeId, ...]) -> str:
    return ", ".join(str(member) for member in members)


def _check_pages(path: Path, schema: Schema, connection: sqlite3.Connection) -> None:
    """As far as SQLite can tell: its own structures, and the types of the columns, by the checks in the tables."""
    tables = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rootpage").fetchall()
    if tables != [(table,) for table in schema.all_tables]:
        raise damaged(path, "its tables are not as they were made")
    ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise damaged(path, found)
