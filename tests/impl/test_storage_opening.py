"""What isn't this node's whole and undamaged database is refused, in one line that says what to do."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import disk_process
from disks import MEMBERS, NODE, held, open_disk, write
from quorate.raft import Entry, Persist, Snapshot
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.database import FORMAT
from quorate.runtime.paths import is_there
from quorate.runtime.storage_errors import StorageError, wal_of

LOG = Persist(2, 3, 1, (Entry(1, b"a"), Entry(2, b"b"), Entry(2, None), Entry(2, b"d")))
DAMAGE = "restore it with its node.db-wal as this node last wrote them"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of node 1 with four entries, closed."""
    file = tmp_path / "node.db"
    with closing(open_disk(file)) as disk:
        write(disk, LOG)
    return file


def refusal(path: Path) -> str:
    """The one line with which the database is refused; it begins with the file's name."""
    with pytest.raises(StorageError) as caught:
        open_disk(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    assert text.startswith(str(path))
    return text[len(str(path)) :]


def change(path: Path, *statements: str) -> None:
    """Write to the database behind our back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"SQLite", id="short"),
        pytest.param(b"shopping list: milk, bread\n" * 400, id="text"),
    ],
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """An empty file, too: it may be what is left of a database."""
    file = tmp_path / "list.txt"
    file.write_bytes(content)
    assert refusal(file) == " is no Quorate database: give another path; this file is left as it is"
    assert file.read_bytes() == content


def test_another_applications_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Not even its write-ahead log is touched, which SQLite would empty on opening."""
    file, copy = tmp_path / "songs.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE songs (name TEXT)")
        shutil.copy(file, copy)
        shutil.copy(wal_of(file), wal_of(copy))
    before = copy.read_bytes(), wal_of(copy).read_bytes()
    assert refusal(copy) == " is not a database of Quorate's Raft: give another path; this file is left as it is"
    assert (copy.read_bytes(), wal_of(copy).read_bytes()) == before


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """As is anything else that is no file."""
    assert refusal(tmp_path) == " is a directory or a device: give the path of a database file"


def test_a_path_without_a_directory_is_refused(tmp_path: Path) -> None:
    """Directories are not made up from what may be a slip."""
    advice = "give a path in a directory that exists and may be written to"
    assert refusal(tmp_path / "nowhere" / "node.db") == f" cannot be created (No such file or directory): {advice}"


def test_a_database_that_may_not_be_read_is_refused(path: Path) -> None:
    """The line says what the operating system said, and what to permit."""
    path.parent.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        advice = "let this user read and write the file and its directory"
        assert refusal(path) == f" cannot be opened (Permission denied): {advice}"
    finally:
        os.seteuid(user)
        path.parent.chmod(0o700)


def test_another_nodes_database_is_refused_and_still_opens_as_its_own(path: Path) -> None:
    """Also after a crash, when its latest writes are not yet in the file."""
    with pytest.raises(StorageError, match="belongs to node 1, not to node 2: give each node its own database"):
        SqliteStorage.open(path, 2, MEMBERS)
    with closing(open_disk(path)) as disk:
        write(disk, Persist(3, None, 5))
        crashed = path.with_name("crashed.db")
        shutil.copy(path, crashed)
        shutil.copy(wal_of(path), wal_of(crashed))
    with pytest.raises(StorageError, match="belongs to node 1, not to node 3"):
        SqliteStorage.open(crashed, 3, MEMBERS)
    assert held(crashed).current_term == 3


def test_another_clusters_database_is_refused(path: Path) -> None:
    """Quorums of other members than those that the log was written with mean nothing."""
    with pytest.raises(StorageError, match=r"belongs to a cluster of the nodes 1, 2, 3, not 1, 2:"):
        SqliteStorage.open(path, NODE, (1, 2))


@pytest.mark.parametrize("version", [FORMAT + 1, -FORMAT - 1])
def test_a_newer_format_is_refused(path: Path, version: int) -> None:
    """Closed in an orderly way or not."""
    change(path, f"PRAGMA user_version = {version}")
    advice = "start the version that wrote it"
    assert refusal(path) == f" has format {FORMAT + 1}, and this version of Quorate reads format {FORMAT}: {advice}"


