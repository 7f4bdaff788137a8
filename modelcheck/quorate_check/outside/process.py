"""Running an outside program: its lines as they come, a time limit, and an end of its whole process group."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from quorate_check.outside.judgement import Stop

POLL_S = 0.1
GRACE_S = 2.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Limit:
    """When to end a program before it ends by itself: after `seconds`, or when `stop` gives a reason."""

    seconds: float | None = None
    stop: Stop = lambda: None


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """The end of a program: its output, its status, and the reason if it was ended.

    `processor` is its seconds of processor time, `memory` the most bytes that it was seen to hold, ten times a second;
    None where there is no /proc. (The kernel's own figure of a process that has ended counts the memory of who started
    it, too.)
    """

    lines: tuple[str, ...]
    status: int
    seconds: float
    stopped: str | None
    processor: float = 0.0
    memory: int | None = None


def run(
    command: Sequence[str], folder: Path, limit: Limit, listener: Callable[[str], None] = lambda _: None
) -> ProgramResult:
    """Run `command` in `folder`, and pass each line of its output to `listener`.

    It gets a process group of its own, which is ended however this function is left.
    """
    start = time.perf_counter()
    lines: list[str] = []
    memory: int | None = None

    def pass_on(line: str) -> None:
        lines.append(line)
        listener(line)

    def stop() -> str | None:
        nonlocal memory
        memory = memory_of(process.pid) or memory  # its peak so far, None once it has ended
        return limit.stop()

    with subprocess.Popen(  # noqa: S603 - the programs that this package is for
        list(command),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            stopped = _follow(_lines_of(process.stdout), process, replace(limit, stop=stop), pass_on)
        finally:
            processor = _end(process)
    return ProgramResult(tuple(lines), process.returncode, time.perf_counter() - start, stopped, processor, memory)


def memory_of(pid: int) -> int | None:
    """Return the most bytes that a process has held in memory; None if it has ended, or there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    kibibytes = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return None if kibibytes is None else int(kibibytes.group(1)) << 10


def _follow(
    lines: queue.Queue[str | None], process: subprocess.Popen[str], limit: Limit, pass_on: Callable[[str], None]
) -> str | None:
    """Pass lines on until the program has ended, and return None; or return why to end it before."""
    deadline = None if limit.seconds is None else time.monotonic() + limit.seconds
    silent = False
    while not (silent and _has_ended(process)):
        if (reason := limit.stop()) is not None:
            return reason
        if deadline is not None and time.monotonic() > deadline:
            return f"the time limit of {limit.seconds:g} s is over"
        if silent:
            time.sleep(POLL_S)
            continue
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if line is None:
            silent = True
        else:
            pass_on(line)
    return None


def _lines_of(stream: IO[str]) -> queue.Queue[str | None]:
    """Return the lines of `stream` as they come, read by a thread so that nobody waits for a silent program."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _has_ended(process: subprocess.Popen[str]) -> bool:
    """Whether the program has ended; it isn't reaped, so that the number of its process group stays in use."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[str]) -> float:
    """End the program and its children by SIGTERM, after GRACE_S by SIGKILL; return its seconds of processor time."""
    deadline = time.monotonic() + GRACE_S
    _signal_group(process, signal.SIGTERM)
    while not _has_ended(process) and time.monotonic() < deadline:
        time.sleep(POLL_S / 10)
    _signal_group(process, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # Some systems refuse to signal a group that consists of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
