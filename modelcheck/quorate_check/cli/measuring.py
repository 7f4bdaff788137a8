"""`model-check bench`: the speed of the search, by itself and beside other checkers."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from quorate_check.cli.bench import SPECIFICATION, StoppedError, measure, print_benchmark
from quorate_check.cli.progress import Display
from quorate_check.cli.running import COMPILING, interruptible
from quorate_check.cli.side_by_side import measure_election, print_election
from quorate_check.core.verdict import Verdict
from quorate_check.tell.progress import search_line
from quorate_check.tell.report import print_conclusion

if TYPE_CHECKING:
    from quorate_check.cli.output import Output


class Part(Enum):
    """The parts of the benchmark: our searches of the cores, and one model under several checkers."""

    CORES = "cores"
    ELECTION = "election"


def run_benchmark(output: Output, part: Part | None) -> Verdict:
    """Measure `part`, or both parts, and print the figures.

    VIOLATED if searches that should agree don't; UNKNOWN if the benchmark ended early, or nothing could run.
    """
    cores, election, stopped = None, None, None
    with interruptible(output.progress) as stop, Display(output.progress, "bench", COMPILING, search_line) as display:
        try:
            if part is not Part.ELECTION:
                cores = measure(stop, display.rename, specification=SPECIFICATION)
                stopped = cores.stopped
            if part is not Part.CORES and stopped is None:
                election = measure_election(stop, display.rename)
                stopped = election.stopped
        except StoppedError as error:
            stopped = str(error)
    if cores is not None:
        print_benchmark(output.text, cores)
    if cores is not None and election is not None:
        output.text.print()
    if election is not None:
        print_election(output.text, election)
    if cores is not None or election is not None:
        output.write_json(
            {**({} if cores is None else cores.as_dict()), "election": None if election is None else election.as_dict()}
        )
    if any(each.disagreements for each in (cores, election) if each is not None):
        return Verdict.VIOLATED
    if stopped is not None:
        print_conclusion(output.text, Verdict.UNKNOWN, f"unknown: {stopped}")
        return Verdict.UNKNOWN
    return Verdict.HOLDS if cores is not None or (election is not None and election.rows) else Verdict.UNKNOWN
