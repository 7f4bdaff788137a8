"""Whatever a crash, or worse, makes of a database and its write-ahead log: nothing acknowledged is missing silently.

What opens is what some batch left, never a mix; and it is refused if anything shows that batches are missing.

The write-ahead log is a header of 32 bytes and frames of 24 and 4096: https://www.sqlite.org/fileformat2.html#walformat
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quorate.runtime.database
from disks import held, history, open_disk, states, write
from nightly import EXAMPLES
from quorate.raft import Durable, Persist
from quorate.raft_server.staged import Staging
from quorate.runtime.seal import Witness
from quorate.runtime.storage_errors import DamagedError, StorageError, wal_of, witness_of

HEADER, FRAME, SECTOR = 32, 24 + 4096, 512
BATCHES = 12
EACH_KIND = pytest.mark.parametrize("checkpointed", [0, BATCHES // 2], ids=["all in the log", "half in the database"])


@dataclass(frozen=True)
class Run:
    """A run up to a crash: the database, and the write-ahead log and the witness as each batch left them.

    `states[0]` is what the database has itself, `states[n]` what is there after `n` batches more, which end at byte
    `ends[n]` of the log.
    """

    database: bytes
    logs: tuple[bytes, ...]
    witnesses: tuple[bytes, ...]
    ends: tuple[int, ...]
    states: tuple[Durable, ...]

    def batches_before(self, position: int) -> int:
        """How many batches are whole if only the log up to `position` is."""
        return max(number for number, end in enumerate(self.ends) if end <= max(position, self.ends[0]))


@cache
def run(checkpointed: int) -> Run:
    """Some batches, of which the first few have been moved into the database.

    What no longer counts stays there: its removal is no batch, and may be missing in a log whose batches are whole.
    """
    persists = history(BATCHES, Random(1))
    with TemporaryDirectory() as directory, patch.object(Staging, "tidy", lambda _: None):
        path = Path(directory, "node.db")
        with closing(open_disk(path)) as disk:
            write(disk, *persists[:checkpointed])
            if checkpointed:
                disk._connection.execute("PRAGMA wal_checkpoint")
            logs, witnesses = [wal_of(path).read_bytes()], [witness_of(path).read_bytes()]
            for persist in persists[checkpointed:]:
                write(disk, persist)
                logs.append(wal_of(path).read_bytes())
                witnesses.append(witness_of(path).read_bytes())
            database = path.read_bytes()
    # Before the first batch there is nothing of which anything could be lost: the log will be begun anew.
    ends = (0, *(last_frame_changed(*pair) for pair in pairwise(logs)))
    length = ends[-1] + 3 * FRAME
    logs = [log[:length].ljust(length, b"\0") for log in logs]
    return Run(database, tuple(logs), tuple(witnesses), ends, tuple(states(persists)[checkpointed:]))


def last_frame_changed(before: bytes, after: bytes) -> int:
    """Where the last frame ends in which the two differ."""
    starts = range(HEADER, len(after), FRAME)
    return max(start + FRAME for start in starts if before[start : start + FRAME] != after[start : start + FRAME])


@pytest.fixture(autouse=True)
def _unlengthened(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is opened here is opened to be read, thousands of times, and no power fails meanwhile.
    monkeypatch.setattr(quorate.runtime.database, "_WAL_BYTES", 0)
    monkeypatch.setattr(Witness, "keep", lambda _: None)


def opened(database: bytes, log: bytes, witness: bytes | None = None) -> Durable:
    """What is there after a crash that left these files; what is refused is left as it is."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "node.db")
        path.write_bytes(database)
        wal_of(path).write_bytes(log)
        if witness is not None:
            witness_of(path).write_bytes(witness)
        try:
            return held(path)
        except StorageError:
            assert not log or wal_of(path).read_bytes() == log
            raise


def is_refused(database: bytes, log: bytes, witness: bytes | None = None) -> bool:
    """Whether these files are refused as damaged."""
    try:
        opened(database, log, witness)
    except DamagedError:
        return True
    return False


def flipped(content: bytes, position: int, bit: int = 0) -> bytes:
    """With one wrong bit."""
    return content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]


def cuts(ends: Sequence[int]) -> Iterator[int]:
    """Around every place where something begins or ends, and some between."""
    places = {0, HEADER, HEADER + 24, *ends, *(end - FRAME for end in ends[1:]), *(end + 24 for end in ends)}
    yield from sorted({max(0, place + offset) for place in places for offset in (-1, 0, 1)})