def test_a_database_in_use_is_refused_and_its_user_goes_on(tmp_path: Path) -> None:
    """A second process that is started by mistake harms nobody."""
    file = tmp_path / "node.db"
    command = [sys.executable, disk_process.__file__, "write", str(file), "1", "200"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            advice = "stop that one first, or give each node its own database"
            assert refusal(file) == f" is in use by another process: {advice}"
            last = [int(process.stdout.readline()) for _ in range(20)]
            assert last == sorted(last)
        finally:
            process.kill()


def test_a_database_without_its_write_ahead_log_is_refused(path: Path) -> None:
    """A copy of the one file while a node runs, or after a crash, may lack what the node has promised."""
    with closing(open_disk(path)) as disk:
        write(disk, Persist(3, None, 5))
        copy = path.with_name("copy.db")
        shutil.copy(path, copy)
    assert " is damaged (copy.db-wal is missing, and with it the latest writes): restore" in refusal(copy)
    assert "copy.db-wal is missing" in refusal(copy), "to have looked changes nothing"


@pytest.mark.parametrize("way", disk_process.WAYS)
def test_whatever_ends_a_process_the_next_start_serves(tmp_path: Path, way: str) -> None:
    """SQLite removes the write-ahead log of a connection that nobody closed; the database must not need it then."""
    file = tmp_path / "node.db"
    command = [sys.executable, disk_process.__file__, "leave", str(file), way]
    subprocess.run(command, capture_output=True, check=False, timeout=60)
    first, *_ = held(file).log.entries
    assert first == Entry(1, b"kept")


def test_a_write_ahead_log_without_its_database_is_refused(path: Path) -> None:
    """A new database in place of a lost one would forget a vote."""
    with closing(open_disk(path)):
        shutil.copy(wal_of(path), path.with_name("lost.db-wal"))
    assert refusal(path.with_name("lost.db")).startswith(" is missing, but its lost.db-wal is there: restore")


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        pytest.param(["DELETE FROM log WHERE entry_index = 2"], "the log has a gap", id="gap"),
        pytest.param(["DELETE FROM log WHERE entry_index = 1"], "the log has a gap", id="gap at the beginning"),
        pytest.param(["DELETE FROM log WHERE entry_index = 4"], "it doesn't hold what was written last", id="no end"),
        pytest.param(["UPDATE seal SET writes = writes - 1"], "its seal is wrong", id="seal"),
        pytest.param(["DELETE FROM seal"], "its seal is wrong", id="no seal"),
        pytest.param(["UPDATE log SET term = 1 WHERE entry_index = 3"], "a checksum is wrong", id="term"),
        pytest.param(["UPDATE log SET command = NULL WHERE entry_index = 1"], "a checksum is wrong", id="command"),
        pytest.param(["UPDATE log SET command = x'' WHERE entry_index = 3"], "a checksum is wrong", id="no-op"),
        pytest.param(["UPDATE vote SET voted_for = NULL"], "a checksum is wrong", id="vote"),
        pytest.param(["UPDATE vote SET current_term = 1"], "a checksum is wrong", id="current term"),
        pytest.param(["DELETE FROM vote"], "a table hasn't as many rows as it should have", id="no vote"),
        pytest.param(
            ["INSERT INTO vote SELECT * FROM vote"], "a table hasn't as many rows as it should have", id="two votes"
        ),
        pytest.param(["DELETE FROM identity"], "it doesn't say whose it is", id="no identity"),
        pytest.param(["CREATE INDEX more ON log (term)"], "its tables are not as they were made", id="index"),
        pytest.param(["DROP TABLE snapshot"], "its tables are not as they were made", id="no table"),
    ],
)
def test_rows_that_were_not_written_so_are_refused(path: Path, statements: list[str], why: str) -> None:
    """SQLite finds nothing wrong with them."""
    change(path, *statements)
    assert refusal(path).startswith(f" is damaged ({why}): {DAMAGE}")


@pytest.mark.parametrize(
    "persist",
    [
        pytest.param(Persist(2, 3, 5, (Entry(1, b""),)), id="an entry's after a later one"),
        pytest.param(Persist(2, 3, 5, (Entry(3, b""),)), id="an entry's after the current one"),
        pytest.param(Persist(2, 3, 5, (), Snapshot(2, 3, b"")), id="a snapshot's after the current one"),
    ],
)
def test_terms_out_of_order_are_refused(path: Path, persist: Persist) -> None:
    """No core writes such; whoever did, nobody can rely on the rest."""
    with closing(open_disk(path)) as disk:
        write(disk, persist)
    assert refusal(path).startswith(f" is damaged (its terms are out of order): {DAMAGE}")


def cut(content: bytes) -> bytes:
    """Without its end."""
    return content[:-4096]


def overwritten(content: bytes) -> bytes:
    """With a page of zeros in the middle."""
    return content[:8192] + bytes(4096) + content[12288:]


@pytest.mark.parametrize("damage", [cut, overwritten])
def test_a_damaged_file_is_refused(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """SQLite says what is wrong, in words that are for the operator to pass on."""
    path.write_bytes(damage(path.read_bytes()))
    assert re.match(rf" is damaged \(.+\): {DAMAGE}", refusal(path))


def test_whoever_creates_a_database_second_takes_the_first_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's database is replaced by an empty one: here it appears just after the look for it."""
    file = tmp_path / "node.db"
    with closing(open_disk(file)) as disk:
        write(disk, LOG)
    with monkeypatch.context() as patch:
        patch.setattr("quorate.runtime.database.is_there", lambda path: path != file and is_there(path))
        assert held(file).log.last_index == 4
    assert list(tmp_path.iterdir()) == [file]
