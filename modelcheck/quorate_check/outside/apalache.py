"""Apalache, a symbolic model checker of TLA+, if `apalache-mc` is on the PATH.

Only its verdict up to a number of steps is used: it counts no states. This module was never run with the real program:
the command line and the answers follow its manual, and the tests use a stand-in. Apalache also requires type
annotations, which the specification doesn't have; without them it fails, and the report says so.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from quorate_check.core.verdict import Verdict
from quorate_check.outside import process
from quorate_check.outside.judgement import CheckerError, Judgement, NotRunError
from quorate_check.outside.model import MODULE, Model

NAME = "apalache"
PROGRAM = "apalache-mc"
NOT_THERE = f"{PROGRAM} isn't on the PATH: unpack a release of github.com/apalache-mc/apalache and add its bin folder"
DEFAULT_LENGTH = 8  # steps; each further one makes it much slower
VIOLATED = 12  # its exit status


def find() -> str:
    """Return the path of the program; raise NotRunError, which says what to install, if there is none."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise NotRunError(NOT_THERE)
    return program


def check(model: Model, program: str, limit: process.Limit, length: int = DEFAULT_LENGTH) -> Judgement:
    """Check the invariants of `model` in the states of at most `length` steps. Raise CheckerError if it fails."""
    with tempfile.TemporaryDirectory(prefix="quorate-apalache-") as name:
        folder = Path(name).resolve()
        model.write(folder)
        cfg = model.plain_cfg()
        (folder / f"{MODULE}.cfg").write_text(cfg, encoding="utf-8")
        options = [f"--config={MODULE}.cfg", f"--length={length}", "--no-deadlock"]
        result = process.run([program, "check", *options, f"{MODULE}.tla"], folder, limit)
    if result.stopped is not None:
        return Judgement(NAME, Verdict.UNKNOWN, result.seconds, stopped=result.stopped, searched=length)
    if any("The outcome is: NoError" in line for line in result.lines) and result.status == 0:
        return Judgement(NAME, Verdict.HOLDS, result.seconds, searched=length)
    if result.status == VIOLATED:
        return Judgement(NAME, Verdict.VIOLATED, result.seconds, broken="an invariant", searched=length)
    last_line = next((line.strip() for line in reversed(result.lines) if line.strip()), "nothing")
    raise CheckerError(f"apalache-mc ended with status {result.status} and no verdict; it said: {last_line}")
