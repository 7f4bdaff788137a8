"""A node's database file: created atomically, and opened only if it is this node's, undamaged and not in use.

It is an SQLite database with a write-ahead log in `FILE-wal` beside it. A copy of one file without the other is an old
state, and SQLite doesn't notice. So the database records whether it needs its write-ahead log: its format is negative
from when it is opened until it is closed in order.

`quorate.runtime.seal` finds whether acknowledged writes are missing. An older copy of all files isn't noticed here. A
database that is refused as damaged keeps its write-ahead log, for investigations.
"""

import atexit
import logging
import os
import sqlite3
import struct
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final
from zlib import crc32

from quorate.runtime.interfaces import NodeId
from quorate.runtime.paths import is_file, is_there, sync
from quorate.runtime.seal import Seal, Witness, damage_of_log
from quorate.runtime.storage_errors import StorageError, damaged, is_full, refusing, wal_of, witness_of

log = logging.getLogger("quorate.storage")

FORMAT: Final = 3
# The header of an SQLite file: a magic text; at 60 the user version, which is our format; at 68 the application's id.
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
    members TEXT NOT NULL,
    incarnation BLOB NOT NULL CHECK (typeof(incarnation) = 'blob')
)"""

_SEAL: Final = """CREATE TABLE seal (
    writes INTEGER NOT NULL CHECK (typeof(writes) = 'integer'),
    content INTEGER NOT NULL CHECK (typeof(content) = 'integer'),
    checksum INTEGER NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a database: the application's id, the tables, the rows of a new database, and their digest.

    `tables` omits `identity` and `seal`, which every database has. A row is a statement and its parameters.
    """

    application: int
    protocol: str
    tables: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | bytes | None, ...]], ...]
    content: int

    @property
    def all_tables(self) -> tuple[str, ...]:
        """All tables, in the order of their creation."""
        return (_IDENTITY, _SEAL, *self.tables)

    @property
    def script(self) -> str:
        """The script that creates a database, which is then made durable as a whole."""
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
    """A connection with a lock for its users, because the end of the process may close it in any thread.

    `seal` is that of the latest write on the disk; `witness` has it, too.
    """

    path: Path
    seal: Seal
    witness: Witness | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - sqlite3's own
        super().__init__(*arguments, **options)
        self.in_use = Lock()

    def sealed(self, seal: Seal) -> None:
        """Record the seal of the latest write on the disk."""
        self.seal = seal
        if self.witness is not None:
            self.witness.write(seal)

    def begun(self) -> None:
        """Write the seal that was found to the witness, and make the witness's file durable."""
        self.sealed(self.seal)
        if self.witness is not None:
            self.witness.keep()


# The open databases; this keeps them from being garbage-collected.
_open: Final[dict[Database, None]] = {}

_LEFT: Final = "give another path; this file is left as it is"


def open_database(
    path: Path, schema: Schema, node_id: NodeId, members: tuple[NodeId, ...], incarnation: bytes | None = None
) -> Database:
    """Open the database of this node of this cluster, which is created if there is none; raises StorageError.

    A database that is created gets this incarnation, or a random one.
    No other process can open it meanwhile. Any thread may use the connection, one at a time.
    """
    with refusing(path):
        if not is_there(path):
            _create(path, schema, node_id, members, incarnation)
        needs_wal = _check_header(path, schema)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            factory=Database,
        )
        connection.path = path
        _open[connection] = None
        try:
            connection.executescript(_SETTINGS)
            _check_pages(path, schema, connection)
            _check_identity(path, connection, node_id, members)
            _check_seal(path, connection, needs_wal=needs_wal)
        except BaseException:
            leave_database(connection)
            raise
        try:
            if not needs_wal:
                connection.execute(f"PRAGMA user_version = {-FORMAT}")
                # The mark must be in the file itself, for the case that the write-ahead log is lost.
                _checkpoint(connection)
            # Only now is everything that was found surely on the disk, so that the witness may record it.
            _lengthen_wal(path)
            connection.begun()
        except BaseException:
            close_database(connection)
            raise
    return connection


def close_database(connection: Database) -> None:
    """Move the write-ahead log into the database, if the disk allows it, and close; never raises."""
    if not connection.in_use.acquire(timeout=_CLOSING_PATIENCE_S):
        return  # a thread that waits for the disk still uses the connection
    is_whole = False
    with suppress(sqlite3.Error):
        # A prepared transaction will never be committed, and must end before the log can be moved.
        connection.rollback()
        # SQLite removes the write-ahead log on closing, so the last write to it must not fail for want of room: after
        # the checkpoint it overwrites earlier frames.
        _checkpoint(connection)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.close()
        is_whole = True
    _release(connection, remove_witness=is_whole)


def leave_database(connection: Database) -> None:
    """Close a database that is refused, and keep its write-ahead log, which SQLite would remove; never raises."""
    if not connection.in_use.acquire(timeout=_CLOSING_PATIENCE_S):
        return
    wal = wal_of(connection.path)
    aside = wal.with_name(f"{wal.name}-kept")
    with suppress(OSError):
        os.link(wal, aside)
    with suppress(sqlite3.Error):
        connection.close()
    with suppress(OSError):
        aside.rename(wal)
    with suppress(OSError):
        aside.unlink(missing_ok=True)  # rename does nothing if both names are the same file
    _release(connection, remove_witness=False)


