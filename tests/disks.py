"""Writes that a core could ask for, and what a disk must hold after them."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from random import Random

from quorate.raft import Durable, Entry, Persist, Snapshot
from quorate.raft_server.storage import SqliteStorage

NODE, MEMBERS = 1, (1, 2, 3)
# More looks for what the usual examples don't show.

# Around the sizes of the statements that insert, and of a page.
COUNTS = (0, 1, 1, 2, 3, 63, 64, 65, 131)
COMMANDS = (None, b"", b"\0", b"SET key value", b"x" * 5000)


def open_disk(path: Path) -> SqliteStorage:
    """The database of node 1 of three."""
    return SqliteStorage.open(path, NODE, MEMBERS)


def held(path: Path) -> Durable:
    """What is read by whoever opens the database now."""
    with closing(open_disk(path)) as disk:
        return disk.load()


def write(disk: SqliteStorage, *batch: Persist) -> None:
    """One write, waited for, and for what is removed after it."""

    async def waited() -> None:
        await disk.write(batch)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    asyncio.run(waited())


def next_persist(durable: Durable, rng: Random) -> Persist:
    """A write that a core could ask for next; the term grows, so that no two states of a disk are equal."""
    term, log, snapshot = durable.current_term + rng.choice((1, 1, 2)), durable.log, None
    first = rng.choice((log.last_index + 1, log.last_index + 1, rng.randint(log.first_index, log.last_index + 1)))
    kind = rng.randrange(8)
    if kind == 0 and first > max(1, log.snapshot_index):  # of what is in the log, or the last one again
        index = rng.randint(max(1, log.snapshot_index), first - 1)
        snapshot = Snapshot(index, log.term_at(index) or 0, rng.randbytes(rng.choice((0, 10, 9000))))
    elif kind == 1:  # a leader's, which contradicts the log, or goes beyond it
        index = rng.randint(log.first_index, log.last_index + 5)
        snapshot = Snapshot(index, max(1, log.snapshot_term, term - rng.randrange(3)), rng.randbytes(10))
        first = max(first, index + 1)
    base = durable.after(Persist(term, None, first, (), snapshot)).log
    terms = sorted(rng.randint(max(1, base.last_term), term) for _ in range(rng.choice(COUNTS)))
    entries = tuple(Entry(term, rng.choice(COMMANDS)) for term in terms)
    return Persist(term, rng.choice((None, *MEMBERS)), base.last_index + 1, entries, snapshot)


def history(length: int, rng: Random) -> list[Persist]:
    """So many writes, one after the other."""
    persists, durable = [], Durable()
    for _ in range(length):
        persists.append(next_persist(durable, rng))
        durable = durable.after(persists[-1])
    return persists


def states(persists: Sequence[Persist]) -> list[Durable]:
    """What a disk holds before all of these writes, and after each."""
    return list(accumulate(persists, Durable.after, initial=Durable()))
