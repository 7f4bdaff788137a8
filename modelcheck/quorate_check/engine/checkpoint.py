"""A search in a folder: what it had found at the end of a level, so that another process can go on from there.

The folder holds integers only: packed states, the states' parents, and the pairs of local state and event in the order
in which they were run. Whoever goes on runs these pairs again, by the code as it is now, and so hands out the same ids;
a digest of the step table tells whether the code, the bounds or the network have changed since. What is promised is
judged again of every stored state and every step. So nothing that the folder says is believed but that its states were
reached, and that they are all.

    checkpoint.json     how far the search had come, and how long the other files were then; replaced as a whole
    states-0, ...       the packed states of each shard, each part in the layout that `checkpoint.json` names for it
    parents-0, ...      the index of each state's parent
    pairs               (number of the run, local id, message id or -1 - event)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quorate_check.engine.arena import repack, unpad
from quorate_check.engine.layout import WORD_BYTES, Ints, Layout, layout
from quorate_check.engine.readable import Bounds
from quorate_check.engine.search_folder import CHUNK, OTHER, SearchFolder, Standing
from quorate_check.engine.shard import PARENT_BYTES, Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.worker import Worker

FORM = "by levels, 4"


class Part(msgspec.Struct, array_like=True):
    """States that lie in one layout: up to which index, and how wide its ids are."""

    end: int
    local_bits: int
    message_bits: int


class AtLevel(Standing, kw_only=True):
    """Where a search stood at the end of a level."""

    digest: str
    bounds: list[list[tuple[int, int]]]  # of the levels that were expanded, where they begin and end in each shard
    shards: list[list[int]]  # the counts of each
    parts: list[list[Part]]
    workers: list[list[int]]  # the counts of each
    witnesses: dict[str, int]  # seen in steps, and at which depth


@dataclass(slots=True)
class SearchParts:
    """The parts of a search that a checkpoint holds."""

    tables: Tables
    shards: list[Shard]
    workers: list[Worker]
    bounds: Bounds
    witness_depth: dict[str, int]


class Checkpoint(SearchFolder):
    """The folder of a search by levels."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._runs = 0  # written so far
        self._parts: list[list[Part]] = []

    def write(self, search: SearchParts, seconds: float) -> None:
        """Write what was found since the last time; raise OSError where the disk refuses."""
        tables = search.tables
        self._parts = self._parts or [[] for _ in search.shards]
        for p, (shard, parts) in enumerate(zip(search.shards, self._parts, strict=True)):
            at, first = shard.layout, parts[-1].end if parts else 0
            self.append(f"states-{p}", shard.arena.part(first, shard.states))
            self.append(f"parents-{p}", shard.parents[first : shard.states])
            if parts and (parts[-1].local_bits, parts[-1].message_bits) == (at.local_bits, at.message_bits):
                parts.pop()
            parts.append(Part(shard.states, at.local_bits, at.message_bits))
        runs = [np.column_stack([np.full(len(r), i), r]) for i, r in enumerate(tables.runs)][self._runs :]
        self.append("pairs", np.concatenate([np.empty((0, 3), np.int64), *runs]))
        self._runs = len(tables.runs)
        self.replace(
            AtLevel(
                format=FORM,
                system=tables.system.name,
                digest=digest(tables),
                seconds=seconds,
                files=self.files,
                bounds=search.bounds,
                shards=[s.counts.tolist() for s in search.shards],
                parts=self._parts,
                workers=[w.counts.tolist() for w in search.workers],
                witnesses=search.witness_depth,
            )
        )

    def read(self, tables: Tables, workers: int) -> AtLevel | None:
        """Return where the search stood, None if it hasn't begun; bring `tables` to where they were.

        Raises UnusableSystemError if the folder isn't that of this search, or is damaged.
        """
        if not self.has_checkpoint:
            self.empty()
            return None
        at = self.standing(AtLevel, FORM, tables.system.name)
        if len(at.shards) != workers:
            raise self.refusal(f"it was begun with {len(at.shards)} workers; go on with as many")
        self._parts = at.parts
        self.check_files()
        rows = self.load("pairs", np.dtype(np.int64), 0, self.files["pairs"].size).reshape(-1, 3)
        begins = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
        for pairs in np.split(rows[:, 1:], begins)[1:]:
            self._run_again(tables, pairs)
        self._runs = len(tables.runs)
        if digest(tables) != at.digest:
            raise self.refusal(OTHER)
        if set(at.witnesses) != tables.step_witnesses:
            raise self.refusal("it is of other witnesses; give an empty folder")
        return at

    def _run_again(self, tables: Tables, pairs: Ints) -> None:
        locals_, codes = pairs.T
        if locals_.max() >= len(tables.locals) or not -len(tables.events) <= codes.min() <= codes.max() < len(
            tables.messages
        ):
            raise self.refusal(OTHER)
        if findings := tables.execute(np.column_stack([np.zeros(len(pairs), np.int64), pairs])):
            raise self.refusal(f"{findings[0][1]} is broken by a step that kept it before, or {OTHER}")

    def restore(self, at: AtLevel, search: SearchParts) -> Layout:
        """Fill `search` with what was found, and return its layout; raise OutOfMemoryError if that doesn't fit."""
        last = at.parts[0][-1]
        to = layout(search.tables.system, last.local_bits, last.message_bits)
        for p, shard in enumerate(search.shards):
            shard.begin(to, at.shards[p])
            end, place = 0, 0  # states that were entered, and where the file goes on
            for part in at.parts[p]:
                lies = layout(search.tables.system, part.local_bits, part.message_bits)
                while end < part.end:
                    count = min(CHUNK, part.end - end)
                    content = self.load(f"states-{p}", np.dtype(np.uint8), place, count * lies.size)
                    states = unpad(np.pad(content, (0, WORD_BYTES)), np.arange(count), lies)
                    shard.enter(repack(states, lies, to), end)
                    end, place = end + count, place + count * lies.size
            shard.parents[:end] = self.load(f"parents-{p}", np.dtype(np.uint32), 0, end * PARENT_BYTES)
        for worker, counts in zip(search.workers, at.workers, strict=True):
            worker.counts[:] = counts
        search.bounds += at.bounds
        search.witness_depth.update(at.witnesses)
        return to


def digest(tables: Tables) -> str:
    """Return a digest of all that the kernels know of a system: its steps, renamings, bounds and network."""
    n, m = len(tables.locals), len(tables.messages)
    pairs = tables.pairs.reshape(-1, 2)
    pairs = pairs[pairs[:, 0] != 0]
    parts: list[np.ndarray[Any, Any]] = [
        pairs[np.argsort(pairs[:, 0])],
        tables.program[: tables.program_size],
        tables.spontaneous[:n],
        tables.beyond[:n],
        tables.done[:n],
        tables.rename_local[:, :n],
        tables.rename_message[:, :m],
        tables.destination[:m],
        tables.link[:m],
        tables.event_budget,
        tables.budget_limit,
        np.array(tables.initial),
        np.array([tables.message_id(message) for message in tables.system.flight], np.int64),
    ]
    total = hashlib.sha256(repr(tables.system.network).encode())
    for part in parts:
        total.update(f"{part.shape}".encode())
        total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()
