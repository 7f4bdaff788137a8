"""Whatever a crash, or worse, makes of the end of the write-ahead log: what opens is what some batch left, never a mix.

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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quorate.database
from disks import EXAMPLES, held, history, open_disk, states, write
from quorate.database import wal_of
from quorate.raft import Durable

HEADER, FRAME, SECTOR = 32, 24 + 4096, 512
BATCHES = 12
EACH_KIND = pytest.mark.parametrize("checkpointed", [0, BATCHES // 2], ids=["all in the log", "half in the database"])


@dataclass(frozen=True)
class Run:
    """A run up to a crash: the database, and the write-ahead log as each batch left it.

    `states[0]` is what the database has itself, `states[n]` what is there after `n` batches more, which end at byte
    `ends[n]` of the log.
    """

    database: bytes
    logs: tuple[bytes, ...]
    ends: tuple[int, ...]
    states: tuple[Durable, ...]

    def batches_before(self, position: int) -> int:
        """How many batches are whole if only the log up to `position` is."""
        return max(number for number, end in enumerate(self.ends) if end <= max(position, self.ends[0]))


@cache
def run(checkpointed: int) -> Run:
    """Some batches, of which the first few have been moved into the database."""
    persists = history(BATCHES, Random(1))
    with TemporaryDirectory() as directory:
        path = Path(directory, "node.db")
        with closing(open_disk(path)) as disk:
            write(disk, *persists[:checkpointed])
            if checkpointed:
                disk._connection.execute("PRAGMA wal_checkpoint")
            logs = [wal_of(path).read_bytes()]
            for persist in persists[checkpointed:]:
                write(disk, persist)
                logs.append(wal_of(path).read_bytes())
            database = path.read_bytes()
    # Before the first batch there is nothing of which anything could be lost: the log will be begun anew.
    ends = (0, *(last_frame_changed(*pair) for pair in pairwise(logs)))
    length = ends[-1] + 3 * FRAME
    logs = [log[:length].ljust(length, b"\0") for log in logs]
    return Run(database, tuple(logs), ends, tuple(states(persists)[checkpointed:]))


def last_frame_changed(before: bytes, after: bytes) -> int:
    """Where the last frame ends in which the two differ."""
    starts = range(HEADER, len(after), FRAME)
    return max(start + FRAME for start in starts if before[start : start + FRAME] != after[start : start + FRAME])


@pytest.fixture(autouse=True)
def _unlengthened(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is opened here is opened to be read, thousands of times.
    monkeypatch.setattr(quorate.database, "_WAL_BYTES", 0)


def opened(database: bytes, log: bytes) -> Durable:
    """What is there after a crash that left these files."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "node.db")
        path.write_bytes(database)
        wal_of(path).write_bytes(log)
        return held(path)


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
@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(data=st.data())
def test_a_log_with_wrong_bytes_gives_the_batches_before_them(checkpointed: int, data: st.DataObject) -> None:
    """Also if what follows is right. After the last batch, nothing that is there is ever taken for one."""
    made = run(checkpointed)
    log = bytearray(made.logs[-1])
    position = data.draw(st.integers(0, len(log) - 1))
    wrong = data.draw(st.binary(min_size=1, max_size=10_000))
    log[position : position + len(wrong)] = wrong
    same = next((n for n, (old, new) in enumerate(zip(made.logs[-1], log, strict=False)) if old != new), len(log))
    # A frame with one wrong byte is no frame; and the header is of all frames.
    whole = HEADER + (same - HEADER) // FRAME * FRAME if same >= HEADER else 0
    assert opened(made.database, bytes(log)) == made.states[made.batches_before(whole)]


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
    assert opened(made.database, bytes(log)) == made.states[expected]


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
    with suppress(quorate.database.StorageError):
        assert opened(bytes(database), b"") == expected
