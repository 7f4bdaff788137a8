"""The errors of a database; each is one line that says why, and what to do."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Final

_SMALLER: Final = "keep less than 1 GB in the cluster"
_QUOTED: Final = 120  # characters of SQLite's message, which may quote whole tables
_PERMIT: Final = "let this user read and write the file and its directory"


class StorageError(Exception):
    """The disk is unreliable, so the node must not start, or must stop; the text is one line that says what to do."""


class DamagedError(StorageError):
    """The contents of the database differ from what was written."""


def wal_of(path: Path) -> Path:
    """The path of SQLite's write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def witness_of(path: Path) -> Path:
    """The path of the witness of a database (quorate.runtime.seal)."""
    return path.with_name(f"{path.name}-witness")


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the operating system into StorageErrors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _refusal(path, error) from error
    except UnicodeDecodeError as error:
        # SQLite's message quotes damaged bytes, which Python can't decode.
        raise damaged(path, "its tables cannot be read") from error
    except OverflowError as error:
        raise StorageError(f"{path} cannot hold so large a command or snapshot ({error}): {_SMALLER}") from error
    except struct.error as error:
        raise StorageError(f"{path} cannot hold a term or index of over 63 bits: find the node that made it") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be opened ({error.strerror}): {_PERMIT}") from error


def damaged(path: Path, why: str) -> DamagedError:
    """Return the error for a database whose contents differ from what was written."""
    quoted = shorten(why.removeprefix("*** in database main ***"), _QUOTED)
    return DamagedError(
        f"{path} is damaged ({quoted}): restore it with its {wal_of(path).name} as this node last wrote them; "
        "an older copy, or none, could undo what the cluster has acknowledged"
    )


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk was full, so that nothing was written."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _primary_code(error: sqlite3.Error) -> int:
    # Errors of the Python module itself have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _refusal(path: Path, error: sqlite3.Error) -> StorageError:
    match _primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            why = "is in use by another process: stop that one first, or give each node its own database"
        case sqlite3.SQLITE_FULL:
            why = "has no room on its disk: free some space"
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            why = f"cannot be opened ({error}): {_PERMIT}"
        case sqlite3.SQLITE_IOERR:
            why = f"cannot be read or written ({error}): check its disk before this node is started again"
        case sqlite3.SQLITE_TOOBIG:
            why = f"cannot hold so large a command or snapshot ({error}): {_SMALLER}"
        case _:
            return damaged(path, str(error))
    return StorageError(f"{path} {why}")
