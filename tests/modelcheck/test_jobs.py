"""Parts of one command in processes beside each other: what is returned, and how they end."""

import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path
from select import select

import pytest

from patience import PATIENCE_S, PROGRAM_S
from quorate_check.cli.jobs import Job, run_jobs
from quorate_check.cli.output import Output, console
from quorate_check.cli.running import interruptible
from quorate_check.core.system import UnusableSystemError


def at_once(value: str) -> Job:
    """A job that has its result at once."""
    return Job(str(value), lambda _output: value)


def until_stopped(output: Output) -> str:
    """Work that ends only if it must, and returns why."""
    with interruptible(output.progress) as stop:
        deadline = time.monotonic() + PATIENCE_S
        while (reason := stop()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
    return str(reason)


def run(*jobs: Job, processes: int = 2, decides: object = None) -> dict[int, str]:
    """The results of jobs, of which one that returns `decides` decides the whole."""
    return run_jobs("these", jobs, processes, console(stderr=True), lambda result: result == decides)


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_results_come_by_number(processes: int) -> None:
    """However many processes there are, fewer or more than jobs."""
    assert run(*map(at_once, "abcde"), processes=processes) == dict(enumerate("abcde"))


def test_the_longest_job_begins_first(tmp_path: Path) -> None:
    """And results have the numbers of the jobs all the same."""
    beginnings = tmp_path / "beginnings"

    def job(name: str, seconds: float) -> Job:
        def work(_output: Output) -> str:
            with beginnings.open("a", encoding="utf-8") as file:
                file.write(name)
            return name

        return Job(name, work, seconds)

    assert run(job("a", 0), job("b", 5), job("c", 0), job("d", 9), processes=1) == dict(enumerate("abcd"))
    assert beginnings.read_text(encoding="utf-8") == "dbac"


def test_a_result_that_decides_keeps_no_earlier_job_from_its_turn() -> None:
    """Though it began first; later ones never begin."""
    decisive = Job("broken", lambda _output: "broken", 9)
    assert run(at_once("first"), decisive, at_once("last"), processes=1, decides="broken") == {0: "first", 1: "broken"}


def test_what_comes_after_the_result_that_decides_is_ended_and_left_out() -> None:
    """And what comes before it is waited for, so that the outcome is that of one job after another."""
    assert run(at_once("first"), at_once("broken"), Job("long", until_stopped), decides="broken") == {
        0: "first",
        1: "broken",
    }


def test_a_signal_ends_all_with_the_results_so_far() -> None:
    """The jobs learn which it was; those that hadn't begun are missing."""

    def signalling(output: Output) -> str:
        os.kill(os.getppid(), signal.SIGTERM)
        return until_stopped(output)

    assert run(Job("a", signalling), Job("b", until_stopped), at_once("c")) == {0: "terminated", 1: "terminated"}


def test_a_process_that_is_lost_ends_the_others() -> None:
    """Its result is missing."""

    def dying(_output: Output) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    assert run(Job("a", until_stopped), Job("b", dying), at_once("c")) == {0: "terminated"}


def test_what_a_job_raises_is_raised() -> None:
    """As if it had run here."""

    def raising(_output: Output) -> None:
        raise UnusableSystemError("this one")

    with pytest.raises(UnusableSystemError, match="this one"):
        run(at_once("first"), Job("a", raising), Job("b", until_stopped))


def test_processes_end_with_the_one_that_gives_the_jobs() -> None:
    """After kill -9, which no handler sees: they write, and find that nobody reads."""
    ready, mark = os.pipe()

    def writing(output: Output) -> None:
        os.write(mark, str(os.getpid()).encode())
        deadline = time.monotonic() + PROGRAM_S
        while time.monotonic() < deadline:
            output.progress.print("at work")
            time.sleep(0.01)

    parent = get_context("fork").Process(target=run, args=(Job("a", writing),))
    parent.start()
    assert select([ready], [], [], PATIENCE_S)[0]
    process = os.pidfd_open(int(os.read(ready, 20)))
    parent.kill()
    parent.join(timeout=PATIENCE_S)
    assert select([process], [], [], PATIENCE_S)[0]  # it has ended
    for descriptor in (ready, mark, process):
        os.close(descriptor)
