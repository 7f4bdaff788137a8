"""Runs commands of `model-check`, on the code or on a copy of it, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from quorate_check.core.system import UnusableSystemError
from quorate_check.learn.copies import make_copy
from quorate_check.learn.exercises import Change, Report

PROGRAM = "import sys; from quorate_check.cli import main; sys.exit(main())"
Run = Callable[[str, Path | None], Report]


def run_command(command: str, folder: Path | None) -> Report:
    """Return the report of a command with these arguments, on the copy in `folder` or on the code itself.

    Raises UnusableSystemError if there is no report, because the copy can't be imported, for instance.
    """
    path = os.pathsep.join(filter(None, [str(folder.resolve()) if folder else "", os.environ.get("PYTHONPATH", "")]))
    process = subprocess.run(  # noqa: S603 - our own command
        # -P: a folder named quorate in the current folder isn't imported.
        [sys.executable, "-P", "-c", PROGRAM, *shlex.split(command), "--json", "-"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        report: Report = json.loads(process.stdout)
    except ValueError:
        raise UnusableSystemError(f"model-check {command}: {_reason(process.stderr)}") from None
    return report


def _reason(errors: str) -> str:
    """Return the last line of what a command said, with the place if it is a traceback's."""
    reason = errors.strip().rpartition("\n")[2]
    places = re.findall(r'^ *File "(.+)", line (\d+)', errors, re.MULTILINE)
    return f"{reason} ({places[-1][0]}, line {places[-1][1]})" if places else reason


def reports_of(commands: Sequence[str], change: Change | None, run: Run) -> list[Report]:
    """Return the reports of all commands, on a copy with `change` if there is one."""
    if change is None:
        return [run(command, None) for command in commands]
    with tempfile.TemporaryDirectory(prefix="quorate-learn-") as folder:
        make_copy(Path(folder), change)
        return [run(command, Path(folder)) for command in commands]
