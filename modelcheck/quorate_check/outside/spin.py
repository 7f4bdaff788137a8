"""Spin, the model checker of Promela: it makes a C program of a model, which searches it.

States are stored whole (no hashing to bits, no compression), by depth first, and nothing is reduced: so it counts what
others count.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quorate_check.core.verdict import Verdict
from quorate_check.outside import process
from quorate_check.outside.judgement import CheckerError, Judgement, NotRunError

NAME = "spin"
NO_SPIN = "spin isn't on the PATH: install it, for instance apt-get install spin"
NO_GCC = "spin needs gcc: install it, for instance apt-get install gcc"
PROGRAM = "pan"
FLAGS = ("-O2", "-DSAFETY", "-DNOREDUCE")
HASH_TABLE = "-w22"  # of 2^22 slots to begin with, in place of 2^24, most of which would stay empty
_STORED = re.compile(r"^\s*(\d+) states, stored", re.MULTILINE)
_TRANSITIONS = re.compile(r"^\s*(\d+) transitions", re.MULTILINE)
_ERRORS = re.compile(r"errors: (\d+)$", re.MULTILINE)
_ELAPSED = re.compile(r"^pan: elapsed time ([\d.]+) seconds", re.MULTILINE)
_VIOLATED = re.compile(r"^pan:1: assertion violated", re.MULTILINE)
_INCOMPLETE = re.compile(r"Search not completed|max search depth too small|out of memory")


@dataclass(frozen=True, slots=True)
class Tools:
    """The Spin and the C compiler that were found."""

    spin: str
    gcc: str


def find() -> Tools:
    """Return the tools; raise NotRunError saying what to install."""
    spin, gcc = shutil.which("spin"), shutil.which("gcc")
    if spin is None:
        raise NotRunError(NO_SPIN)
    if gcc is None:  # it is Spin's preprocessor, too
        raise NotRunError(NO_GCC)
    return Tools(spin, gcc)


def count(model: Path, constants: Mapping[str, int], tools: Tools, limit: process.Limit) -> Judgement:
    """Search `model` with these constants. Raise CheckerError if it fails.

    `seconds` are those of all three programs, `processor` and `memory` those of the search.
    """
    with tempfile.TemporaryDirectory(prefix="quorate-spin-") as name:
        folder = Path(name).resolve()
        shutil.copy(model, folder)  # beside which the search writes a path to a violation
        definitions = [f"-D{constant}={value}" for constant, value in constants.items()]
        seconds = 0.0
        for command in (
            [tools.spin, "-a", *definitions, model.name],
            [tools.gcc, *FLAGS, "-o", PROGRAM, f"{PROGRAM}.c"],
            [str(folder / PROGRAM), HASH_TABLE],
        ):
            result = process.run(command, folder, limit)
            seconds += result.seconds
            if result.stopped is not None:
                return Judgement(NAME, Verdict.UNKNOWN, seconds, stopped=result.stopped)
            if result.status:
                raise _failure(result)
    return replace(_judgement(result), seconds=seconds)


def _judgement(result: process.ProgramResult) -> Judgement:
    """Return what the search printed; raise CheckerError if it wasn't whole."""
    text = "\n".join(result.lines)
    stored, transitions, errors = (pattern.search(text) for pattern in (_STORED, _TRANSITIONS, _ERRORS))
    # From 10^8 on it prints rounded numbers, which are none here.
    if stored is None or transitions is None or errors is None:
        raise _failure(result)
    violated = _VIOLATED.search(text) is not None
    if not violated and (errors.group(1) != "0" or _INCOMPLETE.search(text)):
        raise _failure(result)
    elapsed = _ELAPSED.search(text)
    return Judgement(
        NAME,
        Verdict.VIOLATED if violated else Verdict.HOLDS,
        result.seconds,
        states=int(stored.group(1)),
        transitions=int(transitions.group(1)) - 1,  # it counts that to the initial state
        broken="an assertion" if violated else None,
        searching=None if elapsed is None else float(elapsed.group(1)),
        processor=result.processor,
        memory=result.memory,
    )


def _failure(result: process.ProgramResult) -> CheckerError:
    errors = [line for line in result.lines if "rror" in line or line.startswith("pan:")] or [*result.lines, "nothing"]
    return CheckerError(f"spin ended with status {result.status} and no whole count; it printed: {errors[0].strip()}")