@EACH_KIND
def test_a_log_that_was_cut_off_gives_the_batches_before_the_cut(checkpointed: int) -> None:
    """All of them, and nothing of the one that was cut."""
    made = run(checkpointed)
    for cut in cuts(made.ends):
        assert opened(made.database, made.logs[-1][:cut]) == made.states[made.batches_before(cut)]


@EACH_KIND
def test_a_log_that_was_cut_off_is_refused_if_it_lacks_what_was_acknowledged(checkpointed: int) -> None:
    """A crash cuts nothing off that was: whatever else did."""
    made = run(checkpointed)
    for cut in cuts(made.ends):
        log = made.logs[-1][:cut]
        if cut < made.ends[-1]:
            assert is_refused(made.database, log, made.witnesses[-1])
        else:
            assert opened(made.database, log, made.witnesses[-1]) == made.states[-1]


@EACH_KIND
@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(data=st.data())
def test_a_log_with_wrong_bytes_is_refused_or_gives_all_of_it(checkpointed: int, data: st.DataObject) -> None:
    """What is after the last batch is never taken for one. Without a witness, the last batch may be missing."""
    made = run(checkpointed)
    log = bytearray(made.logs[-1])
    position = data.draw(st.integers(0, len(log) - 1))
    wrong = data.draw(st.binary(min_size=1, max_size=10_000))
    log[position : position + len(wrong)] = wrong
    same = next((n for n, (old, new) in enumerate(zip(made.logs[-1], log, strict=False)) if old != new), len(log))
    # A frame with one wrong byte is no frame; and the header is of all frames.
    whole = HEADER + (same - HEADER) // FRAME * FRAME if same >= HEADER else 0
    if same < made.ends[-1]:
        assert is_refused(made.database, bytes(log), made.witnesses[-1])
    else:
        assert opened(made.database, bytes(log), made.witnesses[-1]) == made.states[-1]
    with suppress(DamagedError):
        assert opened(made.database, bytes(log)) == made.states[made.batches_before(whole)]


OFFSETS = (0, 4, 8, 12, 16, 20, 24, 24 + 8, 24 + 2000, 24 + 4095)


@EACH_KIND
def test_one_wrong_bit_in_any_frame_is_noticed(checkpointed: int) -> None:
    """In each field of its header, and of its page: by the witness always."""
    made, log = run(checkpointed), run(checkpointed).logs[-1]
    starts = range(HEADER, made.ends[-1], FRAME)
    for number, start in enumerate(starts):
        position = start + OFFSETS[number % len(OFFSETS)]
        assert is_refused(made.database, flipped(log, position, number % 8), made.witnesses[-1])
    for position in range(HEADER):
        assert is_refused(made.database, flipped(log, position, position % 8), made.witnesses[-1])


@EACH_KIND
def test_one_wrong_bit_is_noticed_without_a_witness_if_two_batches_follow(checkpointed: int) -> None:
    """A loss of power may leave an old witness; then the batches that follow tell that it was no torn end."""
    made, log = run(checkpointed), run(checkpointed).logs[-1]
    for number, start in enumerate(range(HEADER, made.ends[-1], 3 * FRAME)):
        wrong = flipped(log, start + OFFSETS[number % len(OFFSETS)], number % 8)
        batch = made.batches_before(start) + 1
        for witness in (None, made.witnesses[0]):
            if batch <= len(made.ends) - 3:
                assert is_refused(made.database, wrong, witness)
            elif batch == len(made.ends) - 1:
                assert opened(made.database, wrong, witness) == made.states[-2], "a torn end looks like this"
    for position in range(HEADER):
        assert is_refused(made.database, flipped(log, position, position % 8))


@EACH_KIND
def test_a_database_with_a_wrong_bit_and_its_log_are_refused_or_as_they_were(checkpointed: int) -> None:
    """The pages that the log replaces don't matter."""
    made, rng = run(checkpointed), Random(3)
    places = {0, *range(16, 100), *(rng.randrange(len(made.database)) for _ in range(50))}
    for position in sorted(places):
        wrong = flipped(made.database, position, position % 8)
        with suppress(StorageError):
            assert opened(wrong, made.logs[-1], made.witnesses[-1]) == made.states[-1]


