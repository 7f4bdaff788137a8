"""A disk does what `Durable.after` says, in transactions, and quickly enough for a log."""

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event, get_ident

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quorate.runtime.transactions
from disks import MEMBERS, NODE, held, history, open_disk, states, write
from nightly import EXAMPLES
from quorate.raft import Durable, Entry, Persist, Snapshot
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.storage_errors import StorageError, wal_of


def entries(count: int, size: int = 100) -> tuple[Entry, ...]:
    """Entries of term 1 that are not alike."""
    return tuple(Entry(1, b"%0*d" % (size, number)) for number in range(count))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where there is no database yet."""
    return tmp_path / "node.db"


@settings(max_examples=EXAMPLES or 40, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=8))
def test_a_disk_holds_what_the_writes_make_of_it(rng: Random, batches: list[tuple[int, bool]]) -> None:
    """Any writes in any batches, with the database closed and opened in between or not."""
    persists = history(sum(size for size, _ in batches), rng)
    expected, done = states(persists), 0
    with TemporaryDirectory() as directory:
        file = Path(directory, "node.db")
        disk = open_disk(file)
        for size, reopened in batches:
            write(disk, *persists[done : done + size])
            done += size
            if reopened:
                disk.close()
                disk = open_disk(file)
            assert disk.load() == expected[done]
        disk.close()
        assert held(file) == expected[done]


def test_a_new_disk_holds_nothing_and_is_one_file(path: Path) -> None:
    """Nothing else is left of its making, and it may be moved when it is closed."""
    assert held(path) == Durable()
    assert list(path.parent.iterdir()) == [path]
    moved = path.rename(path.parent / "moved.db")
    assert held(moved) == Durable()


def test_everything_is_in_one_file_when_the_disk_is_closed(path: Path) -> None:
    """So it may be copied alone then."""
    with closing(open_disk(path)) as disk:
        write(disk, Persist(1, 2, 1, entries(100)))
        assert wal_of(path).stat().st_size > 0
    assert list(path.parent.iterdir()) == [path]
    assert held(path) == Durable().after(Persist(1, 2, 1, entries(100)))


def test_the_write_begins_when_it_is_asked_for(path: Path) -> None:
    """The batch is made durable even if nobody waits for it, and closing waits."""

    async def begun() -> None:
        disk = open_disk(path)
        disk.write([Persist(1, None, 1, entries(3))])
        disk.close()

    asyncio.run(begun())
    assert held(path).log.last_index == 3


def test_a_write_that_was_given_up_is_done_all_the_same(path: Path) -> None:
    """Cancelling the future cancels nothing on the disk, and the next write builds on it."""

    async def given_up(disk: SqliteStorage) -> None:
        disk.write([Persist(1, None, 1, entries(3))]).cancel()
        done = asyncio.Event()
        while disk._disk.last_index < 3:
            asyncio.get_running_loop().call_later(0.001, done.set)
            await done.wait()
        await disk.write([Persist(1, None, 4, entries(2))])

    with closing(open_disk(path)) as disk:
        asyncio.run(given_up(disk))
        assert disk.load().log.last_index == 5


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    """In SQLite's words, which only a loss of power could put to the test."""
    with closing(open_disk(path)) as disk:
        assert disk._connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        assert disk._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_each_commit_is_timed(path: Path) -> None:
    """One figure for each transaction, however many writes are in it, from the thread that waited for the disk."""
    told: list[tuple[int, float]] = []
    disk = SqliteStorage.open(path, NODE, MEMBERS, lambda seconds: told.append((get_ident(), seconds)))
    with closing(disk):
        write(disk, Persist(1, None, 1, entries(1)), Persist(1, None, 2, entries(1)))
        write(disk, Persist(1, None, 3, (), Snapshot(2, 1, b"")))
    ((thread, first), (same_thread, second)) = told
    assert thread == same_thread != get_ident()
    assert min(first, second) > 0