def _release(connection: Database, *, remove_witness: bool) -> None:
    with suppress(sqlite3.Error):
        connection.close()
    if connection.witness is not None:
        connection.witness.close(remove=remove_witness)
        connection.witness = None
    connection.in_use.release()
    _open.pop(connection, None)


@atexit.register
def _close_all() -> None:
    """Close all databases that are open when the process ends."""
    for connection in tuple(_open):
        close_database(connection)


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Move the write-ahead log into the database; return how many frames it has."""
    ((_, frames, _),) = connection.execute("PRAGMA wal_checkpoint").fetchall()
    return int(frames)


def _lengthen_wal(path: Path) -> None:
    """Give the write-ahead log its usual length, if there is room: an overwrite becomes durable faster than growth.

    SQLite takes the zeros after the last frame for the rest of earlier frames.
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


def checksum(first: int, second: int | None, data: bytes | None, previous: int = 0) -> int:
    """The checksum of a row: its two numbers, not negative, and its bytes; SQLite itself has no checksums of rows.

    With `previous`, the checksum of the row before, a missing or old row is detected, too.
    """
    return crc32(data or b"", crc32(_NUMBERS(first, -1 if second is None else second, data is None), previous))


def _create(
    path: Path, schema: Schema, node_id: NodeId, members: tuple[NodeId, ...], incarnation: bytes | None
) -> None:
    """Create the database under a temporary name and link it to its own; a database that came first stays."""
    for companion in (wal_of(path), witness_of(path)):
        if is_there(companion):
            raise StorageError(
                f"{path} is missing, but its {companion.name} is there: restore the database, "
                "or, if this node shall begin anew in a new cluster, remove that file"
            )
    try:
        with tempfile.TemporaryDirectory(prefix=f"{path.name}-new-", dir=path.parent) as directory:
            new = Path(directory, path.name)
            with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                connection.executescript(schema.script)
                identity = node_id, _text_of(members), incarnation
                connection.execute("INSERT INTO identity VALUES (?, ?, coalesce(?, randomblob(16)))", identity)
                seal = Seal(0, schema.content)
                connection.execute("INSERT INTO seal VALUES (?, ?, ?)", (seal.writes, seal.content, seal.checksum))
                for statement, parameters in schema.rows:
                    connection.execute(statement, parameters)
            sync(new)
            with suppress(FileExistsError):
                os.link(new, path)
        sync(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be created ({error.strerror}): give a path in a directory that exists and may be written to"
        ) from error


def _check_header(path: Path, schema: Schema) -> bool:
    """Whether the write-ahead log is needed; this check comes before SQLite, which changes files when it opens them."""
    if not is_file(path):
        raise StorageError(f"{path} is a directory or a device: give the path of a database file")
    # Another process may be opening or closing the database, so the write-ahead log is looked for twice.
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


def _check_seal(path: Path, connection: Database, *, needs_wal: bool) -> None:
    """Raise DamagedError if acknowledged writes are missing, as far as the seal and the witness show."""
    rows = connection.execute("SELECT writes, content, checksum FROM seal").fetchall()
    if len(rows) != 1 or (seal := Seal(*rows[0][:2])).checksum != rows[0][2]:
        raise damaged(path, "its seal is wrong")
    connection.seal = seal
    connection.witness = Witness(witness_of(path))
    witnessed = connection.witness.read()
    if witnessed is not None and seal.writes < witnessed.writes:
        missing = witnessed.writes - seal.writes
        raise damaged(path, f"the latest {missing} of {witnessed.writes} writes are missing: it or its log was changed")
    if witnessed is not None and seal.writes == witnessed.writes and seal != witnessed:
        raise damaged(path, f"its {seal.writes} writes are not those that {witness_of(path).name} knows")
    if needs_wal:
        if witnessed is None:
            log.warning("nothing tells whether it lacks its latest writes", extra={"file": str(witness_of(path))})
        if (why := damage_of_log(wal_of(path), _frames(connection))) is not None:
            raise damaged(path, why)


def _frames(connection: Database) -> int | None:
    """The number of valid frames in the write-ahead log, None if the disk is too full to find out."""
    try:
        return _checkpoint(connection)
    except sqlite3.OperationalError as error:
        if not is_full(error):
            raise
        return None


def incarnation_of(connection: Database) -> bytes:
    """The random identity of this database."""
    with refusing(connection.path):
        ((incarnation,),) = connection.execute("SELECT incarnation FROM identity").fetchall()
    return bytes(incarnation)


def _text_of(members: tuple[NodeId, ...]) -> str:
    return ", ".join(str(member) for member in members)


def _check_pages(path: Path, schema: Schema, connection: sqlite3.Connection) -> None:
    """Raise DamagedError if SQLite finds its structures, the tables or the types of columns wrong."""
    tables = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rootpage").fetchall()
    if tables != [(table,) for table in schema.all_tables]:
        raise damaged(path, "its tables are not as they were made")
    ((report,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if report != "ok":
        raise damaged(path, report)
