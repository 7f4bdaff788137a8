"""Obligations and ties in parallel, each in one of a few processes, so that one that hangs can be ended.

Limits are of work and not of wall time: z3 counts its work, and a tie its CPU time, so that a busy machine changes no
answer. A process that hangs is ended from outside, and its verdict is unknown.
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

SUBJECTS: Final = {  # the module whose function `subject` returns the proofs, by name
    "quorums": "quorate_check.proofs.quorums",
    "generals": "quorate_check.generals.proofs",
    "raft": "quorate_check.raft.proofs",
    "bft": "quorate_check.bft.proofs",
}
TIE_LIMITS: Final = 10  # the limit of a tie, in limits of one question
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """An obligation or a tie, by name, and its limit in seconds of an idle core."""

    subject: str
    name: str
    limit: float


@dataclass(frozen=True, slots=True)
class ProofProgress:
    """The number of finished tasks, of all, the names of those in work, and the seconds since the start."""

    done: int
    total: int
    current: tuple[str, ...]
    seconds: float


@cache
def load(name: str) -> ProofSubject:
    """Return the subject of this name."""
    subject: ProofSubject = importlib.import_module(SUBJECTS[name]).subject()
    assert subject.name == name
    return subject


def tasks_of(subject: ProofSubject, limit: float, *, quick: bool = False) -> tuple[Task, ...]:
    """Return the tasks of a subject, or of its quick part: ties first, since they take longest."""
    ties = [Task(subject.name, tie.name, TIE_LIMITS * limit) for tie in subject.ties]
    queries = [Task(subject.name, obligation.name, limit) for obligation in subject.obligations]
    return tuple(task for task in (*ties, *queries) if not quick or task.name in subject.quick)


def perform(task: Task) -> ProofOutcome:
    """Perform a task in this process."""
    subject = load(task.subject)
    entry = next(entry for entry in subject.everything if entry.name == task.name)
    return entry.run(task.limit) if isinstance(entry, Tie) else discharge(entry, task.limit)


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
        # A fork would copy z3's memory without its threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, worker_end = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(worker_end,), daemon=True)
        # Ctrl-C at the terminal reaches all processes of the group; only the parent may react to it.
        old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self.process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        worker_end.close()
        self.task: Task | None = None
        self.start = 0.0

    def assign(self, task: Task) -> None:
        self.task, self.start = task, time.perf_counter()
        self.pipe.send(task)

    @property
    def overdue(self) -> bool:
        return self.task is not None and time.perf_counter() - self.start > longest_s(self.task.limit)

    def receive(self) -> ProofOutcome:
        """Return the answer, which has arrived unless the process has ended."""
        try:
            outcome: ProofOutcome = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            seconds = time.perf_counter() - self.start
            return ProofOutcome(Verdict.UNKNOWN, seconds, f"the process ended, with status {self.process.exitcode}")
        return outcome

    def stop_process(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def perform_all(
    tasks: Sequence[Task], workers: int, stop: Callable[[], str | None], report: Callable[[ProofProgress], None]
) -> dict[Task, ProofOutcome]:
    """Perform all tasks in `workers` processes, or as many as finish before `stop` returns a reason to end early."""
    start = time.perf_counter()
    queue = list(tasks)
    outcomes: dict[Task, ProofOutcome] = {}
    processes = [_Worker() for _ in range(min(workers, len(tasks)))]
    try:
        while len(outcomes) < len(tasks) and stop() is None:
            for number, worker in enumerate(processes):
                if worker.overdue:
                    assert worker.task is not None
                    seconds = time.perf_counter() - worker.start
                    text = f"it hung: no end within {seconds:,.0f} s"
                    outcomes[worker.task] = ProofOutcome(Verdict.UNKNOWN, seconds, text)
                    worker.task = None
                    worker.process.kill()
                    worker.process.join()
                if worker.task is None and not worker.process.is_alive():
                    worker.stop_process()
                    processes[number] = _Worker()
                if processes[number].task is None and queue:
                    processes[number].assign(queue.pop(0))
            busy = {worker.pipe: worker for worker in processes if worker.task is not None}
            current = tuple(worker.task.name for worker in busy.values() if worker.task)
            report(ProofProgress(len(outcomes), len(tasks), current, time.perf_counter() - start))
            for pipe in wait(list(busy), POLL_S):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                assert worker.task is not None
                outcomes[worker.task], worker.task = worker.receive(), None
    finally:
        for worker in processes:
            worker.stop_process()
    return outcomes
