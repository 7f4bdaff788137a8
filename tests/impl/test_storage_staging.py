"""A snapshot goes to the disk in pieces beside other writes, counts from one small write on, and not before."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from disks import MEMBERS, NODE, held, open_disk, write
from patience import PATIENCE_S
from quorate.raft import Durable, Entry, Persist, Snapshot
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.interfaces import DiskFullError
from quorate.runtime.storage_errors import wal_of

PIECE_BYTES = 1 << 20
ENTRIES = tuple(Entry(1, b"%d" % number) for number in range(10))
FIRST = Persist(1, None, 1, ENTRIES)
OLD = Persist(1, None, 11, (), Snapshot(4, 1, b"old" * PIECE_BYTES))
NEW = Persist(1, None, 11, (), Snapshot(8, 1, b"new" * (3 * PIECE_BYTES)))


def rows(path: Path) -> tuple[int, int]:
    """How many pieces and entries the closed database has."""
    with closing(sqlite3.connect(path)) as connection:
        ((pieces,),) = connection.execute("SELECT count(*) FROM piece").fetchall()
        ((entries,),) = connection.execute("SELECT count(*) FROM log").fetchall()
    return pieces, entries


def compacted(path: Path) -> Durable:
    """Write entries and an old snapshot."""
    with closing(open_disk(path)) as disk:
        write(disk, FIRST)
        write(disk, OLD)
    return Durable().after(FIRST).after(OLD)


def copied(disk: SqliteStorage, path: Path, number: int) -> Path:
    """What the disk of a machine that lost power now would hold."""
    copy = path.parent / str(number) / path.name
    copy.parent.mkdir()
    with disk._connection.in_use:
        for one, other in ((path, copy), (wal_of(path), wal_of(copy))):
            other.write_bytes(one.read_bytes())
    return copy


def test_writes_are_acknowledged_between_the_pieces(tmp_path: Path) -> None:
    """None waits for more than one piece; what was written meanwhile is there, and so is the snapshot at last."""
    path = tmp_path / "node.db"
    assert NEW.snapshot is not None
    snapshot, during = NEW.snapshot, []

    async def main(disk: SqliteStorage) -> None:
        staged = disk.stage(snapshot)
        async with asyncio.timeout(PATIENCE_S):
            while not staged.done():
                index = 11 + len(during)
                during.append(Persist(1, None, index, (Entry(1, b"meanwhile"),)))
                await disk.write([during[-1]], may_block=True)
                await asyncio.sleep(0)
            await staged
        await disk.write([Persist(1, None, 11 + len(during), (), snapshot)])
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    expected = compacted(path)
    with closing(open_disk(path)) as disk:
        asyncio.run(main(disk))
    for persist in during:
        expected = expected.after(persist)
    assert len(during) >= 9, "one between each two pieces"
    assert held(path) == expected.after(Persist(1, None, 11 + len(during), (), snapshot))
    assert rows(path) == (9, 2 + len(during)), "nothing is left of what the snapshot stands for"


def test_what_was_staged_counts_for_nothing_until_it_is_written(tmp_path: Path) -> None:
    """A crash leaves the old snapshot in force; the next start removes the pieces."""
    path = tmp_path / "node.db"
    expected = compacted(path)
    assert NEW.snapshot is not None
    snapshot = NEW.snapshot

    async def main(disk: SqliteStorage) -> None:
        await disk.stage(snapshot)

    with closing(open_disk(path)) as disk:
        asyncio.run(main(disk))
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir()
        for one, other in ((path, copy), (wal_of(path), wal_of(copy))):
            other.write_bytes(one.read_bytes())
    assert rows(path)[0] == 3 + 9
    for each in (path, copy):
        assert held(each) == expected
        assert rows(each) == (3, 6)


def test_a_crash_among_the_pieces_leaves_the_old_snapshot(tmp_path: Path) -> None:
    """Copies that are taken at any time are as good as the disk of a machine that lost power then."""
    path = tmp_path / "node.db"
    expected = compacted(path)
    assert NEW.snapshot is not None
    snapshot, copies = NEW.snapshot, []

    async def main(disk: SqliteStorage) -> None:
        staged = disk.stage(snapshot)
        while not staged.done():
            await disk.write([Persist(2 + len(copies), None, 11)])
            copies.append(copied(disk, path, len(copies)))

    with closing(open_disk(path)) as disk:
        asyncio.run(main(disk))
    assert len(copies) > 3
    for number, copy in enumerate(copies):
        assert held(copy) == expected.after(Persist(2 + number, None, 11))
        assert rows(copy) == (3, 6)


def test_another_object_of_the_same_value_is_written_whole(tmp_path: Path) -> None:
    """Whoever stages one snapshot and writes another loses nothing but time."""
    path = tmp_path / "node.db"
    expected = compacted(path)
    assert NEW.snapshot is not None
    snapshot = NEW.snapshot
    other = Snapshot(8, 1, b"other" * PIECE_BYTES)

    async def main(disk: SqliteStorage) -> None:
        await disk.stage(snapshot)
        await disk.write([Persist(1, None, 11, (), other)])

    with closing(SqliteStorage.open(path, NODE, MEMBERS)) as disk:
        asyncio.run(main(disk))
    assert held(path) == expected.after(Persist(1, None, 11, (), other))
    assert rows(path) == (5, 2)


def test_a_snapshot_that_finds_no_room_leaves_its_pieces_room_to_others(tmp_path: Path) -> None:
    """What is acknowledged goes on meanwhile; when there is room, the same snapshot is staged and counts."""
    path = tmp_path / "node.db"
    expected = compacted(path)
    assert NEW.snapshot is not None
    snapshot, large = NEW.snapshot, Persist(1, None, 11, (Entry(1, bytes(4 * PIECE_BYTES)),))

    async def main(disk: SqliteStorage) -> None:
        ((pages,),) = disk._connection.execute("PRAGMA page_count").fetchall()
        disk._connection.execute(f"PRAGMA max_page_count = {pages + 1_200}")  # for four pieces of nine
        for _ in range(2):
            with pytest.raises(DiskFullError, match="has no room on its disk: free some space"):
                await disk.stage(snapshot)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await disk.write([large])
        disk._connection.execute("PRAGMA max_page_count = 1000000")
        await disk.stage(snapshot)
        assert disk._staging.find(snapshot) is not None
        await disk.write([Persist(1, None, 12, (), snapshot)])
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    with closing(open_disk(path)) as disk:
        asyncio.run(main(disk))
    assert held(path) == expected.after(large).after(Persist(1, None, 12, (), snapshot))
    assert rows(path) == (9, 3)


@pytest.mark.parametrize("begun", [0, 1, 4])
@pytest.mark.parametrize("fails", [False, True])
def test_another_snapshot_written_among_the_pieces_harms_neither(tmp_path: Path, begun: int, *, fails: bool) -> None:
    """A server's own is written whole, or finds no room, while its leader's is being staged; each counts in turn."""
    path = tmp_path / "node.db"
    expected = compacted(path)
    assert NEW.snapshot is not None
    snapshot, own = NEW.snapshot, Persist(1, None, 11, (), Snapshot(6, 1, b"own" * PIECE_BYTES))
    copies = []

    async def main(disk: SqliteStorage) -> None:
        async with asyncio.timeout(60):
            staged = disk.stage(snapshot)
            while len(disk._connection.execute("SELECT 1 FROM piece").fetchall()) < 3 + begun:
                await disk.write([Persist(1, None, 11)])
                assert not staged.done()
            if fails:  # there is room for two pieces of what is being staged, and not for the three of the other
                ((pages,),) = disk._connection.execute("PRAGMA page_count").fetchall()
                disk._connection.execute(f"PRAGMA max_page_count = {pages + 700}")
                with pytest.raises(DiskFullError):
                    await disk.write([own])
                disk._connection.execute("PRAGMA max_page_count = 1000000")
            else:
                await disk.write([own])
            copies.append(copied(disk, path, 1))
            await staged
            copies.append(copied(disk, path, 2))
            await disk.write([NEW])
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)

    with closing(open_disk(path)) as disk:
        asyncio.run(main(disk))
    between = expected if fails else expected.after(own)
    assert [held(copy) for copy in copies] == [between, between]
    assert held(path) == between.after(NEW)
    assert rows(path) == (9, 2)
