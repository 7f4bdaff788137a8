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

from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.memory import store_of, used_rows
from quorate_check.engine.any_network.shared import RUN
from quorate_check.engine.any_network.state_space import Frontier, StateSpace
from quorate_check.engine.checkpoint import digest
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
    answers_hash: str = msgspec.field(name="answered")
    reduced: bool
    arrays: dict[str, Place]  # in the order in which they lie
    levels: list[int]
    judged_tuples: int = msgspec.field(name="judged")
    first_new: int = msgspec.field(name="done")
    step_executions: int
    witnesses: list[str]  # seen in steps


class Checkpoint(SearchFolder):
    """The folder of a search of any network."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._log_size = 0  # integers of the log that were written
        self._turn = 0
        self._next = time.perf_counter() + INTERVAL_S

    def offer(self, space: StateSpace, *, last: bool) -> str | None:
        """Write what was found if it is time to; return why that is impossible."""
        if not last and time.perf_counter() < self._next:
            return None
        start = time.perf_counter()
        try:
            self._write(space)
        except OSError as error:
            return f"the checkpoint can't be written: {error.strerror}"
        now = time.perf_counter()
        self._next = now + max(INTERVAL_S, SHARE * (now - start))
        return None

    def _write(self, space: StateSpace) -> None:
        tables, frontier, arrays = space.tables, space.frontier, _arrays(space)
        self.append("pairs", np.array(tables.log[self._log_size :], np.int64))
        self._log_size = len(tables.log)
        old, new = (f"tables-{(self._turn + i) % 2}" for i in range(2))
        self.append(new, *arrays.values(), anew=True)
        self.files.pop(old, None)
        self.replace(
            AtRound(
                format=FORM,
                system=space.system.name,
                seconds=time.perf_counter() - space.start_time,
                files=self.files,
                digest=digest(tables),
                answers_hash=tables.answers_hash.hexdigest(),
                reduced=space.useless is not None,
                arrays={name: Place(array.dtype.str, array.shape) for name, array in arrays.items()},
                levels=space.levels,
                judged_tuples=space.judged_tuples,
                first_new=frontier.first_new,
                step_executions=tables.step_executions,
                witnesses=sorted(tables.step_witnesses),
            )
        )
        self._turn += 1
        (self.folder / old).unlink(missing_ok=True)

    def restore(
        self, space: StateSpace, stop: Callable[[], str | None], report: Callable[[Progress], None]
    ) -> str | None:
        """Bring a search to where it stood, if it has begun; return why that was ended, if it was.

        Raises UnusableSystemError if the folder isn't that of this search, or is damaged.
        """
        if not self.has_checkpoint:
            self.empty()
            return None
        at = self.standing(AtRound, FORM, space.system.name)
        if at.reduced != (space.useless is not None):
            raise self.refusal(f"it was begun with{'out' if at.reduced else ''} --full; go on like that")
        self.check_files()
        self._turn = 1 if "tables-1" in self.files else 0
        arrays = self._read_arrays(at)
        log = self.load("pairs", np.dtype(np.int64), 0, self.files["pairs"].size).reshape(-1, 3)
        space.start_time -= at.seconds
        for first in range(0, len(log), ROWS):
            self._repeat(space, log[first : first + ROWS], arrays["program"])
            space.report(report)
            if (reason := stop()) is not None:
                return reason
        self._compare(space, at)
        self._log_size = len(space.tables.log)
        self._enter(space, at, log, arrays)
        return None

    def _read_arrays(self, at: AtRound) -> dict[str, np.ndarray[Any, Any]]:
        arrays, begin, name = dict[str, np.ndarray[Any, Any]](), 0, f"tables-{self._turn}"
        for key, place in at.arrays.items():
            kind = np.dtype(place.kind)
            size = int(np.prod(place.shape)) * kind.itemsize
            arrays[key] = self.load(name, kind, begin, size).reshape(place.shape)
            begin += size
        return arrays

    def _repeat(self, space: StateSpace, rows: Ints, program: Ints) -> None:
        tables = space.tables
        if not all(tables.repeat(kind, local, code, program) for kind, local, code in rows.tolist()):
            raise self.refusal(OTHER)
        for findings in tables.broken_pairs.values():
            raise self.refusal(f"{findings[0][0]} is broken by a step that kept it before, or {OTHER}")

    def _compare(self, space: StateSpace, at: AtRound) -> None:
        """Refuse a folder of other steps."""
        tables = space.tables
        tables.remember()
        if (digest(tables), tables.answers_hash.hexdigest()) != (at.digest, at.answers_hash):
            raise self.refusal(OTHER)
        if at.witnesses != sorted(tables.step_witnesses):
            raise self.refusal("it is of other witnesses; give an empty folder")
        tables.step_executions = at.step_executions

    def _enter(self, space: StateSpace, at: AtRound, log: Ints, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        """Have the states and what is known of messages, and judge what was judged."""
        space.place_messages()
        kernel.learn_all(space.wiring.steps(), log[log[:, 0] == RUN])
        space.store = store_of(space.shape, arrays)
        if space.useless is not None:
            space.useless.restore({n.removeprefix(USELESS): a for n, a in arrays.items() if n.startswith(USELESS)})
        space.levels[:] = at.levels
        space.frontier = Frontier(at.first_new, arrays["todo"], 0, arrays["again"])
        space.look(at.judged_tuples)
        if space.findings:
            raise self.refusal(
                f"{space.findings[0].name} is broken by a state that kept it before; give an empty folder"
            )


def _arrays(space: StateSpace) -> dict[str, np.ndarray[Any, Any]]:
    arrays = {} if space.useless is None else space.useless.arrays._asdict()
    frontier = space.frontier
    return {
        "program": space.tables.program[: space.tables.program_size],
        "todo": frontier.todo[frontier.at :],
        "again": frontier.retries,
        **used_rows(space.store),
        **{f"{USELESS}{name}": array for name, array in arrays.items()},
    }
