"""Processes of this machine that run steps for a search."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from quorate_check.core.system import System
from quorate_check.engine.any_network.runner import Reply, Request, Runner
from quorate_check.engine.any_network.shared import LostError


class Processes:
    """So many processes, which begin when they are asked first.

    They are forked, for what a system is made of, functions of whatever kind, isn't sent without more than the
    standard library.
    """

    def __init__(self, system: System, size: int) -> None:
        self.system, self.size = system, size
        self._members: list[tuple[BaseProcess, Connection]] = []

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answer of each process to its request; raise LostError if one has ended."""
        while len(self._members) < self.size:
            self._members.append(self._begin())
        try:
            for (_, pipe), request in zip(self._members, requests, strict=True):
                pipe.send(request)
            return [pipe.recv() for _, pipe in self._members]
        except (EOFError, OSError):
            raise LostError("a process that ran steps has ended; give fewer --workers, or look who ended it") from None

    def _begin(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self.system, theirs, ours), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def figures(self) -> None:
        """Nothing goes to other machines."""

    def end(self) -> None:
        """End all of them."""
        for process, pipe in self._members:
            pipe.close()
            process.kill()
            process.join()
        self._members.clear()


@contextmanager
def processes(system: System, size: int) -> Iterator[Processes | None]:
    """Have so many processes run steps; none where one would do as much as the search itself."""
    if size == 1:
        yield None
        return
    team = Processes(system, size)
    try:
        yield team
    finally:
        team.end()


def _serve(system: System, pipe: Connection, others: Connection) -> None:
    """Answer until nobody asks any more."""
    others.close()
    # Ctrl-C is for the search, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runner = Runner(system)
    try:
        while True:
            pipe.send(runner.answer(pipe.recv()))
    except (EOFError, OSError):
        return
