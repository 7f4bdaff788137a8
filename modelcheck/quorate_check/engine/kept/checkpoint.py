"""A search of any network in a folder, so that another process can go on from there.

The folder holds integers only. Whoever goes on runs again, by the code as it is now, every pair of local state and
event that was run and every delivery that was tried, in the same order, so that ids are the same. It does so under the
names that the search met, compares what comes of it with what came of it then, and judges it. What a pair leads to
under other names of the nodes is read, and has to be the same but for the names; that the code does that as well was
seen by who ran it. What is promised of tuples is judged again of every one that was.

    checkpoint.json     how far the search had come, and how long the other files were then; replaced as a whole
    pairs               (what was done, local id, message id or -1 - event)
    tables-0, tables-1  in turns, whole: the step table, what is known of useless messages, sets, tuples and states
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quorate_check.engine.checkpoint import digest
from quorate_check.engine.kept import kernel
from quorate_check.engine.kept.found import Frontier, Kept
from quorate_check.engine.kept.memory import store_of, used_rows
from quorate_check.engine.kept.shared import RUN
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import Progress
from quorate_check.engine.search_folder import OTHER, SearchFolder, Standing

FORM = "of any network, 1"
INTERVAL_S = 30.0  # between two checkpoints, at least
SHARE = 20  # and so many times as long as it took to write one
ROWS = 1 << 12  # of the log that are run again between two looks at whether to stop
USELESS = "useless_"  # before the names of arrays of useless messages


class Place(msgspec.Struct, array_like=True):
    """An array in a file: its type and its shape."""

    kind: str
    shape: tuple[int, ...]


class AtRound(Standing, kw_only=True):
    """Where a search stood between two calls of the kernel."""

    digest: str
    answered: str
    reduced: bool
    arrays: dict[str, Place]  # in the order in which they lie
    levels: list[int]
    judged: int
    done: int
    step_executions: int
    witnesses: list[str]  # seen in steps


class Checkpoint(SearchFolder):
    """The folder of a search of any network."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._logged = 0  # integers of the log that were written
        self._turn = 0
        self._next = time.perf_counter() + INTERVAL_S

    def offer(self, kept: Kept, *, ended: bool) -> str | None:
        """Write what was found if it is time to; return why that is impossible."""
        if not ended and time.perf_counter() < self._next:
            return None
        began = time.perf_counter()
        try:
            self._write(kept)
        except OSError as error:
            return f"the checkpoint can't be written: {error.strerror}"
        now = time.perf_counter()
        self._next = now + max(INTERVAL_S, SHARE * (now - began))
        return None

    def _write(self, kept: Kept) -> None:
        tables, frontier, arrays = kept.tables, kept.frontier, _arrays(kept)
        self.append("pairs", np.array(tables.log[self._logged :], np.int64))
        self._logged = len(tables.log)
        old, new = (f"tables-{(self._turn + i) % 2}" for i in range(2))
        self.append(new, *arrays.values(), anew=True)
        self.files.pop(old, None)
        self.replace(
            AtRound(
                format=FORM,
                system=kept.system.name,
                seconds=time.perf_counter() - kept.began,
                files=self.files,
                digest=digest(tables),
                answered=tables.answered.hexdigest(),
                reduced=kept.useless is not None,
                arrays={name: Place(array.dtype.str, array.shape) for name, array in arrays.items()},
                levels=kept.levels,
                judged=kept.judged,
                done=frontier.done,
                step_executions=tables.step_executions,
                witnesses=sorted(tables.seen),
            )
        )
        self._turn += 1
        (self.folder / old).unlink(missing_ok=True)

    def restore(self, kept: Kept, stop: Callable[[], str | None], report: Callable[[Progress], None]) -> str | None:
        """Bring a search to where it stood, if it has begun; return why that was ended, if it was.

        Raises UnusableSystemError if the folder isn't that of this search, or is damaged.
        """
        if not self.begun:
            self.empty()
            return None
        at = self.standing(AtRound, FORM, kept.system.name)
        if at.reduced != (kept.useless is not None):
            raise self.refusal(f"it was begun with{'out' if at.reduced else ''} --full; go on like that")
        self.check_files()
        self._turn = 1 if "tables-1" in self.files else 0
        arrays = self._read_arrays(at)
        log = self.load("pairs", np.dtype(np.int64), 0, self.files["pairs"].size).reshape(-1, 3)
        kept.began -= at.seconds
        for first in range(0, len(log), ROWS):
            self._repeat(kept, log[first : first + ROWS], arrays["program"])
            kept.report(report)
            if (reason := stop()) is not None:
                return reason
        self._compare(kept, at)
        self._logged = len(kept.tables.log)
        self._enter(kept, at, log, arrays)
        return None

    def _read_arrays(self, at: AtRound) -> dict[str, np.ndarray[Any, Any]]:
        arrays, begin, name = dict[str, np.ndarray[Any, Any]](), 0, f"tables-{self._turn}"
        for key, place in at.arrays.items():
            kind = np.dtype(place.kind)
            size = int(np.prod(place.shape)) * kind.itemsize
            arrays[key] = self.load(name, kind, begin, size).reshape(place.shape)
            begin += size
        return arrays

    def _repeat(self, kept: Kept, rows: Ints, program: Ints) -> None:
        tables = kept.tables
        if not all(tables.repeat(done, local, code, program) for done, local, code in rows.tolist()):
            raise self.refusal(OTHER)
        for found in tables.broken_pairs.values():
            raise self.refusal(f"{found[0][0]} is broken by a step that kept it before, or {OTHER}")

    def _compare(self, kept: Kept, at: AtRound) -> None:
        """Refuse a folder of other steps."""
        tables = kept.tables
        tables.remember()
        if (digest(tables), tables.answered.hexdigest()) != (at.digest, at.answered):
            raise self.refusal(OTHER)
        if at.witnesses != sorted(tables.seen):
            raise self.refusal("it is of other witnesses; give an empty folder")
        tables.step_executions = at.step_executions

    def _enter(self, kept: Kept, at: AtRound, log: Ints, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        """Have the states and what is known of messages, and judge what was judged."""
        kept.place_messages()
        kernel.learn_all(kept.wiring.steps(), log[log[:, 0] == RUN])
        kept.store = store_of(kept.shape, arrays)
        if kept.useless is not None:
            kept.useless.restore({n.removeprefix(USELESS): a for n, a in arrays.items() if n.startswith(USELESS)})
        kept.levels[:] = at.levels
        kept.frontier = Frontier(at.done, arrays["todo"], 0, arrays["again"])
        kept.look(at.judged)
        if kept.findings:
            raise self.refusal(
                f"{kept.findings[0].name} is broken by a state that kept it before; give an empty folder"
            )


def _arrays(kept: Kept) -> dict[str, np.ndarray[Any, Any]]:
    known = {} if kept.useless is None else kept.useless.known._asdict()
    frontier = kept.frontier
    return {
        "program": kept.tables.program[: kept.tables.program_size],
        "todo": frontier.todo[frontier.at :],
        "again": frontier.again,
        **used_rows(kept.store),
        **{f"{USELESS}{name}": array for name, array in known.items()},
    }
