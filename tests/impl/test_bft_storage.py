"""What a member wrote it finds again, whole or not at all; another's or a damaged database is refused in one line."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from quorate.bft import Certificate, Durable, Persist, Phase, Propose
from quorate.bft_server.batches import digest_of
from quorate.bft_server.catching_up import history_of
from quorate.bft_server.storage import BftStorage, Writing
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.storage_errors import StorageError, wal_of, witness_of

MEMBERS = (1, 2, 3, 4)
DATA = b"a payload"
DIGEST = digest_of(DATA)


def certificate(index: int, phase: Phase = Phase.COMMIT, digest: bytes = DIGEST) -> Certificate:
    """As if three had signed it."""
    return Certificate(phase, index, 1, digest, tuple((member, bytes([member]) * 64) for member in (1, 2, 3)))


PROPOSAL = Propose(1, 2, 1, 1, DIGEST, None, bytes(64))


def open_storage(path: Path) -> BftStorage:
    """Member 1's."""
    return BftStorage.open(path, 1, MEMBERS)


def write(storage: BftStorage, *batch: Writing) -> None:
    """One write, waited for."""

    async def waited() -> None:
        await storage.write(batch)

    asyncio.run(waited())


@pytest.fixture(name="path")
def path_fixture(tmp_path: Path) -> Path:
    """Where the database goes."""
    return tmp_path / "member.sqlite3"


def test_a_new_database_holds_nothing(path: Path) -> None:
    """It is as a member that never ran."""
    with closing(open_storage(path)) as storage:
        assert storage.load() == Durable()
        assert storage.undecided() == []


def test_what_was_written_is_found_again(path: Path) -> None:
    """As `Durable.after` says, through several writes and openings."""
    persists = [
        Persist((), 1, PROPOSAL, None, 0, 1),
        Persist((), 2, PROPOSAL, certificate(1, Phase.PREPARE), 1, 1),
        Persist((certificate(1),), 1, None, None, 0, 0),
        Persist((certificate(2), certificate(3)), 3, None, None, 0, 0),
    ]
    expected = Durable()
    for persist in persists:
        with closing(open_storage(path)) as storage:
            assert storage.load() == expected
            write(storage, Writing(persist, ((DIGEST, DATA),)))
        expected = expected.after(persist)
    with closing(open_storage(path)) as storage:
        assert storage.load() == expected
        assert [item.certificate.index for item in storage.history(2, 10)] == [2, 3]


def test_a_payload_goes_with_the_vote_for_it(path: Path) -> None:
    """It is found when the member starts again, before and after the decision."""
    with closing(open_storage(path)) as storage:
        write(storage, Writing(Persist((), 1, PROPOSAL, None, 0, 0), ((DIGEST, DATA),)))
        assert storage.undecided() == [DATA]
        write(storage, Writing(Persist((certificate(1),), 1, None, None, 0, 0)))
    with closing(open_storage(path)) as storage:
        assert storage.undecided() == []
        assert [*storage.payloads()] == [DATA]
        assert history_of(storage, 1).decided[0].data == DATA


def test_payloads_are_yielded_up_to_the_first_that_is_missing(path: Path) -> None:
    """What is behind a gap can't be applied."""
    other = digest_of(b"other")
    with closing(open_storage(path)) as storage:
        decided = (certificate(1), certificate(2, digest=other), certificate(3))
        write(storage, Writing(Persist(decided, 1, None, None, 0, 0), ((DIGEST, DATA),)))
        assert [*storage.payloads()] == [DATA]
        assert storage.history(2, 1)[0].data is None


def test_a_history_fits_in_a_message(path: Path) -> None:
    """A large payload stands alone; it is never left out."""
    payloads = [bytes([number]) * 700_000 for number in range(3)]
    with closing(open_storage(path)) as storage:
        decided = tuple(certificate(i, digest=digest_of(data)) for i, data in enumerate(payloads, start=1))
        rows = tuple((digest_of(data), data) for data in payloads)
        write(storage, Writing(Persist(decided, 1, None, None, 0, 0), rows))
        assert len(history_of(storage, 1).decided) == 1
        assert history_of(storage, 4).decided == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE instance SET view = 7",
        "UPDATE decision SET certificate = x'00'",
        "UPDATE decision SET log_index = 5",
        "DELETE FROM instance",
    ],
)
def test_a_damaged_database_is_refused(path: Path, change: str) -> None:
    """In one line that says what to do."""
    with closing(open_storage(path)) as storage:
        write(storage, Writing(Persist((certificate(1),), 1, None, None, 0, 0)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(StorageError, match=r"is damaged .*: restore it"):
        open_storage(path)


def test_a_database_of_rafts_is_refused_and_the_other_way_round(path: Path, tmp_path: Path) -> None:
    """Neither is touched."""
    SqliteStorage.open(path, 1, (1, 2, 3)).close()
    with pytest.raises(StorageError, match="is not a database of Quorate's BFT protocol"):
        open_storage(path)
    other = tmp_path / "other"
    open_storage(other).close()
    with pytest.raises(StorageError, match="is not a database of Quorate's Raft"):
        SqliteStorage.open(other, 1, MEMBERS)


def test_one_wrong_bit_in_the_log_of_writes_is_noticed(path: Path, tmp_path: Path) -> None:
    """A crash, and rot: in any page of the write-ahead log, whatever the member wrote there."""
    with closing(open_storage(path)) as storage:
        for number in range(1, 6):
            data = b"payload %d" % number
            decided = (certificate(number, digest=digest_of(data)),)
            write(storage, Writing(Persist(decided, 1, None, None, 0, 0), ((digest_of(data), data),)))
        files = {file.name: file.read_bytes() for file in (path, wal_of(path), witness_of(path))}
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    log = files[wal_of(path).name]
    last = max(start for start in range(32, len(log), 4120) if log[start + 8 : start + 16] == log[16:24])
    for position in range(40, last + 4120, 4120 // 2 + 7):
        files[wal_of(path).name] = log[:position] + bytes([log[position] ^ 1]) + log[position + 1 :]
        for name, content in files.items():
            (crashed / name).write_bytes(content)
        with pytest.raises(StorageError, match="is damaged"):
            open_storage(crashed / path.name)


@pytest.mark.parametrize("table", ["payload", "decision"])
def test_rows_that_are_missing_at_the_end_are_noticed(path: Path, table: str) -> None:
    """No gap tells of them, but the seal does."""
    with closing(open_storage(path)) as storage:
        write(storage, Writing(Persist((certificate(1),), 1, None, None, 0, 0), ((DIGEST, DATA),)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  # one of the two above
    with pytest.raises(StorageError, match=r"is damaged \(it doesn't hold what was written last\)"):
        open_storage(path)
