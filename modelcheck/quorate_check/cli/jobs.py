"""Jobs of one command in processes beside each other, with one display, one end, and results in order of number."""

from __future__ import annotations

import gc
import io
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawArray
from typing import Any, TextIO, TypeAlias, cast

from rich.console import Console

from quorate_check.cli.output import Output, PathFiles
from quorate_check.cli.progress import Display
from quorate_check.cli.running import WORDS, interruptible, obeying

POLL_S = 0.2
GARBAGE = 50_000  # objects, between two looks for cycles: searches make many objects that stay, and few cycles
Shared: TypeAlias = Any  # an array in shared memory, for which ctypes has no name, with two numbers:
SIGNAL, LAST = range(2)  # the signal to stop by, and the number of the last job that is needed


@dataclass(frozen=True, slots=True)
class Job:
    """One part of the work. `work` prints nowhere but on the `Output` that it gets, and its result can be pickled.

    Jobs begin in the order of their `seconds`, the longest first, lest it be the last and alone; of equals, the first.
    """

    name: str
    work: Callable[[Output], Any]
    seconds: float = 0.0  # about how long it takes


@dataclass(frozen=True, slots=True)
class Stage:
    """What the display shows: how many results there are, of how many jobs, and the latest line of each that runs."""

    results: int
    jobs: int
    lines: tuple[str, ...]

    def text(self) -> str:
        """Return the stage as text, a line for each job that runs."""
        return "\n  ".join((f"{self.results} of {self.jobs} parts have ended", *self.lines))


def run_jobs(
    name: str, jobs: Sequence[Job], processes: int, console: Console, decides: Callable[[Any], bool]
) -> dict[int, Any]:
    """Run `jobs` in so many processes, and return the results by number.

    If a result decides the whole, later jobs are ended and their results left out, so that the outcome doesn't depend
    on which job ends first. A signal ends all, and so does a process that is lost, as one that took too much memory;
    then results are missing. Raises what a job raises.
    """
    shared = RawArray("i", (0, len(jobs)))
    with (
        _members(jobs, min(processes, len(jobs)), shared) as members,
        interruptible(console) as stop,
        Display(console, name, "starting", Stage.text) as display,
    ):
        conductor = _Conductor(jobs, shared, decides, members)
        while conductor.give(stop()):
            display.report(conductor.stage())
            conductor.hear()
        return conductor.results


class _Conductor:
    """Gives jobs to idle processes, the longest first, and collects the results."""

    def __init__(
        self, jobs: Sequence[Job], shared: Shared, decides: Callable[[Any], bool], members: Sequence[Connection]
    ) -> None:
        self._jobs, self._shared, self._decides = jobs, shared, decides
        self._idle = list(members)
        self._todo = deque(sorted(range(len(jobs)), key=lambda number: -jobs[number].seconds))
        self._lines: dict[Connection, str] = {}  # of the processes at work
        self._results: dict[int, Any] = {}

    def give(self, reason: str | None) -> bool:
        """Give jobs to idle processes, unless there is a reason to stop; return whether any process is at work."""
        if reason is not None:
            self._end(next(number for number, word in WORDS.items() if word == reason))
        while self._idle and self._todo:
            if (number := self._todo.popleft()) > self._shared[LAST]:
                continue
            member = self._idle.pop()
            self._lines[member] = f"{self._jobs[number].name}: starting"
            member.send(number)
        return bool(self._lines)

    def stage(self) -> Stage:
        """Return what the display shows."""
        return Stage(len(self._results), len(self._jobs), tuple(self._lines.values()))

    def hear(self) -> None:
        """Wait for the processes for a moment, and take what they send."""
        for member in wait(list(self._lines), POLL_S):
            assert isinstance(member, Connection)
            try:
                message = member.recv()
            except (EOFError, OSError):
                del self._lines[member]
                self._end(signal.SIGTERM)
                continue
            if isinstance(message, str):
                self._lines[member] = message
                continue
            number, result = message
            if isinstance(result, Exception):
                raise result
            del self._lines[member]
            self._idle.append(member)
            self._results[number] = result
            if self._decides(result):
                self._shared[LAST] = min(self._shared[LAST], number)

    def _end(self, number: signal.Signals) -> None:
        self._shared[SIGNAL] = number
        self._todo.clear()

    @property
    def results(self) -> dict[int, Any]:
        """The results by number, without those after one that decides the whole."""
        return {number: result for number, result in sorted(self._results.items()) if number <= self._shared[LAST]}


@contextmanager
def _members(jobs: Sequence[Job], size: int, shared: Shared) -> Iterator[list[Connection]]:
    """Fork so many processes, for a job may be any function, and kill them in the end."""
    context = multiprocessing.get_context("fork")
    processes = []
    pipes: list[Connection] = []
    try:
        for _ in range(size):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            process = context.Process(target=_serve, args=(jobs, theirs, tuple(pipes), shared))
            process.start()
            processes.append(process)
            theirs.close()
        yield pipes
    finally:
        for process in processes:
            process.kill()
            process.join()
        for pipe in pipes:
            pipe.close()


def _serve(jobs: Sequence[Job], pipe: Connection, others: tuple[Connection, ...], shared: Shared) -> None:
    """Do jobs until nobody gives any more."""
    for other in others:
        other.close()
    # Ctrl-C reaches all processes of a terminal; the one that gives the jobs says what to do then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    try:
        while True:
            number = pipe.recv()
            pipe.send((number, _result(jobs[number], number, pipe, shared)))
    except (EOFError, OSError):
        return


def _result(job: Job, number: int, pipe: Connection, shared: Shared) -> object:
    def order() -> str | None:
        if shared[SIGNAL]:
            return WORDS[signal.Signals(shared[SIGNAL])]
        return "not needed any more" if number > shared[LAST] else None

    nowhere = Console(file=io.StringIO())
    progress = Console(file=cast("TextIO", _Lines(pipe)), width=1_000, highlight=False, markup=False, emoji=False)
    try:
        with obeying(order):
            return job.work(Output(None, PathFiles(), None, nowhere, progress))
    except Exception as error:  # noqa: BLE001 - raised again where the jobs are given
        error.add_note(traceback.format_exc())
        return error


class _Lines(io.TextIOBase):
    """Sends each line that is written as one message."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        try:
            for line in filter(None, lines):
                self._pipe.send(line)
        except OSError:  # nobody waits for results any more
            os._exit(1)
        return len(text)
