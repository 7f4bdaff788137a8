"""Obligations and ties in parallel, each in one of a few processes, so that one that hangs can be ended.

Limits are of work, not of time on the clock: z3 counts what it does, and a tie its processor time, so that a busy
machine changes no answer. Whoever hangs is ended from outside, and its answer is unknown.
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.effort import longest_s
from quorate_check.proofs.obligation import ProofOutcome, ProofSubject, Tie, discharge

SUBJECTS: Final = {  # what is proved, and the module whose `subject` says what of it
    "quorums": "quorate_check.proofs.quorums",
    "generals": "quorate_check.generals.proofs",
    "raft": "quorate_check.raft.proofs",
    "bft": "quorate_check.bft.proofs",
}
TIE_LIMITS: Final = 10  # a tie is no single query
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """An obligation or a tie, by name, and the seconds of an idle core that it may take."""

    subject: str
    name: str
    limit: float


@dataclass(frozen=True, slots=True)
class ProofProgress:
    """How many tasks are done, of how many, what is being worked at, and since when."""

    done: int
    total: int
    current: tuple[str, ...]
    seconds: float


@cache
def load(name: str) -> ProofSubject:
    """Return the subject of this name."""
    made: ProofSubject = importlib.import_module(SUBJECTS[name]).subject()
    assert made.name == name
    return made


def tasks_of(subject: ProofSubject, limit: float, *, quick: bool = False) -> tuple[Task, ...]:
    """Return the tasks of a subject, or of its quick part: ties first, since they take longest."""
    ties = [Task(subject.name, tie.name, TIE_LIMITS * limit) for tie in subject.ties]
    queries = [Task(subject.name, obligation.name, limit) for obligation in subject.obligations]
    return tuple(task for task in (*ties, *queries) if not quick or task.name in subject.quick)


def perform(task: Task) -> ProofOutcome:
    """Perform a task in this process."""
    subject = load(task.subject)
    each = next(each for each in subject.everything if each.name == task.name)
    return each.run(task.limit) if isinstance(each, Tie) else discharge(each, task.limit)


def _serve(pipe: Connection) -> None:
    """Perform the tasks that arrive, until the pipe is closed."""
    try:
        while (task := pipe.recv()) is not None:
            pipe.send(perform(task))
    except (EOFError, BrokenPipeError):
        return


class _Worker:
    """A process and its present task."""

    def __init__(self) -> None:
        # Not a fork: z3 has threads and memory of its own.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        # Nor may the terminal's Ctrl-C, which is meant for whoever gives the work, end it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self.process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.task: Task | None = None
        self.began = 0.0

    def give(self, task: Task) -> None:
        self.task, self.began = task, time.perf_counter()
        self.pipe.send(task)

    @property
    def overdue(self) -> bool:
        return self.task is not None and time.perf_counter() - self.began > longest_s(self.task.limit)

    def take(self) -> ProofOutcome:
        """Return the answer, which has arrived unless the process has ended."""
        try:
            outcome: ProofOutcome = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            spent = time.perf_counter() - self.began
            return ProofOutcome(Verdict.UNKNOWN, spent, f"the process ended, with status {self.process.exitcode}")
        return outcome

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def perform_all(
    tasks: Sequence[Task], workers: int, stop: Callable[[], str | None], report: Callable[[ProofProgress], None]
) -> dict[Task, ProofOutcome]:
    """Do all tasks, in `workers` processes; until `stop` gives a reason to end early."""
    began = time.perf_counter()
    waiting = list(tasks)
    outcomes: dict[Task, ProofOutcome] = {}
    team = [_Worker() for _ in range(min(workers, len(tasks)))]
    try:
        while len(outcomes) < len(tasks) and stop() is None:
            for number, worker in enumerate(team):
                if worker.overdue:
                    assert worker.task is not None
                    spent = time.perf_counter() - worker.began
                    text = f"it hung: no end within {spent:,.0f} s"
                    outcomes[worker.task] = ProofOutcome(Verdict.UNKNOWN, spent, text)
                    worker.task = None
                    worker.process.kill()
                    worker.process.join()
                if worker.task is None and not worker.process.is_alive():
                    worker.end()
                    team[number] = _Worker()
                if team[number].task is None and waiting:
                    team[number].give(waiting.pop(0))
            busy = {worker.pipe: worker for worker in team if worker.task is not None}
            current = tuple(worker.task.name for worker in busy.values() if worker.task)
            report(ProofProgress(len(outcomes), len(tasks), current, time.perf_counter() - began))
            for pipe in wait(list(busy), POLL_S):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                assert worker.task is not None
                outcomes[worker.task], worker.task = worker.take(), None
    finally:
        for worker in team:
            worker.end()
    return outcomes
