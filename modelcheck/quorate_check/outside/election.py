"""One model that several checkers read and count: Raft's elections, in a checkout's benchmarks/election.

Each search is a process of its own, ours too, so that their time and memory can be compared.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from quorate.runtime.paths import is_there
from quorate_check.core.verdict import Verdict
from quorate_check.outside import process, spin, tla_checker, tlc
from quorate_check.outside.judgement import CheckerError, Judgement, NotRunError

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "election"
OURS = "quorate"
MODULE = "Election"
NO_MODEL = f"the model isn't in {FOLDER}: run it from a checkout"
FEWEST_SERVERS, MOST_SERVERS, MOST_TERMS = 2, 5, 4  # of election.pml


class Judge(Enum):
    """Who can count the model."""

    QUORATE = OURS
    SPIN = spin.NAME
    TLC = tlc.NAME
    TLA_CHECKER = tla_checker.NAME

    def missing(self) -> str | None:
        """Return why it can't run here, in one line; None if it can."""
        finders = {Judge.SPIN: spin.find, Judge.TLC: tlc.find, Judge.TLA_CHECKER: tla_checker.find}
        try:
            if self in finders:
                finders[self]()
        except NotRunError as error:
            return str(error)
        return None


@dataclass(frozen=True, slots=True)
class Size:
    """So many servers, terms and messages in flight; a candidate with `quorum` votes leads."""

    servers: int = 3
    terms: int = 2
    capacity: int = 8
    quorum: int = 2

    def __post_init__(self) -> None:
        """Refuse what election.pml isn't written for."""
        assert FEWEST_SERVERS <= self.servers <= MOST_SERVERS
        assert 1 <= self.terms <= MOST_TERMS

    def as_dict(self) -> dict[str, int]:
        """Return it as JSON values."""
        return asdict(self)

    def cfg(self) -> str:
        """Return the cfg of the TLA+ text."""
        constants = "".join(f"    {name.capitalize()} = {value}\n" for name, value in self.as_dict().items())
        return f"SPECIFICATION Spec\nCONSTANTS\n{constants}INVARIANT ElectionSafety\n"


def count(size: Size, judge: Judge, limit: process.Limit | None = None, workers: int = 1) -> Judgement:
    """Have `judge` search the model; only ours and TLC have several workers.

    Raises NotRunError if it or the model isn't there, CheckerError if it fails.
    """
    limit = limit or process.Limit()
    if not is_there(FOLDER):
        raise NotRunError(NO_MODEL)
    if judge is Judge.QUORATE:
        return _ours(size, limit, workers)
    if judge is Judge.SPIN:
        constants = {name.upper(): value for name, value in size.as_dict().items()}
        return spin.count(FOLDER / "election.pml", constants, spin.find(), limit)
    with tempfile.TemporaryDirectory(prefix="quorate-election-") as name:
        folder = Path(name).resolve()
        shutil.copy(FOLDER / f"{MODULE}.tla", folder)
        (folder / f"{MODULE}.cfg").write_text(size.cfg(), encoding="utf-8")
        if judge is Judge.TLC:
            return tlc.count(MODULE, tlc.find(), folder, limit, workers)
        return tla_checker.count(MODULE, tla_checker.find(), folder, limit)


def _ours(size: Size, limit: process.Limit, workers: int) -> Judgement:
    options = [f"--{name}={value}" for name, value in {**size.as_dict(), "workers": workers}.items()]
    result = process.run([sys.executable, str(FOLDER / "election.py"), *options], FOLDER, limit)
    if result.stopped is not None:
        return Judgement(OURS, Verdict.UNKNOWN, result.seconds, stopped=result.stopped)
    if result.status or not result.lines or not result.lines[-1].startswith("{"):
        last_line = next((line.strip() for line in reversed(result.lines) if line.strip()), "nothing")
        raise CheckerError(f"our own search ended with status {result.status}; it printed: {last_line}")
    report = json.loads(result.lines[-1])
    return Judgement(
        OURS,
        Verdict(report["verdict"]),
        result.seconds,
        states=report["states"],
        depth=report["depth"],
        transitions=report["transitions"],
        broken=report["broken"],
        searching=report["seconds"],
        processor=result.processor,
        memory=result.memory,
        stopped=report["stopped"],
    )