def test_a_witness_that_is_wrong_itself_bricks_nothing() -> None:
    """It is a second word, and no more: what the database and its log say is whole."""
    made = run(0)
    for position in range(len(made.witnesses[-1])):
        wrong = flipped(made.witnesses[-1], position, position % 8)
        assert opened(made.database, made.logs[-1], wrong) == made.states[-1]
    for wrong in (b"", made.witnesses[-1][:-1], bytes(28), made.witnesses[-1] * 2):
        assert opened(made.database, made.logs[-1], wrong) == made.states[-1]


def test_an_old_witness_of_a_whole_log_is_none_of_a_loss() -> None:
    """It isn't waited for, so a loss of power may leave any."""
    made = run(0)
    for witness in made.witnesses:
        assert opened(made.database, made.logs[-1], witness) == made.states[-1]


def test_what_was_refused_once_is_refused_again_and_left_as_it_was() -> None:
    """Whoever looks into it finds what the disk made of it; and a supervisor's second start serves nobody either."""
    made = run(BATCHES // 2)
    wrong = flipped(made.logs[-1], HEADER + 1000)
    with TemporaryDirectory() as directory:
        path = Path(directory, "node.db")
        path.write_bytes(made.database)
        wal_of(path).write_bytes(wrong)
        witness_of(path).write_bytes(made.witnesses[-1])
        for _ in range(3):
            with pytest.raises(DamagedError, match="writes are missing"):
                held(path)
            assert {file.name for file in path.parent.iterdir()} == {"node.db", "node.db-wal", "node.db-witness"}
            assert wal_of(path).read_bytes() == wrong
            assert witness_of(path).read_bytes() == made.witnesses[-1]
        wal_of(path).write_bytes(made.logs[-1])
        assert held(path) == made.states[-1], "restored as this node last wrote it"


def test_another_history_of_as_many_writes_is_refused() -> None:
    """The witness knows what they left, not only how many they were."""
    with TemporaryDirectory() as directory:
        path, other = Path(directory, "node.db"), Path(directory, "other.db")
        with closing(open_disk(path)) as disk, closing(open_disk(other)) as another:
            write(disk, Persist(1, 1, 1))
            write(another, Persist(1, 2, 1))
            files = path.read_bytes(), wal_of(path).read_bytes(), witness_of(other).read_bytes()
    assert is_refused(*files)


@EACH_KIND
@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(rng=st.randoms(use_true_random=False), batch=st.integers(1, BATCHES // 2))
def test_a_batch_that_was_torn_is_there_as_a_whole_or_not_at_all(checkpointed: int, rng: Random, batch: int) -> None:
    """A disk may write a batch's sectors in any order: a crash leaves some, and the batches before it unharmed."""
    made = run(checkpointed)
    before, after = made.logs[batch - 1], made.logs[batch]
    sectors = [slice(start, start + SECTOR) for start in range(0, len(after), SECTOR)]
    changed = [sector for sector in sectors if before[sector] != after[sector]]
    arrived = rng.sample(changed, rng.choice((len(changed), rng.randrange(len(changed)), len(changed) - 1)))
    log = bytearray(before)
    for sector in arrived:
        log[sector] = after[sector]
    expected = batch if len(arrived) == len(changed) else batch - 1
    for witness in (None, made.witnesses[batch - 1], made.witnesses[0]):
        assert opened(made.database, bytes(log), witness) == made.states[expected]


@cache
def closed() -> tuple[bytes, Durable]:
    """A database that needs no write-ahead log, and what it holds."""
    persists = history(BATCHES, Random(2))
    with TemporaryDirectory() as directory:
        path = Path(directory, "node.db")
        with closing(open_disk(path)) as disk:
            write(disk, *persists)
        return path.read_bytes(), states(persists)[-1]


@settings(max_examples=EXAMPLES or 100, deadline=None)
@given(data=st.data())
def test_a_database_with_a_wrong_byte_is_refused_or_as_it_was(data: st.DataObject) -> None:
    """SQLite has no checksums there; the rows have their own. What is as it was has the wrong byte in a free place."""
    content, expected = closed()
    database = bytearray(content)
    database[data.draw(st.integers(0, len(database) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(StorageError):
        assert opened(bytes(database), b"") == expected
