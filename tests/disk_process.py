"""A process that writes to a disk, says so, and may come to a bad end.

    python disk_process.py write FILE SEED LENGTH     the rest of a history, batch by batch; then keep it open
    python disk_process.py limit FILE BYTES           until a file may not grow beyond these bytes
    python disk_process.py full FOLDER                until the file system is full, and on when it has room again
    python disk_process.py leave FILE WAY             one entry, and then it leaves in this way, without closing

After each batch that is durable it prints how many writes are.
"""

import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from disks import held, history, open_disk, states, write
from quorate.raft import Durable, Entry, Persist
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.interfaces import DiskFullError
from quorate.runtime.storage_errors import StorageError, wal_of


def tell(what: object) -> None:
    """One line, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def write_history(path: Path, seed: int, length: int) -> None:
    """Begins where the disk has ended."""
    persists = history(length, Random(seed))
    with closing(open_disk(path)) as disk:
        done, rng = states(persists).index(disk.load()), Random(seed)
        while done < length:
            count = rng.choice((1, 1, 2, 3))
            write(disk, *persists[done : done + count])
            done = min(length, done + count)
            tell(done)
        sys.stdin.read()


def growing(number: int) -> Persist:
    """The `number`th of some large writes, none of which is like another."""
    return Persist(number, None, number, (Entry(number, number.to_bytes(2) * 10_000),))


def write_until_limited(path: Path, limit_bytes: int) -> None:
    """The operating system refuses to let a file grow, but not for want of room."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    done = 0
    with closing(open_disk(path)) as disk:
        try:
            while True:
                write(disk, growing(done + 1))
                done += 1
                tell(done)
        except StorageError as error:
            tell(error)


def write_until_full(folder: Path) -> None:
    """Fill the rest with a file, write until that fails, twice; then give room again."""
    path, filler = folder / "node.db", folder / "filler"
    filler.write_bytes(bytes(300_000))
    done, durable = 0, Durable()
    with closing(open_disk(path)) as disk:
        assert wal_of(path).stat().st_size < 100_000, "what can't have its usual length leaves the room to others"
        refused = 0
        while refused < 2:
            try:
                write(disk, growing(done + 1))
            except DiskFullError:
                refused += 1
            else:
                done, durable = done + 1, durable.after(growing(done + 1))
            assert disk.load() == durable
        tell(done)
    assert held(path) == durable, "closed and opened while the disk is full"
    with closing(open_disk(path)) as disk:
        filler.unlink()
        write(disk, growing(done + 1))
        tell(done + 1)
    assert held(path) == durable.after(growing(done + 1))


def fail() -> None:
    """What nobody catches."""
    raise OSError("the world went wrong")


def leave_a_transaction_open() -> None:
    """As a thread does that the end of the process has stopped."""
    DISKS[0]._connection.execute("BEGIN IMMEDIATE")
    DISKS[0]._connection.execute("DELETE FROM log")


def drop() -> None:
    """Python would close it now, if nothing else held it."""
    DISKS.clear()
    gc.collect()


def leave_a_commit_under_way() -> None:
    """A thread goes on to commit while the process ends."""

    def commit() -> None:
        for index in range(2, 10_000):
            write(disk, Persist(1, None, index, (Entry(1, b"later"),)))

    disk = DISKS[0]
    threading.Thread(target=commit, daemon=True).start()


DISKS: list[SqliteStorage] = []
WAYS: dict[str, Callable[[], object]] = {
    "at its end": lambda: None,
    "by an exception": fail,
    "by sys.exit": lambda: sys.exit(3),
    "by an exception in a thread, and its end": lambda: threading.Thread(target=fail).start(),
    "by os._exit": lambda: os._exit(4),
    "by kill -9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "by SIGHUP": lambda: os.kill(os.getpid(), signal.SIGHUP),
    "by Ctrl-C": lambda: signal.raise_signal(signal.SIGINT),
    "with a transaction open": leave_a_transaction_open,
    "with a commit under way": leave_a_commit_under_way,
    "after nobody used it any more": drop,
}


def leave(path: Path, way: str) -> None:
    """Write, and leave."""
    DISKS.append(open_disk(path))
    write(DISKS[0], Persist(1, None, 1, (Entry(1, b"kept"),)))
    WAYS[way]()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", file, seed, length]:
            write_history(Path(file), int(seed), int(length))
        case ["limit", file, limit]:
            write_until_limited(Path(file), int(limit))
        case ["full", folder]:
            write_until_full(Path(folder))
        case ["leave", file, way]:
            leave(Path(file), way)
        case arguments:
            sys.exit(f"what is {arguments}?")