@pytest.mark.parametrize(("last_commit_s", "may_block"), [(0.0, False), (9.0, True), (0.0, True)])
def test_a_commit_holds_up_the_loop_only_where_it_may_and_is_likely_quick(
    path: Path,
    last_commit_s: float,
    may_block: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then it is done, and on the disk, when `write` returns; otherwise the disk's thread waits, not the loop."""
    monkeypatch.setattr(quorate.runtime.transactions, "_QUICK_S", 5.0)

    async def run(disk: SqliteStorage) -> bool:
        disk._transactions._last_commit_s = last_commit_s
        future = disk.write([Persist(1, None, 1, entries(1))], may_block=may_block)
        was_done = future.done()
        await future
        return was_done

    with closing(open_disk(path)) as disk:
        was_done = asyncio.run(run(disk))
        assert disk.load().log.last_index == 1
    assert was_done == (may_block and last_commit_s == 0.0)


def test_a_disk_that_stalls_holds_up_the_loop_no_longer_than_a_quick_one(path: Path) -> None:
    """Though the last commit was quick, and the caller would wait. The write ends when it ends."""
    goes_on = Event()

    async def run(disk: SqliteStorage) -> None:
        disk._transactions._last_commit_s = 0.0
        future = disk.write([Persist(1, None, 1, entries(1))], may_block=True)
        assert not future.done(), "on_write is where the disk's thread is stuck"
        goes_on.set()
        await future

    with closing(SqliteStorage.open(path, NODE, MEMBERS, lambda _: assert_set(goes_on))) as disk:
        asyncio.run(run(disk))
        assert disk.load().log.last_index == 1


def assert_set(event: Event) -> None:
    """Wait for it, not for ever."""
    assert event.wait(60)


def test_what_is_compacted_makes_room_for_what_follows(path: Path) -> None:
    """A log that is compacted as it grows needs no more space after many rounds than after some."""
    sizes = []
    with closing(open_disk(path)) as disk:
        for number in range(150):
            first = number * 64 + 1
            write(disk, Persist(1, None, first, entries(64, 1000)))
            write(disk, Persist(1, None, first + 64, (), Snapshot(first + 63, 1, bytes(50_000))))
            sizes.append(path.stat().st_size + wal_of(path).stat().st_size)
    assert max(sizes) < 1.1 * max(sizes[:75]), "when the log is merged varies a little: a thread does it"
    assert max(sizes) < 10_000_000


def test_a_large_snapshot_leaves_no_large_write_ahead_log(path: Path) -> None:
    """The next write cuts off what is not needed again soon."""
    with closing(open_disk(path)) as disk:
        write(disk, Persist(1, None, 41, (), Snapshot(40, 1, bytes(40_000_000))))
        write(disk, Persist(1, None, 41, entries(1)))
        assert wal_of(path).stat().st_size < 20_000_000
        assert len(disk.load().log.entries) == 1


def test_a_write_lengthens_no_file(path: Path) -> None:
    """From the first one on: a file's new length would have to be made durable, too."""
    with closing(open_disk(path)) as disk:
        before = wal_of(path).stat().st_size
        for number in range(1, 51):
            write(disk, Persist(1, None, number, entries(1)))
        assert wal_of(path).stat().st_size == before


def test_a_log_that_grows_deletes_nothing(path: Path) -> None:
    """Only a truncation costs a deletion, only a new term or vote an update beside the seal's."""
    with closing(open_disk(path)) as disk:
        statements: list[str] = []
        disk._connection.set_trace_callback(statements.append)
        write(disk, Persist(1, 1, 1, entries(2)))
        write(disk, Persist(1, 1, 3, entries(2)))
        verbs = [statement.split()[0] for statement in statements]
        assert verbs == ["BEGIN", "UPDATE", "INSERT", "UPDATE", "COMMIT", "BEGIN", "INSERT", "UPDATE", "COMMIT"]


@pytest.mark.parametrize(
    "persist",
    [
        pytest.param(Persist(2**63, None, 1), id="term"),
        pytest.param(Persist(1, None, 1, (Entry(2**63, b""),)), id="term of an entry"),
    ],
)
def test_a_number_that_the_disk_cannot_hold_is_refused(path: Path, persist: Persist) -> None:
    """The node stops with a clear line, and what was written before is there."""
    with closing(open_disk(path)) as disk:
        write(disk, Persist(1, None, 1, entries(2)))
        with pytest.raises(StorageError, match=r"node\.db cannot hold a term or index of over 63 bits"):
            write(disk, Persist(1, None, 3, entries(2)), persist)
    assert held(path) == Durable().after(Persist(1, None, 1, entries(2)))


def test_a_snapshot_that_the_disk_cannot_hold_is_refused(path: Path) -> None:
    """SQLite holds a gigabyte; a lower limit stands for it here."""
    with closing(open_disk(path)) as disk:
        disk._connection.setlimit(0, 10_000)
        with pytest.raises(StorageError, match=r"cannot hold so large a command or snapshot .*: keep less than 1 GB"):
            write(disk, Persist(1, None, 3, (), Snapshot(2, 1, bytes(20_000))))
    assert held(path) == Durable()
